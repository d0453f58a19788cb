import type { APIError } from "openai";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { toUsdNumber } from "@/lib/money";
import { type ContractHub, DOORS, startContractHub, type Tenant } from "./hub";
import { schemaErrors, schemasAbsent } from "./schemas";

let hub: ContractHub;
let tenant: Tenant;

beforeAll(async () => {
  hub = await startContractHub();
  if (schemasAbsent) console.log(schemasAbsent);
});
beforeEach(async () => {
  tenant = await hub.tenant();
});
afterEach(() => hub.assertHealthy(tenant));
afterAll(() => hub.stop());

const messages = [
  { role: "system" as const, content: "be kind" },
  { role: "user" as const, content: "say some words" },
];
const tools = [
  {
    type: "function" as const,
    function: { name: "get_weather", parameters: { type: "object", properties: { city: { type: "string" } } } },
  },
];

type Chunk = {
  id: string;
  created: number;
  model: string;
  object: string;
  choices: {
    index: number;
    delta: Record<string, unknown>;
    finish_reason: string | null;
    native_finish_reason?: string;
  }[];
  usage?: Record<string, unknown> | null;
};

/** OpenAI chat calls served by an upstream that speaks Anthropic's wire. */
describe.each(DOORS)("%s door", (door) => {
  const client = () => hub.openai(door, tenant.key);
  const chunksOf = async (upstream: string, body: Record<string, unknown> = {}) => {
    const model = await hub.translatedModel(upstream);
    const response = await hub.post(door, "/chat/completions", tenant.key, { model, messages, stream: true, ...body });
    const text = await response.text();
    expect(response.status, text).toBe(200);
    const payloads = text
      .split("\n\n")
      .filter((frame) => frame.startsWith("data: "))
      .map((frame) => frame.slice(6));
    const chunks = payloads.filter((payload) => payload !== "[DONE]").map((payload) => JSON.parse(payload) as Chunk);
    return { model, text, payloads, chunks, event: await hub.settled(response.headers.get("x-request-id")) };
  };

  test("a plain answer in OpenAI's shape, charged what the upstream reported", async () => {
    const model = await hub.translatedModel("text:tokens=40");
    const { data, response } = await client().chat.completions.create({ model, messages }).withResponse();
    expect(data).toMatchObject({
      object: "chat.completion",
      model,
      choices: [{ index: 0, finish_reason: "stop", logprobs: null, message: { role: "assistant", refusal: null } }],
    });
    expect(data.choices[0]?.message.content?.split(" ")).toHaveLength(40);
    expect(data.choices[0]?.message).not.toHaveProperty("tool_calls");
    const truth = hub.anthropicTruth.last;
    expect(truth?.body).toMatchObject({ model: "text:tokens=40", max_tokens: expect.any(Number) });
    expect(truth?.headers["x-api-key"] ?? truth?.headers.authorization).toContain("sk-simulated");
    const event = await hub.settled(response.headers.get("x-request-id"));
    expect(event).toMatchObject({
      route: "translate",
      usageSource: "reported",
      inputTokens: truth?.usage.input,
      outputTokens: 40,
      upstreamId: truth?.id,
    });
    expect(event.priceNano).toBe(hub.priceOf(truth));
    expect(data.usage).toMatchObject({ completion_tokens: 40, cost: toUsdNumber(event.priceNano) });
    if (!schemasAbsent) expect(schemaErrors("CreateChatCompletionResponse", data)).toEqual([]);
  });

  test("cache classes are apart in the receipt and inclusive in the answer", async () => {
    const model = await hub.translatedModel("usage-cached:read=100,write=50,write1h=20");
    const { data, response } = await client().chat.completions.create({ model, messages }).withResponse();
    const event = await hub.settled(response.headers.get("x-request-id"));
    expect(event).toMatchObject({
      inputTokens: 11,
      cacheReadTokens: 100,
      cacheWriteTokens: 50,
      cacheWrite1hTokens: 20,
    });
    expect(event.priceNano).toBe(hub.priceOf(hub.anthropicTruth.last));
    expect(data.usage).toMatchObject({
      prompt_tokens: 181,
      prompt_tokens_details: { cached_tokens: 100, cache_write_tokens: 70 },
    });
  });

  test.each(["text:tokens=40", "split-bytes", "crlf", "merged", "comments", "unknown-events"])(
    "stream %s follows the order of the contract",
    async (upstream) => {
      const { model, payloads, chunks, event } = await chunksOf(upstream);
      expect(payloads.at(-1)).toBe("[DONE]");
      expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
      expect(new Set(chunks.map(({ created }) => created)).size).toBe(1);
      expect(new Set(chunks.map((chunk) => chunk.model))).toEqual(new Set([model]));
      expect(chunks[0]?.choices).toEqual([
        { index: 0, delta: { role: "assistant", content: "", refusal: null }, logprobs: null, finish_reason: null },
      ]);
      for (const { choices } of chunks) expect(choices).toHaveLength(1);
      for (const { choices } of chunks.slice(1)) expect(choices[0]?.delta).not.toHaveProperty("role");
      const finishes = chunks.map(({ choices }) => choices[0]?.finish_reason);
      expect(finishes.filter((finish) => finish !== null)).toEqual(["stop"]);
      expect(chunks.at(-1)?.choices[0]).toMatchObject({
        delta: {},
        finish_reason: "stop",
        native_finish_reason: "end_turn",
      });
      expect(event).toMatchObject({ outcome: "ok", outputTokens: upstream === "text:tokens=40" ? 40 : 12 });
      if (!schemasAbsent)
        for (const chunk of chunks) expect(schemaErrors("CreateChatCompletionStreamResponse", chunk)).toEqual([]);
    },
  );

  test("usage comes once, in a frame of its own, only when asked", async () => {
    const { chunks, event } = await chunksOf("text", { stream_options: { include_usage: true } });
    const withUsage = chunks.filter(({ usage }) => usage);
    expect(withUsage).toHaveLength(1);
    expect(withUsage[0]).toMatchObject({
      choices: [],
      usage: { completion_tokens: 12, cost: toUsdNumber(event.priceNano) },
    });
    expect(chunks.at(-1)).toBe(withUsage[0]);
    expect((await chunksOf("text")).chunks.filter(({ usage }) => usage)).toHaveLength(0);
  });

  test("tool calls: id and name once, dense indexes, arguments always a string", async () => {
    const { chunks } = await chunksOf("tools-parallel", { tools });
    const fragments = chunks.flatMap(
      ({ choices }) =>
        (choices[0]?.delta.tool_calls as {
          index: number;
          id?: string;
          function: { name?: string; arguments: string };
        }[]) ?? [],
    );
    expect(fragments.filter(({ id }) => id).map(({ index, function: { name } }) => [index, name])).toEqual([
      [0, "get_weather"],
      [1, "get_weather"],
    ]);
    for (const { function: call } of fragments) expect(call.arguments).toEqual(expect.any(String));
    const joined = [0, 1].map((wanted) =>
      fragments
        .filter(({ index }) => index === wanted)
        .map(({ function: call }) => call.arguments)
        .join(""),
    );
    expect(joined.map((text) => JSON.parse(text))).toEqual([{ city: "Paris" }, { city: "Tokyo" }]);
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe("tool_calls");
  });

  test("the strict helper completes tools, thinking and a refusal", async () => {
    const final = async (upstream: string) =>
      client()
        .chat.completions.stream({ model: await hub.translatedModel(upstream), messages, tools })
        .finalChatCompletion();
    expect((await final("tool-no-args")).choices[0]?.message.tool_calls).toMatchObject([
      { function: { name: "get_time", arguments: "{}" } },
    ]);
    expect((await final("reasoning")).choices[0]?.message).toMatchObject({
      reasoning_content: expect.stringContaining("think"),
    });
    expect((await final("length")).choices[0]?.finish_reason).toBe("length");
    expect((await final("refusal")).choices[0]?.finish_reason).toBe("content_filter");
    expect((await final("empty")).choices[0]?.finish_reason).toBe("stop");
    await hub.quiet(tenant);
  });

  test("thinking comes before content, its signature can be sent back", async () => {
    const { chunks } = await chunksOf("reasoning");
    const kinds = chunks
      .map(({ choices }) =>
        "reasoning_content" in (choices[0]?.delta ?? {}) ? "r" : choices[0]?.delta.content ? "c" : "",
      )
      .join("");
    expect(kinds).toMatch(/^r+c+$/);
  });

  test.each([
    ["error:401", 503],
    ["error:429", 503],
    ["error:529", 503],
    ["error:500", 502],
    ["error:400", 400],
    ["context-length", 400],
    ["html-502", 502],
    ["error-midstream:after=0", undefined],
  ])("upstream %s is %s", async (upstream, status) => {
    for (const stream of [false, true]) {
      if (status === undefined && !stream) continue;
      const error = (await client()
        .chat.completions.create({ model: await hub.translatedModel(upstream), messages, stream })
        .catch((thrown: unknown) => thrown)) as APIError;
      expect(error.status).toBe(status ?? 503);
      if (upstream === "context-length")
        expect(error).toMatchObject({
          code: "context_length_exceeded",
          message: expect.stringContaining("maximum context length"),
        });
      expect(await hub.settled(error.requestID ?? "")).toMatchObject({ priceNano: 0n });
    }
  });

  test.each([
    ["cut:after=7", 7],
    ["reset:after=3", 3],
    ["error-midstream:after=3", 3],
  ])("%s ends in an error frame and is paid for input and %i tokens", async (upstream, tokens) => {
    const { text, chunks, event } = await chunksOf(upstream);
    expect(text).not.toContain("[DONE]");
    expect(chunks.at(-1)).toMatchObject({
      error: { type: "server_error" },
      choices: [{ index: 0, delta: {}, finish_reason: "error" }],
    });
    // the opening frame reported the input; the output is what arrived
    expect(event).toMatchObject({ outcome: "cut", outputTokens: tokens });
    expect(event.inputTokens).toBeGreaterThan(0);
  });

  test("a client that leaves stops the upstream", async () => {
    const model = await hub.translatedModel("endless:interval=5");
    const { data: stream, response } = await client()
      .chat.completions.create({ model, messages, stream: true })
      .withResponse();
    let seen = 0;
    for await (const _ of stream) if (++seen === 10) break;
    const event = await hub.settled(response.headers.get("x-request-id"));
    expect(event).toMatchObject({ outcome: "client_gone" });
    expect(event.outputTokens).toBeGreaterThan(0);
    await expect.poll(() => hub.anthropicTruth.last?.outcome, { timeout: 5_000 }).toBe("client-gone");
  });
});
