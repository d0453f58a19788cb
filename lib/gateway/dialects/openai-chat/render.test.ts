import type { LanguageModelV4GenerateResult, LanguageModelV4StreamPart } from "@ai-sdk/provider";
import { describe, expect, it, test } from "vitest";
import { ChunkRenderer, renderCompletion } from "@/lib/gateway/dialects/openai-chat/render";
import { packState } from "@/lib/gateway/dialects/provider-state";
import type { JsonObject } from "@/lib/gateway/json-body";

const identity = { id: "chatcmpl-1", created: 7, model: "example/chat" };
type Delta = { role?: string; content?: string; reasoning_content?: string; tool_calls?: JsonObject[] };
type Finish = LanguageModelV4StreamPart & { type: "finish" };

/** The chunks that these parts and this finish make. */
function render(
  parts: LanguageModelV4StreamPart[],
  finish: Finish["finishReason"] = { unified: "stop", raw: "end" },
  body: JsonObject = {},
) {
  const renderer = new ChunkRenderer({ body, includeUsage: false }, { identity, provider: "anthropic" });
  const wire = parts.map((part) => renderer.part(part)).join("") + renderer.finish(finish, {}, null);
  expect(wire.endsWith("\n\n")).toBe(true);
  const chunks = wire
    .slice(0, -2)
    .split("\n\n")
    .filter((frame) => frame !== "data: [DONE]")
    .map((frame) => {
      expect(frame.startsWith("data: ")).toBe(true);
      return JSON.parse(frame.slice(6)) as JsonObject & { choices: JsonObject[] };
    });
  const deltas = chunks.map(({ choices }) => choices[0]?.delta as Delta);
  return { chunks, deltas };
}

const said = (delta: string) => ({ type: "text-delta" as const, id: "0", delta });
const thought = (delta: string) => ({ type: "reasoning-delta" as const, id: "0", delta });
const opens = (id: string, toolName: string) => ({ type: "tool-input-start" as const, id, toolName });
const adds = (id: string, delta: string) => ({ type: "tool-input-delta" as const, id, delta });
const called = (toolCallId: string, toolName: string, input: string) => ({
  type: "tool-call" as const,
  toolCallId,
  toolName,
  input,
});

/** What a client that collects fragments ends up with. */
function collect(deltas: Delta[]) {
  const tools: { id: unknown; name: unknown; input: string }[] = [];
  for (const fragment of deltas.flatMap((delta) => delta.tool_calls ?? [])) {
    const { index, id, function: fn } = fragment as { index: number; id?: string; function: JsonObject };
    if (id !== undefined) {
      expect(index).toBe(tools.length);
      expect(fragment.type).toBe("function");
      tools.push({ id, name: fn.name, input: "" });
    } else expect(fn).not.toHaveProperty("name");
    const tool = tools[index];
    if (!tool) throw new Error("a fragment came before its tool call");
    tool.input += fn.arguments;
  }
  return tools;
}

describe("the order of a stream", () => {
  test("role first and once, then reasoning, content and one finish reason", () => {
    const { chunks, deltas } = render([thought("hm"), said("Hel"), said(""), said("lo")]);
    expect(deltas).toEqual([
      { role: "assistant", content: "", refusal: null },
      { reasoning_content: "hm" },
      { content: "Hel" },
      { content: "lo" },
      {},
    ]);
    expect(chunks.map(({ choices }) => choices[0]?.finish_reason)).toEqual([null, null, null, null, "stop"]);
    for (const chunk of chunks) expect(chunk).toMatchObject({ ...identity, object: "chat.completion.chunk" });
    for (const chunk of chunks) expect(chunk).not.toHaveProperty("usage");
    expect(chunks.at(-1)?.choices[0]).toMatchObject({ index: 0, logprobs: null, native_finish_reason: "end" });
  });

  test("an answer of nothing still has a role and a finish reason", () => {
    expect(render([]).deltas).toEqual([{ role: "assistant", content: "", refusal: null }, {}]);
  });

  test("parts that chat has no words for make no frame", () => {
    expect(
      render([{ type: "stream-start", warnings: [] }, { type: "text-start", id: "0" }, said("x")]).deltas.length,
    ).toBe(3);
  });
});

describe("reasoning", () => {
  const signed: LanguageModelV4StreamPart[] = [
    { type: "reasoning-start", id: "0" },
    thought("hm "),
    thought("yes"),
    { type: "reasoning-delta", id: "0", delta: "", providerMetadata: { anthropic: { signature: "sig" } } },
    { type: "reasoning-end", id: "0" },
  ];

  test("what is signed comes whole before the content, for the client to send back", () => {
    const { deltas } = render([...signed, said("x")]);
    expect(deltas.slice(1, -1)).toEqual([
      { reasoning_content: "hm " },
      { reasoning_content: "yes" },
      {
        reasoning_details: [
          {
            index: 0,
            type: "reasoning.text",
            text: "hm yes",
            signature: packState("anthropic", { anthropic: { signature: "sig" } }),
          },
        ],
      },
      { content: "x" },
    ]);
  });

  test("what is encrypted has no text", () => {
    const redacted = { anthropic: { redactedData: "data" } };
    const { deltas } = render([
      { type: "reasoning-start", id: "0", providerMetadata: redacted },
      { type: "reasoning-end", id: "0" },
    ]);
    expect(deltas[1]).toEqual({
      reasoning_details: [{ index: 0, type: "reasoning.encrypted", data: packState("anthropic", redacted) }],
    });
  });

  test("is said by both names to a client that asked with an object, and hidden from one that excludes it", () => {
    expect(render([thought("hm")], undefined, { reasoning: { effort: "low" } }).deltas[1]).toEqual({
      reasoning_content: "hm",
      reasoning: "hm",
    });
    expect(render([...signed, said("x")], undefined, { reasoning: { exclude: true } }).deltas).toEqual([
      { role: "assistant", content: "", refusal: null },
      { content: "x" },
      {},
    ]);
  });
});

