import { APICallError, TypeValidationError } from "@ai-sdk/provider";
import type { Dispatcher } from "undici";
import { describe, expect, it, test } from "vitest";
import { makeHealth, makeModelValue } from "@/e2e/support/gateway-values";
import { runConversation } from "@/lib/gateway/call";
import { aigne } from "@/lib/gateway/dialects/aigne/dialect";
import type { Dialect } from "@/lib/gateway/dialects/dialect";
import { openAIChat } from "@/lib/gateway/dialects/openai-chat/dialect";
import type { GatewayDependencies } from "@/lib/gateway/gateway";
import { CallMeter } from "@/lib/gateway/meter/call-meter";
import { openai } from "@/lib/gateway/providers/openai";
import { RetryBudget } from "@/lib/gateway/retry-budget";
import type { Candidate } from "@/lib/gateway/routing/candidates";

/** A call of one candidate whose surroundings the test decides; `settled` and `written` say how it ended. */
type Surroundings = {
  stream: boolean;
  definition?: object;
  secret: object | null;
  dispatcher?: object;
  dialect?: Dialect;
  silenceMs?: number;
  /** The client takes no more for now. */
  isFull?: boolean;
};
function prepare(surroundings: Surroundings) {
  const { stream, definition = openai, secret, dispatcher, dialect = openAIChat, silenceMs = 10_000 } = surroundings;
  let now = 0;
  const clock = { now: () => now, monotonic: () => now };
  const settled: string[] = [];
  const written: string[] = [];
  const reply = {
    started: false,
    gone: false,
    start() {
      this.started = true;
    },
    write: (chunk: string | Uint8Array) => written.push(String(chunk)) > 0 && !surroundings.isFull,
    end: (last?: string | Uint8Array) => void (last !== undefined && written.push(String(last))),
    send: () => {},
    cut: () => void written.push("cut"),
    onDrain: () => {},
    onGone: () => {},
  };
  const candidate = {
    definition,
    offer: { id: "off_1", upstreamModel: "u", cost: null, provider: { slug: "p", baseUrl: "http://upstream" } },
    credential: { id: "cred_1" },
  };
  const admission = {
    requestId: "req_1",
    orgId: "org_1",
    price: null,
    inputTokens: () => 3,
    clientRetry: null,
    slicing: null,
    idempotency: null,
  };
  const meter = new CallMeter(admission, { clock, settle: ({ outcome }) => settled.push(outcome) });
  const errors: unknown[] = [];
  const findings: string[] = [];
  const health = makeHealth();
  health.note = (_, finding) => void findings.push(typeof finding === "string" ? finding : finding.class);
  const deps = {
    clock,
    onError: (error: unknown) => errors.push(error),
    // so much silence before anything happens
    ticker: {
      add({ output }: { output: { tick(): void } | null }) {
        now += silenceMs;
        output?.tick();
        return () => {};
      },
    },
    vault: { secretFor: async () => secret },
    health,
    retries: new RetryBudget(() => 1),
    connect: () => dispatcher,
    sdkFetch: () => fetch,
  };
  const chat = {
    ...openAIChat.parse({ model: "m", messages: [{ role: "user", content: "hi" }], stream }, 50, {}),
    dialect,
  };
  const run = () =>
    runConversation(deps as unknown as GatewayDependencies, {
      request: { id: "req_1", headers: {} } as never,
      chat,
      models: {
        ...{ name: "m", model: makeModelValue(), remaining: 0, next: async () => "none" as const },
        plan: [[candidate as unknown as Candidate], [candidate as unknown as Candidate]],
      },
      admitted: { meter, maxOutputTokens: null, inputTokens: () => 1, rates: null },
      reply,
    });
  return { run, settled, written, meter, errors, findings };
}

it("tells a failure in the stream once a timer has sent its status", async () => {
  const { run, settled, written } = prepare({ stream: true, secret: null });
  await expect(run()).rejects.toMatchObject({ code: "provider_unavailable" });
  expect(written[0]).toBe(": ping\n\n");
  const chunk = JSON.parse(String(written[1]).slice("data: ".length));
  expect(chunk).toMatchObject({ error: { code: "provider_unavailable" }, choices: [{ finish_reason: "error" }] });
  expect(written).toHaveLength(2);
  expect(settled).toEqual(["upstream_error"]);
});

it.each([true, false])("sends the model's own limit where an upstream needs one: %s", async (needsLimit) => {
  let sent: unknown;
  const languageModel = () => ({
    async doGenerate({ maxOutputTokens }: { maxOutputTokens?: number }) {
      sent = maxOutputTokens;
      return ANSWER;
    },
  });
  const definition = { ...openai, speaks: {}, needsLimit, languageModel };
  await prepare({ stream: false, secret: {}, definition }).run();
  expect(sent).toBe(needsLimit ? makeModelValue().maxOutputTokens : undefined);
});

