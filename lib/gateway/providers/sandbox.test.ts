import type { LanguageModelV4CallOptions, LanguageModelV4Content, LanguageModelV4StreamPart } from "@ai-sdk/provider";
import { describe, expect, test } from "vitest";
import { makeChat } from "@/e2e/support/gateway-values";
import { toCallOptions } from "@/lib/gateway/dialects/openai-chat/prompt";
import type { JsonObject } from "@/lib/gateway/json-body";
import { sandbox } from "@/lib/gateway/providers/sandbox";

const settings = { secret: {}, baseUrl: "", region: null, fetch };
const model = async () => sandbox.languageModel(settings, "chat", { prompt: [] });
const options = (body: JsonObject, limit: number | null = null): LanguageModelV4CallOptions =>
  toCallOptions(makeChat(body), { maxOutputTokens: limit, provider: sandbox }).options;
const ask = (content: string, more: JsonObject = {}) => ({ messages: [{ role: "user", content }], ...more });
const whole = async (body: JsonObject, limit: number | null = null) => (await model()).doGenerate(options(body, limit));
const textOf = (content: readonly LanguageModelV4Content[]) =>
  content.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("");

const weather = {
  type: "function",
  function: {
    name: "get_weather",
    parameters: { type: "object", properties: { city: { type: "string" }, days: { type: "integer" } } },
  },
};
const time = { type: "function", function: { name: "get_time" } };
const called = {
  type: "tool-call",
  toolCallId: "call_sandbox_0",
  toolName: "get_weather",
  input: '{"city":"example","days":1}',
};

async function streamed(body: JsonObject, limit: number | null = null) {
  const parts: LanguageModelV4StreamPart[] = [];
  const { stream } = await (await model()).doStream(options(body, limit));
  const reader = stream.getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) parts.push(read.value);
  return parts;
}

test("the same request always gets the same answer, whole or streamed", async () => {
  const answer = await whole(ask("good morning"));
  expect(await whole(ask("good morning"))).toEqual(answer);
  const parts = await streamed(ask("good morning"));
  expect(parts.map((part) => (part.type === "text-delta" ? part.delta : "")).join("")).toBe(textOf(answer.content));
  expect(parts.at(-1)).toEqual({ type: "finish", finishReason: answer.finishReason, usage: answer.usage });
  expect(textOf(answer.content)).toContain("good morning");
  expect(answer.finishReason.unified).toBe("stop");
});

test("a token is a word, in and out, and that is what is billed", async () => {
  const { content, usage } = await whole(ask("one two three"));
  expect(sandbox.usage(usage.raw).usage).toEqual({ input: 3, output: textOf(content).trim().split(/\s+/).length });
  expect(sandbox.usage(undefined).source).toBe("unknown");
});

test("a limit cuts the answer and says so", async () => {
  const { content, finishReason, usage } = await whole(ask("hello"), 4);
  expect(textOf(content).trim().split(/\s+/)).toHaveLength(4);
  expect(finishReason.unified).toBe("length");
  expect(sandbox.usage(usage.raw).usage.output).toBe(4);
  expect((await streamed(ask("hello"), 4)).filter(({ type }) => type === "text-delta")).toHaveLength(4);
});

test("a stop word ends the answer before it", async () => {
  const { content, finishReason } = await whole(ask("one HALT two", { stop: ["two", "HALT"] }));
  expect(textOf(content)).toMatch(/You said: one$/);
  expect(finishReason.unified).toBe("stop");
});

describe("tools", () => {
  const tools = [time, weather];

  test("are left alone when nobody names them", async () => {
    expect((await whole(ask("hello", { tools }))).content.map(({ type }) => type)).toEqual(["text"]);
  });

  test("are called when the user names one, with arguments that fit its schema", async () => {
    const { content, finishReason } = await whole(ask("please get_weather now", { tools }));
    expect(content).toEqual([called]);
    expect(finishReason.unified).toBe("tool-calls");
  });

  test("are called when the choice forces it, and never when it forbids it", async () => {
    const forced = { type: "function", function: { name: "get_weather" } };
    expect((await whole(ask("hello", { tools, tool_choice: forced }))).content).toEqual([called]);
    expect((await whole(ask("hello", { tools, tool_choice: "required" }))).content).toMatchObject([
      { toolName: "get_time", input: "{}" },
    ]);
    expect((await whole(ask("get_weather", { tools, tool_choice: "none" }))).content).toMatchObject([{ type: "text" }]);
  });

  test("stream as start, input, end and call", async () => {
    const parts = await streamed(ask("get_weather", { tools }));
    expect(parts.map(({ type }) => type)).toEqual([
      "stream-start",
      "tool-input-start",
      "tool-input-delta",
      "tool-input-end",
      "tool-call",
      "finish",
    ]);
  });

  test("their result is repeated, and the conversation ends", async () => {
    const messages = [
      { role: "user", content: "get_weather" },
      {
        role: "assistant",
        tool_calls: [{ id: "c1", type: "function", function: { name: "get_weather", arguments: "{}" } }],
      },
      { role: "tool", tool_call_id: "c1", content: "sunny" },
    ];
    const { content, finishReason } = await whole({ messages, tools });
    expect(textOf(content)).toContain("sunny");
    expect(finishReason.unified).toBe("stop");
  });
});

test("a JSON format gets JSON that fits the schema", async () => {
  const schema = {
    type: "object",
    properties: { ok: { type: "boolean" }, list: { type: "array", items: { enum: ["a", "b"] } }, kind: { const: "x" } },
  };
  const { content } = await whole(
    ask("hello", { response_format: { type: "json_schema", json_schema: { name: "n", schema } } }),
  );
  expect(JSON.parse(textOf(content))).toEqual({ ok: true, list: ["a"], kind: "x" });
  const plain = await whole(ask("hello", { response_format: { type: "json_object" } }));
  expect(JSON.parse(textOf(plain.content))).toEqual({});
});

test("a stream stops when it is aborted", async () => {
  const abort = new AbortController();
  const { stream } = await (await model()).doStream({ ...options(ask("hello")), abortSignal: abort.signal });
  const reader = stream.getReader();
  await reader.read();
  abort.abort();
  await expect(
    (async () => {
      for (let read = await reader.read(); !read.done; read = await reader.read());
    })(),
  ).rejects.toThrow();
});
