import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { makeCandidate, priced } from "@/e2e/support/gateway-values";
import type { Progress, ProgressAnswer, Wallet } from "@/lib/billing/wallet";
import type { Clock } from "@/lib/clock";
import { CallMeter } from "@/lib/gateway/meter/call-meter";
import { createTicker, type Ticker } from "@/lib/gateway/meter/ticker";
import type { StreamOutput } from "@/lib/gateway/stream-output";

let ticker: Ticker;
let checkpoints: Progress[];
let answer: (progress: Progress) => Promise<ProgressAnswer>;

// fake timers move both
const clock: Clock = { now: () => Date.now(), monotonic: () => Date.now() };

beforeEach(() => {
  vi.useFakeTimers();
  checkpoints = [];
  answer = async () => said("open");
  const checkpoint: Wallet["checkpoint"] = (progress) => {
    checkpoints.push(progress);
    return answer(progress);
  };
  ticker = createTicker({ wallet: { checkpoint }, clock });
});
afterEach(() => {
  ticker.stop();
  vi.useRealTimers();
});

function call(requestId = "req_1") {
  const meter = new CallMeter(
    {
      requestId,
      orgId: "org_1",
      price: priced({ input: "1", output: "4" }),
      inputTokens: () => 3,
      clientRetry: null,
      slicing: null,
      idempotency: null,
    },
    { clock, settle: () => {} },
  );
  let output = 0;
  let aborted = 0;
  let ticks = 0;
  meter.onAbort(() => aborted++);
  // safe because the ticker only ticks it
  const stream = { tick: () => ticks++ } as unknown as StreamOutput;
  const stop = ticker.add({ meter, output: stream });
  meter.beginAttempt(makeCandidate(), "relay");
  return {
    meter,
    stop,
    say(tokens: number) {
      if (output === 0) meter.firstContent(() => ({ input: 10, output }));
      output += tokens;
    },
    counts: () => ({ aborted, ticks }),
  };
}

const said = (state: string): ProgressAnswer => ({ state, amount: null, refusedBy: null, available: null });
const end = { outcome: "ok", httpStatus: 200, usage: {}, usageSource: "reported" } as const;

test("the first content is checkpointed after a moment, not at the next tick", async () => {
  const { say } = call();
  await vi.advanceTimersByTimeAsync(30);
  say(3);
  await vi.advanceTimersByTimeAsync(19);
  expect(checkpoints).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(checkpoints).toMatchObject([{ requestId: "req_1", units: 1, usage: { input: 3, output: 1 } }]);
});

test("an answer that is over within that moment is settled only", async () => {
  const { say, meter, stop } = call();
  say(3);
  meter.finish(end, 200);
  stop();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(checkpoints).toEqual([]);
  expect(ticker.size).toBe(0);
});

test("one moment serves all calls that began within it", async () => {
  const calls = ["req_1", "req_2", "req_3"].map((id) => call(id));
  for (const { say } of calls) say(1);
  await vi.advanceTimersByTimeAsync(20);
  expect(checkpoints.map(({ requestId }) => requestId)).toEqual(["req_1", "req_2", "req_3"]);
});

test("then every 250 ms as long as tokens come", async () => {
  const { say } = call();
  say(1);
  await vi.advanceTimersByTimeAsync(100);
  expect(checkpoints.map(({ units }) => units)).toEqual([1]);
  say(1);
  await vi.advanceTimersByTimeAsync(150);
  say(1);
  await vi.advanceTimersByTimeAsync(250);
  expect(checkpoints.map(({ units }) => units)).toEqual([1, 2, 3]);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(checkpoints).toHaveLength(3);
});

test("a silent call renews its hold every 30 s", async () => {
  call();
  await vi.advanceTimersByTimeAsync(95_000);
  expect(checkpoints.map(({ units, accrued }) => [units, accrued])).toEqual([
    [0, 0n],
    [0, 0n],
    [0, 0n],
  ]);
});

test("a hold that was closed under the call aborts it", async () => {
  answer = async () => said("expired");
  const { say, counts } = call();
  say(1);
  await vi.advanceTimersByTimeAsync(20);
  expect(counts().aborted).toBe(1);
});

test("but not one that has settled meanwhile", async () => {
  let respond = (_answer: ProgressAnswer) => {};
  answer = () =>
    new Promise((resolve) => {
      respond = resolve;
    });
  const { say, counts, meter } = call();
  say(1);
  await vi.advanceTimersByTimeAsync(20);
  meter.finish(end, 200);
  respond(said("captured"));
  await vi.advanceTimersByTimeAsync(0);
  expect(counts().aborted).toBe(0);
});

test("a checkpoint that fails leaves the call going on", async () => {
  answer = () => Promise.reject(new Error("database away"));
  const { say, counts } = call();
  say(1);
  await vi.advanceTimersByTimeAsync(20);
  expect(counts().aborted).toBe(0);
  say(1);
  answer = async () => said("open");
  await vi.advanceTimersByTimeAsync(250);
  expect(checkpoints.at(-1)).toMatchObject({ units: 2 });
});

test("a checkpoint without an answer is the only one of its call", async () => {
  let respond = (_answer: ProgressAnswer) => {};
  answer = () =>
    new Promise((resolve) => {
      respond = resolve;
    });
  const { say } = call();
  say(1);
  await vi.advanceTimersByTimeAsync(20);
  say(1);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(checkpoints).toHaveLength(1);
  respond(said("open"));
  await vi.advanceTimersByTimeAsync(250);
  expect(checkpoints.slice(1)).toMatchObject([{ units: 2 }]);
});

test("what runs when the process must end is ended", async () => {
  const calls = [call("req_1"), call("req_2")];
  ticker.abortAll();
  expect(calls.map(({ counts, meter }) => [counts().aborted, meter.aborted])).toEqual([
    [1, "shutdown"],
    [1, "shutdown"],
  ]);
});

test("no call runs longer than half an hour", async () => {
  const { counts } = call();
  await vi.advanceTimersByTimeAsync(30 * 60_000);
  expect(counts().aborted).toBe(0);
  await vi.advanceTimersByTimeAsync(250);
  expect(counts().aborted).toBeGreaterThan(0);
});

test("the streams of running calls are ticked, for their heartbeats", async () => {
  const { counts, stop } = call();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(counts().ticks).toBe(4);
  stop();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(counts().ticks).toBe(4);
});
