import { expect, it } from "vitest";
import type { Wallet } from "@/lib/billing/wallet";
import { HoldTimes } from "@/lib/gateway/hold-times";

it("knows what 99 of 100 holds of the last five minutes took", async () => {
  let now = 0;
  let takes = 0;
  const times = new HoldTimes({ monotonic: () => now });
  const authorize = async () => {
    now += takes;
    if (takes < 0) throw new Error("away");
  };
  const wallet = times.measured({ authorize } as unknown as Wallet);
  const hold = (ms: number) => {
    takes = ms;
    return wallet.authorize({} as never);
  };
  expect(times.p99Ms).toBeNull();
  for (let n = 0; n < 99; n++) await hold(4);
  await hold(900);
  expect(times.p99Ms).toBe(4);
  await hold(800);
  expect(times.p99Ms).toBe(800);
  await expect(hold(-1)).rejects.toThrow("away");
  now += 5 * 60_000 + 2;
  expect(times.p99Ms).toBeNull();
});