it("completes an answer behind whose end an event came that its module does not know", async () => {
  const finished = (choices: unknown) => [
    { type: "text-delta", id: "1", delta: "hello" },
    { type: "raw", rawValue: { choices } },
    { type: "error", error: new TypeValidationError({ value: {}, cause: null }) },
    { type: "finish", usage: ANSWER.usage, finishReason: { unified: "error", raw: undefined } },
  ];
  const languageModel = (choices: unknown) => async () => ({
    supportedUrls: {},
    doStream: async () => ({
      stream: new ReadableStream({
        start(controller) {
          for (const part of finished(choices)) controller.enqueue(part);
          controller.close();
        },
      }),
    }),
  });
  const ended = async (choices: unknown) => {
    const definition = { ...openai, speaks: {}, languageModel: languageModel(choices) };
    const { run, settled, written } = prepare({ stream: true, secret: {}, definition });
    await run();
    return [settled, written.join("").includes('"finish_reason":"length"')];
  };
  expect(await ended([{ finish_reason: "length" }])).toEqual([["ok"], true]);
  expect(await ended([{ finish_reason: null }])).toEqual([["cut"], false]);
});

const ANSWER = {
  content: [{ type: "text", text: "hello" }],
  finishReason: { unified: "stop", raw: "stop" },
  usage: { inputTokens: {}, outputTokens: {}, raw: { prompt_tokens: 1, completion_tokens: 1 } },
  warnings: [],
};

it("keeps an AIGNE client waiting with spaces, and answers behind them", async () => {
  const definition = { ...openai, speaks: {}, languageModel: () => ({ doGenerate: async () => ANSWER }) };
  const { run, settled, written } = prepare({
    ...{ stream: false, definition, secret: {}, dialect: aigne, silenceMs: 45_000 },
  });
  await run();
  expect(written[0]).toBe(" ");
  expect(JSON.parse(written.join(""))).toMatchObject({ text: "hello" });
  expect(settled).toEqual(["ok"]);
});

it("cuts the connection of an AIGNE client whose call fails after its status was sent", async () => {
  const { run, settled, written } = prepare({ stream: false, secret: null, dialect: aigne, silenceMs: 45_000 });
  await expect(run()).rejects.toMatchObject({ code: "provider_unavailable" });
  expect(written).toEqual([" ", "cut"]);
  expect(settled).toEqual(["upstream_error"]);
});

it("shows a provider's words about a bad request without the secret they repeat", async () => {
  const responseBody = JSON.stringify({ error: { message: 'max_tokens: no such thing for key "hunter22"' } });
  const refuse = async () => {
    throw new APICallError({ message: "", url: "", requestBodyValues: {}, statusCode: 400, responseBody });
  };
  const definition = { ...openai, speaks: {}, languageModel: () => ({ doGenerate: refuse }) };
  const { run, settled } = prepare({ stream: false, definition, secret: { apiKey: "hunter22" } });
  await expect(run()).rejects.toMatchObject({
    code: "invalid_request",
    message: 'max_tokens: no such thing for key "…"',
  });
  expect(settled).toEqual(["upstream_error"]);
});

it("answers a call that the hub itself has to end", async () => {
  const wait = ({ abortSignal }: { abortSignal: AbortSignal }) =>
    new Promise((_resolve, reject) => abortSignal.addEventListener("abort", () => reject(abortSignal.reason)));
  const definition = { ...openai, speaks: {}, languageModel: () => ({ doGenerate: wait }) };
  const { run, settled, meter } = prepare({ stream: false, definition, secret: {} });
  setImmediate(() => meter.abort("closed"));
  await expect(run()).rejects.toMatchObject({ code: "upstream_timeout" });
  expect(settled).toEqual(["upstream_error"]);
});

it("tries no other candidate once the hub has ended the call", async () => {
  let tried = 0;
  const doStream = async ({ abortSignal }: { abortSignal: AbortSignal }) => {
    tried++;
    await new Promise((resolve) => abortSignal.addEventListener("abort", resolve));
    throw new Error("aborted");
  };
  const definition = { ...openai, speaks: {}, languageModel: () => ({ doStream }) };
  const { run, meter } = prepare({ stream: true, definition, secret: {} });
  setImmediate(() => meter.abort("closed"));
  await expect(run()).rejects.toMatchObject({ code: "upstream_timeout" });
  expect(tried).toBe(1);
});

