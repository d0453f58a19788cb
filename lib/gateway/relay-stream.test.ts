import type { Dispatcher } from "undici";
import { expect, test } from "vitest";
import { fakeClock, makeCandidate, makeChat, priced } from "@/e2e/support/gateway-values";
import type { Settlement } from "@/lib/billing/wallet";
import type { AttemptContext } from "@/lib/gateway/attempt";
import type { Reply } from "@/lib/gateway/exchange";
import { CallMeter } from "@/lib/gateway/meter/call-meter";
import { relayStream } from "@/lib/gateway/relay-stream";
import { StreamOutput } from "@/lib/gateway/stream-output";
import { WHOLE_TIMEOUTS } from "@/lib/gateway/timeouts";
import { NOTHING_REPORTED } from "@/lib/gateway/usage/reading";

const frame = (content: string) => `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`;
const MEGABYTE = 1024 * 1024;

/** A relayed stream whose upstream the test plays; `written` counts what the client got. */
function start(given: Partial<AttemptContext> = {}) {
  const clock = fakeClock();
  const settled: Settlement[] = [];
  const errors: unknown[] = [];
  let written = 0;
  let last = "";
  const reply: Reply = {
    started: false,
    gone: false,
    send: () => {},
    start: () => {},
    write: (chunk) => {
      written += chunk.length;
      return true;
    },
    end: (chunk) => {
      last = String(chunk);
    },
    cut: () => {},
    onDrain: () => {},
    onGone: () => {},
  };
  const meter = new CallMeter(
    {
      requestId: "req_1",
      orgId: "org_1",
      price: priced({ input: "1", output: "4" }),
      inputTokens: () => 3,
      clientRetry: null,
      slicing: null,
      idempotency: null,
    },
    { clock, settle: (settlement) => void settled.push(settlement) },
  );
  const candidate = makeCandidate();
  meter.beginAttempt(candidate, "relay");
  let aborted = false;
  // safe because the relay uses the controller only to pause, resume and abort
  const controller = {
    pause() {},
    resume() {},
    abort() {
      aborted = true;
    },
  } as unknown as Dispatcher.DispatchController;
  let handler: Dispatcher.DispatchHandler = {};
  const dispatch: Dispatcher["dispatch"] = (_options, given) => {
    handler = given;
    handler.onRequestStart?.(controller, {});
    handler.onResponseStart?.(controller, 200, {}, "OK");
    return true;
  };
  const result = relayStream({
    chat: makeChat({ stream: true }),
    candidate,
    secret: { apiKey: "k" },
    maxOutputTokens: null,
    requestId: "req_1",
    meter,
    reply,
    output: new StreamOutput(reply, {}, clock),
    answerHeaders: {},
    inputTokens: () => 3,
    connect: () => ({ dispatch }) as Dispatcher,
    timeouts: WHOLE_TIMEOUTS,
    sdkFetch: () => fetch,
    fileFetch: fetch,
    clock,
    onError: (error) => errors.push(error),
    ...given,
  });
  const say = async (text: string | Buffer) => {
    handler.onResponseData?.(controller, typeof text === "string" ? Buffer.from(text) : text);
    await Promise.resolve();
  };
  return { result, say, settled, errors, meter, reached: () => ({ aborted, written, last }) };
}

/** A provider file whose reading of usage fails the first `times`. */
function withBug(times: number) {
  const candidate = makeCandidate();
  let calls = 0;
  const usage = () => {
    if (calls++ < times) throw new RangeError("a bug of ours");
    return NOTHING_REPORTED;
  };
  return { ...candidate, definition: { ...candidate.definition, usage } };
}

test("our own error is reported and ends the stream cleanly, charged for what arrived", async () => {
  const { result, say, settled, errors, reached } = start({ candidate: withBug(1) });
  await say(frame("hello"));
  await say("data: [DONE]\n\n");
  expect(await result).toEqual({ answered: true });
  expect(errors).toMatchObject([{ message: "a bug of ours" }]);
  expect(reached()).toMatchObject({ aborted: true, last: expect.stringContaining('"code":"internal_error"') });
  expect(settled).toMatchObject([{ outcome: "internal_error", usage: { input: 3, output: 1 } }]);
});

test.each([
  ["after some output is charged, and named for who gives it back", frame("hello"), "4000", "shutdown"],
  ["before any output costs nothing", "data: {}\n\n", "0", "shutdown"],
])("a stream cut by a shutdown %s", async (_, said, output, finishReason) => {
  const { result, say, settled, meter, reached } = start();
  await say(said);
  meter.abort("shutdown");
  expect(await result).toEqual({ answered: true });
  const price = output === "0" ? "0" : String(3_000 + Number(output));
  expect(settled).toMatchObject([{ outcome: "internal_error", finish_reason: finishReason, price }]);
  expect(reached().last).toContain('"finish_reason":"error"');
  expect(reached().last).not.toContain("[DONE]");
});

test("an error that keeps it from settling is left to the call, once", async () => {
  const { result, say, settled, errors } = start({ candidate: withBug(2) });
  await say(frame("hello"));
  await say("data: [DONE]\n\n");
  await expect(result).rejects.toThrow("a bug of ours");
  await say(frame("more"));
  expect([errors.length, settled]).toEqual([1, []]);
});

test("an event beyond 8 MB is the provider's fault: the next candidate may do better", async () => {
  const { result, say, errors, reached } = start();
  await say(Buffer.alloc(8 * MEGABYTE + 1, "x"));
  expect(await result).toMatchObject({ answered: false, failure: { class: "server" } });
  expect([reached().aborted, errors]).toEqual([true, []]);
});

test("a provider that never gets to its content is left after 4 MB", async () => {
  const { result, say, reached } = start();
  const comment = `: ${"x".repeat(MEGABYTE)}\n\n`;
  for (let i = 0; i < 5; i++) await say(comment);
  expect(await result).toMatchObject({ answered: false, failure: { class: "server" } });
  expect(reached()).toMatchObject({ aborted: true, written: 0 });
});

test("a stream ends at 256 MB with an error, charged for what arrived", async () => {
  const { result, say, settled, reached } = start();
  await say(frame("hello"));
  const comment = Buffer.from(`: ${"x".repeat(2 * MEGABYTE)}\n\n`);
  for (let i = 0; i < 130 && !reached().aborted; i++) await say(comment);
  expect(await result).toEqual({ answered: true });
  expect(reached().aborted).toBe(true);
  expect(reached().written).toBeLessThan(256 * MEGABYTE);
  expect(reached().last).toContain('"finish_reason":"error"');
  expect(settled).toMatchObject([{ outcome: "cut", usage: { input: 3, output: 1 } }]);
});
