import { expect, test, vi } from "vitest";
import { makeCandidate, makeModelValue } from "@/e2e/support/gateway-values";
import type { ProgressAnswer } from "@/lib/billing/wallet";
import type { Admitted } from "@/lib/gateway/admit";
import { ModelSwitch } from "@/lib/gateway/model-switch";

function switching(checkpoint: () => Promise<ProgressAnswer>): ModelSwitch {
  const link = (id: string) => ({ model: makeModelValue({ id }), plan: [[makeCandidate()]], considered: [] });
  const size = { amount: 10n, minAmount: 10n, slice: null, affords: () => 0, limitToSend: () => null };
  const deps = { wallet: { checkpoint }, snapshots: { current: () => ({ mode: "service", starterBound: 0n }) } };
  const call = { requestId: "req_1", caller: { scope: { orgId: "org_1" } }, name: "a", sizeOf: () => () => size };
  // safe because nothing else of them is read
  const [known, asked] = [deps, call] as unknown as ConstructorParameters<typeof ModelSwitch>;
  return new ModelSwitch(known, asked, { links: [link("a"), link("b"), link("c")], leftOut: [] });
}
const admitted = { meter: { attemptCount: 1, repin() {} } } as unknown as Admitted;

test("models that cannot be paid for are passed over, with the hold as it was", async () => {
  const refused = { state: "open", amount: 5n, refusedBy: "rpm", available: null };
  const models = switching(async () => refused);
  expect(await models.next(admitted)).toBe("none");
  expect([models.model.id, models.remaining]).toEqual(["a", 0]);
});

test("a database that does not say whether it pinned the hold is asked for no further model", async () => {
  vi.useFakeTimers();
  const checkpoint = vi.fn(() => new Promise<ProgressAnswer>(() => {}));
  const models = switching(checkpoint);
  const next = models.next(admitted);
  await vi.advanceTimersByTimeAsync(2_000);
  vi.useRealTimers();
  expect(await next).toBe("unknown");
  expect(checkpoint).toHaveBeenCalledTimes(1);
  expect(models.remaining).toBe(0);
});