describe("a translated stream that waits hears that the hub ends it", () => {
  const doStream = async () => ({
    stream: new ReadableStream({
      start: (controller) => controller.enqueue({ type: "text-delta", id: "1", delta: "hello" }),
    }),
  });
  const definition = { ...openai, speaks: {}, languageModel: () => ({ doStream }) };

  test("while its client reads nothing", async () => {
    const { run, settled, meter } = prepare({ stream: true, definition, secret: {}, isFull: true });
    setImmediate(() => meter.abort("timeout"));
    await run();
    expect(settled).toEqual(["timeout"]);
  });

  test("while its hold is being extended", async () => {
    const { run, settled, meter } = prepare({ stream: true, definition, secret: {} });
    meter.hasRoom = () => false;
    setImmediate(() => meter.abort("shutdown"));
    await run();
    expect(settled).toEqual(["internal_error"]);
  });
});

it("stops reading an answer that would fill the memory", async () => {
  const megabyte = Buffer.alloc(1024 * 1024, " ");
  let sent = 0;
  const dispatch = (_options: unknown, handler: Dispatcher.DispatchHandler) => {
    let aborted = false;
    const controller = { abort: () => (aborted = true), pause: () => {}, resume: () => {} } as never;
    handler.onRequestStart?.(controller, {});
    setImmediate(() => {
      handler.onResponseStart?.(controller, 200, {});
      for (; !aborted && sent < 200; sent++) handler.onResponseData?.(controller, megabyte);
    });
    return true;
  };
  const { run, settled } = prepare({ stream: false, secret: { apiKey: "k" }, dispatcher: { dispatch } });
  await expect(run()).rejects.toMatchObject({ code: "upstream_error" });
  expect(sent).toBeLessThan(200);
  expect(settled).toEqual(["upstream_error"]);
});

it("does not take a bug of ours for a failure of the transport", async () => {
  const bug = new TypeError("a bug of ours");
  const usage = () => {
    throw bug;
  };
  const dispatch = (_options: unknown, handler: Dispatcher.DispatchHandler) => {
    const controller = { abort: () => {}, pause: () => {}, resume: () => {} } as never;
    handler.onRequestStart?.(controller, {});
    handler.onResponseStart?.(controller, 200, {});
    handler.onResponseData?.(controller, Buffer.from('{"choices":[],"usage":{}}'));
    setImmediate(() => handler.onResponseEnd?.(controller, {}));
    return true;
  };
  const definition = { ...openai, usage };
  const { run, settled } = prepare({ stream: false, definition, secret: { apiKey: "k" }, dispatcher: { dispatch } });
  await expect(run()).rejects.toBe(bug);
  expect(settled).toEqual(["internal_error"]);
});

describe("after a translated answer, a bug of ours is not taken for the provider's failure", () => {
  const bug = new TypeError("a bug of ours");
  const fail = () => {
    throw bug;
  };
  let tried = 0;
  const languageModel = () => ({
    doGenerate: async () => {
      tried++;
      return ANSWER;
    },
    doStream: async () => {
      tried++;
      const { usage, finishReason } = ANSWER;
      const stream = new ReadableStream({
        start(controller) {
          controller.enqueue({ type: "text-delta", id: "1", delta: "hello" });
          controller.enqueue({ type: "finish", usage, finishReason });
          controller.close();
        },
      });
      return { stream };
    },
  });
  type Bug = { usage?: () => never; renderWhole?: () => never; part?: () => never; finish?: () => never };
  const withBug = (stream: boolean, { usage, renderWhole, ...ofStream }: Bug) => {
    tried = 0;
    const renderStream: Dialect["renderStream"] = (...given) =>
      Object.assign(Object.create(openAIChat.renderStream(...given)), ofStream);
    return prepare({
      ...{ stream, secret: {}, definition: { ...openai, speaks: {}, languageModel, ...(usage && { usage }) } },
      dialect: { ...openAIChat, renderStream, ...(renderWhole && { renderWhole }) },
    });
  };

  test.each<[string, boolean, Bug]>([
    ["in one piece, while usage is read", false, { usage: fail }],
    ["in one piece, while it is written", false, { renderWhole: fail }],
    ["as a stream, before anything was written", true, { part: fail }],
  ])("%s", async (_, stream, where) => {
    const { run, settled, findings } = withBug(stream, where);
    await expect(run()).rejects.toBe(bug);
    expect([tried, settled, findings]).toEqual([1, ["internal_error"], ["neutral"]]);
  });

  test.each<[string, Bug, string, string]>([
    ["while usage is read", { usage: fail }, "internal_error", "neutral"],
    ["once it is settled", { finish: fail }, "ok", "success"],
  ])("as a stream, %s", async (_, where, outcome, finding) => {
    const { run, settled, written, errors, findings } = withBug(true, where);
    await run();
    expect([tried, settled, findings, errors]).toEqual([1, [outcome], [finding], [bug]]);
    expect(written.at(-1)).toContain('"code":"internal_error"');
    expect(written.join("")).not.toContain("[DONE]");
  });
});
