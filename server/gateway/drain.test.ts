import { expect, test } from "vitest";
import { drainGateway } from "./drain";

function stage(calls: Set<string>, timeoutMs: number) {
  const steps: string[] = [];
  const step = (name: string) => () => void steps.push(`${name} with ${calls.size} calls`);
  const done = drainGateway({
    ...{ calls, timeoutMs, notice: { probed() {}, ms: 0 } },
    server: {
      close: step("closed") as never,
      closeIdleConnections() {},
      closeAllConnections: step("cut"),
    },
    runtime: { drain: async () => step("drained")(), stop: async () => {} },
  });
  return { steps, done };
}

test("a call that waits for its hold, which no meter knows yet, is not cut off", async () => {
  const calls = new Set(["waits"]);
  const { steps, done } = stage(calls, 30_000);
  await expect.poll(() => steps).toEqual(["closed with 1 calls"]);
  calls.clear();
  await done;
  expect(steps).toEqual(["closed with 1 calls", "drained with 0 calls", "cut with 0 calls"]);
});

test("one that does not end is, when the time is over", async () => {
  const { steps, done } = stage(new Set(["hangs"]), 50);
  await done;
  expect(steps).toEqual(["closed with 1 calls", "drained with 1 calls", "cut with 1 calls"]);
});
