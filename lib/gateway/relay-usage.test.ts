import type { Dispatcher } from "undici";
import { expect, test } from "vitest";
import { fakeClock, makeCandidate, makeChat, priced } from "@/e2e/support/gateway-values";
import type { Settlement } from "@/lib/billing/wallet";
import type { AttemptContext } from "@/lib/gateway/attempt";
import type { Reply } from "@/lib/gateway/exchange";
import type { JsonObject } from "@/lib/gateway/json-body";
import { CallMeter } from "@/lib/gateway/meter/call-meter";
import { relayStream } from "@/lib/gateway/relay-stream";
import { relayWhole } from "@/lib/gateway/relay-whole";
import { StreamOutput } from "@/lib/gateway/stream-output";
import { WHOLE_TIMEOUTS } from "@/lib/gateway/timeouts";

const OURS = { cost: 0.1, cost_details: { upstream_inference_cost: 0.1 }, is_byok: false, cost_in_usd_ticks: 9 };
const REPORTED = { prompt_tokens: 1_000, completion_tokens: 10 };
const IMPLAUSIBLE = { prompt_tokens: -5, completion_tokens: 10 };

/** One relayed call against an upstream that answers `usage`; returns the usage objects that the client saw. */
async function relayed({ stream, usage, isPriced }: { stream: boolean; usage: object; isPriced: boolean }) {
  const clock = fakeClock();
  const written: string[] = [];
  const settled: Settlement[] = [];
  const reply: Reply = {
    started: false,
    gone: false,
    send: (_status, _headers, body) => void written.push(String(body)),
    start: () => {},
    write: (chunk) => {
      written.push(String(chunk));
      return true;
    },
    end: (last) => void (last !== undefined && written.push(String(last))),
    cut: () => {},
    onDrain: () => {},
    onGone: () => {},
  };
  const meter = new CallMeter(
    {
      requestId: "req_1",
      orgId: "org_1",
      price: isPriced ? priced({ input: "1", output: "4" }) : null,
      inputTokens: () => 3,
      clientRetry: null,
      slicing: null,
      idempotency: null,
    },
    { clock, settle: (settlement) => void settled.push(settlement) },
  );
  const candidate = makeCandidate();
  meter.beginAttempt(candidate, "relay");
  const context = {
    chat: makeChat({ stream, ...(stream && { stream_options: { include_usage: true } }) }),
    candidate,
    secret: { apiKey: "k" },
    maxOutputTokens: null,
    requestId: "req_1",
    meter,
    reply,
    output: stream ? new StreamOutput(reply, {}, clock) : null,
    answerHeaders: {},
    inputTokens: () => 3,
    connect: () => upstream(stream, usage),
    timeouts: WHOLE_TIMEOUTS,
    sdkFetch: () => fetch,
    fileFetch: fetch,
    clock,
    onError: () => {},
  } satisfies AttemptContext;
  expect(await (stream ? relayStream(context) : relayWhole(context))).toEqual({ answered: true });
  const answers = stream ? written.join("").match(/(?<=^data: )\{.*/gm) : written;
  const seen = (answers ?? []).flatMap((text) => (JSON.parse(text) as JsonObject).usage ?? []);
  return { seen, settled };
}

function upstream(stream: boolean, usage: object): Dispatcher {
  const choice = { index: 0, finish_reason: "stop" };
  const body = stream
    ? [
        { choices: [{ ...choice, delta: { content: "hello" } }] },
        { choices: [], usage: { ...usage, ...OURS } },
        "[DONE]",
      ]
        .map((chunk) => `data: ${typeof chunk === "string" ? chunk : JSON.stringify(chunk)}\n\n`)
        .join("")
    : JSON.stringify({ choices: [{ ...choice, message: { content: "hello" } }], usage: { ...usage, ...OURS } });
  const dispatch: Dispatcher["dispatch"] = (_options, handler) => {
    // safe because the relay uses the controller only to pause, resume and abort
    const controller = { pause() {}, resume() {}, abort() {} } as unknown as Dispatcher.DispatchController;
    handler.onRequestStart?.(controller, {});
    handler.onResponseStart?.(controller, 200, {}, "OK");
    handler.onResponseData?.(controller, Buffer.from(body));
    handler.onResponseEnd?.(controller, {});
    return true;
  };
  return { dispatch } as Dispatcher;
}

test.each([false, true])("the price replaces our cost, stream: %s", async (stream) => {
  const { seen, settled } = await relayed({ stream, usage: REPORTED, isPriced: true });
  expect(seen).toEqual([{ ...REPORTED, cost: 0.00104 }]);
  expect(settled).toMatchObject([{ price: "1040000", usage_source: "reported", outcome: "ok" }]);
});

test.each([false, true])("without a price our cost does not show either, stream: %s", async (stream) => {
  const { seen, settled } = await relayed({ stream, usage: REPORTED, isPriced: false });
  expect(seen).toEqual([REPORTED]);
  expect(settled).toMatchObject([{ price: null }]);
});

test.each([false, true])("nor beside usage that cannot be true, stream: %s", async (stream) => {
  const { seen, settled } = await relayed({ stream, usage: IMPLAUSIBLE, isPriced: true });
  for (const usage of seen as JsonObject[]) {
    expect(usage).not.toHaveProperty("cost_details");
    expect([undefined, 0.000007]).toContain(usage.cost);
  }
  expect(settled).toMatchObject([{ price: "7000", usage_source: "estimated" }]);
});