describe("tool calls", () => {
  test("id and name once, arguments in pieces, indexes dense from 0 even where calls interleave", () => {
    const { deltas, chunks } = render([
      said("let me see"),
      opens("c1", "sun"),
      opens("c2", "rain"),
      adds("c2", '{"b"'),
      adds("c1", '{"a":1}'),
      adds("c2", ":2}"),
      called("c1", "sun", '{"a":1}'),
      called("c2", "rain", '{"b":2}'),
    ]);
    expect(collect(deltas)).toEqual([
      { id: "c1", name: "sun", input: '{"a":1}' },
      { id: "c2", name: "rain", input: '{"b":2}' },
    ]);
    expect(deltas[2]?.tool_calls).toEqual([
      { index: 0, id: "c1", type: "function", function: { name: "sun", arguments: "" } },
    ]);
    expect(deltas[4]?.tool_calls).toEqual([{ index: 1, function: { arguments: '{"b"' } }]);
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe("tool_calls");
  });

  test("a call without deltas still comes whole", () => {
    expect(collect(render([called("c1", "sun", '{"a":1}')]).deltas)).toEqual([
      { id: "c1", name: "sun", input: '{"a":1}' },
    ]);
    expect(collect(render([opens("c1", "sun"), called("c1", "sun", '{"a":1}')]).deltas)).toEqual([
      { id: "c1", name: "sun", input: '{"a":1}' },
    ]);
  });

  it.each([
    ["no deltas", [called("c1", "now", "")]],
    ["only an empty delta", [opens("c1", "now"), adds("c1", ""), called("c1", "now", "{}")]],
  ])('no arguments are "{}": %s', (_title, parts) => {
    expect(collect(render(parts).deltas)).toEqual([{ id: "c1", name: "now", input: "{}" }]);
  });
});

describe("finish reasons", () => {
  it.each([
    ["stop", "stop"],
    ["length", "length"],
    ["tool-calls", "tool_calls"],
    ["content-filter", "content_filter"],
    ["other", "stop"],
  ] as const)("%s is %s", (unified, finish_reason) => {
    expect(render([said("x")], { unified, raw: undefined }).chunks.at(-1)?.choices).toEqual([
      { index: 0, delta: {}, logprobs: null, finish_reason },
    ]);
  });

  test("a length limit inside a tool call stays length", () => {
    const { chunks } = render([opens("c1", "f"), adds("c1", "{")], { unified: "length", raw: "max" });
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe("length");
  });
});

const shown = {
  prompt_tokens: 18,
  completion_tokens: 7,
  total_tokens: 25,
  prompt_tokens_details: { cached_tokens: 3, cache_write_tokens: 5, audio_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: 4, audio_tokens: 0 },
};
const usage = { input: 10, cacheRead: 3, cacheWrite: 4, cacheWrite1h: 1, output: 3, reasoning: 4 };

test("the usage chunk has no choices, inclusive totals and the price as a number", () => {
  const frames = new ChunkRenderer({ body: {}, includeUsage: true }, { identity, provider: "anthropic" })
    .finish({ unified: "stop", raw: "end" }, usage, 1_234n)
    .split("\n\n");
  expect(frames.slice(-2)).toEqual(["data: [DONE]", ""]);
  expect(JSON.parse(frames.at(-3)?.slice(6) ?? "")).toEqual({
    ...identity,
    object: "chat.completion.chunk",
    choices: [],
    usage: { ...shown, cost: 0.000001234 },
  });
});

describe("a whole answer", () => {
  const answer = (content: LanguageModelV4GenerateResult["content"], unified: "stop" | "length" = "stop") =>
    renderCompletion(
      { body: {} },
      { content, finishReason: { unified, raw: "raw" }, usage: {} as never, warnings: [] },
      { identity, provider: "anthropic", usage, price: null },
    );

  test("has every key that strict clients look for", () => {
    expect(answer([{ type: "text", text: "hello" }])).toEqual({
      ...identity,
      object: "chat.completion",
      choices: [
        {
          index: 0,
          message: { role: "assistant", content: "hello", refusal: null },
          logprobs: null,
          finish_reason: "stop",
          native_finish_reason: "raw",
        },
      ],
      usage: shown,
    });
  });

  test("tool calls have text arguments and content null", () => {
    const [choice] = answer([called("c1", "now", ""), { type: "reasoning", text: "hm" }]).choices;
    expect(choice?.finish_reason).toBe("tool_calls");
    expect(choice?.message).toEqual({
      role: "assistant",
      content: null,
      refusal: null,
      reasoning_content: "hm",
      tool_calls: [{ id: "c1", type: "function", function: { name: "now", arguments: "{}" } }],
    });
  });

  test("an empty answer is an empty text", () => {
    expect(answer([]).choices[0]?.message.content).toBe("");
  });
});
