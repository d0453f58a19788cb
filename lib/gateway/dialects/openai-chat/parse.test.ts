import { describe, expect, it, test } from "vitest";
import { AppError } from "@/lib/errors";
import { parseChat } from "@/lib/gateway/dialects/openai-chat/parse";
import type { JsonObject } from "@/lib/gateway/json-body";

const messages = [{ role: "user", content: "hi" }];
const parse = (body: JsonObject) => parseChat({ model: "m", messages, ...body }, 100);
const tool = { type: "function", function: { name: "f" } };

function refusal(body: JsonObject): AppError {
  try {
    parseChat(body, 100);
  } catch (error) {
    if (error instanceof AppError) return error;
  }
  throw new Error("was not refused");
}

describe("what says nothing is dropped", () => {
  it.each<[string, JsonObject, JsonObject]>([
    ["stop as an empty text", { stop: "" }, {}],
    ["stop as an empty list", { stop: [] }, {}],
    ["an empty list of tools", { tools: [] }, {}],
    ["tools null", { tools: null }, {}],
    ["tool_choice without tools", { tool_choice: "auto" }, {}],
    ["parallel_tool_calls without tools", { parallel_tool_calls: true, tools: [] }, {}],
    ["stream_options without stream", { stream_options: { include_usage: true } }, {}],
    ["stream_options null", { stream: true, stream_options: null }, { stream: true }],
  ])("%s", (_title, given, kept) => {
    expect(parse(given).body).toEqual({ model: "m", messages, ...kept });
  });

  it.each<JsonObject>([
    { stop: "END" },
    { stop: ["a", "b"] },
    { tools: [tool], tool_choice: "auto", parallel_tool_calls: false },
    { stream: true, stream_options: { include_usage: true } },
    { temperature: 0, seed: 0, logit_bias: {}, metadata: { a: "b" }, extra_field: [1, { deep: null }] },
  ])("%j stays as it is", (given) => {
    expect(parse(given).body).toEqual({ model: "m", messages, ...given });
  });
});

describe("the token limit", () => {
  it.each<[JsonObject, number | null]>([
    [{}, null],
    [{ max_tokens: 7 }, 7],
    [{ max_completion_tokens: 9 }, 9],
    [{ max_tokens: 7, max_completion_tokens: 9 }, 9],
    [{ max_tokens: 7, max_completion_tokens: null }, 7],
    [{ max_tokens: 7, max_completion_tokens: 0 }, 7],
    [{ max_tokens: 0 }, null],
    [{ max_tokens: -1 }, null],
    [{ max_tokens: null }, null],
  ])("%j is %s", (body, limit) => {
    expect(parse(body).maxOutputTokens).toBe(limit);
  });

  it.each([
    ["max_tokens", -2],
    ["max_tokens", 1.5],
    ["max_completion_tokens", Number.POSITIVE_INFINITY],
  ])("%s %s is refused by name", (param, value) => {
    expect(refusal({ model: "m", messages, [param]: value })).toMatchObject({
      code: "invalid_request",
      status: 400,
      details: { param },
    });
  });
});

describe("null is the same as absent", () => {
  it.each(["stream", "max_tokens", "max_completion_tokens", "n", "stop", "tools", "tool_choice", "user"])(
    "%s",
    (name) => {
      const { body: _body, ...call } = parse({ [name]: null });
      const { body: _absent, ...without } = parse({});
      expect(call).toEqual(without);
    },
  );
});

describe("bad types name the parameter", () => {
  it.each<[string, unknown]>([
    ["stream", "true"],
    ["stream", 1],
    ["max_tokens", "100"],
    ["max_completion_tokens", {}],
    ["n", "2"],
    ["n", true],
  ])("%s: %j", (param, value) => {
    expect(refusal({ model: "m", messages, [param]: value })).toMatchObject({
      code: "invalid_type",
      status: 400,
      details: { param },
    });
  });

  it.each<[string, unknown, string]>([
    ["model", undefined, "model"],
    ["model", null, "model"],
    ["model", " ", "model"],
    ["model", 4, "model"],
    ["messages", undefined, "messages"],
    ["messages", [], "messages"],
    ["messages", "hi", "messages"],
    ["messages", ["hi"], "messages[0].role"],
    ["messages", [{ role: "user" }, null], "messages[1].role"],
    ["messages", [{ role: 5 }], "messages[0].role"],
    ["messages", [{ role: "assistant", audio: { id: "audio_1" } }], "messages[0].audio"],
    ["n", 0, "n"],
    ["n", -1, "n"],
    ["n", 1.5, "n"],
    ["n", 129, "n"],
  ])("%s: %j", (name, value, param) => {
    const error = refusal({ model: "m", messages, [name]: value });
    expect(error.status).toBe(400);
    expect(error.details.param).toBe(param);
  });

  test("more messages than a conversation has", () => {
    const many = Array.from({ length: 10_001 }, () => ({ role: "user" }));
    expect(refusal({ model: "m", messages: many }).details.param).toBe("messages");
  });
});

test("usage is included only in streams that ask for it", () => {
  const asks = { stream_options: { include_usage: true } };
  expect(parse({ stream: true, ...asks }).includeUsage).toBe(true);
  expect(parse({ stream: true }).includeUsage).toBe(false);
  expect(parse({ stream: true, stream_options: { include_usage: false } }).includeUsage).toBe(false);
  expect(parse(asks).includeUsage).toBe(false);
});

test("what the call needs to be sized", () => {
  expect(parse({ n: 3 })).toMatchObject({ model: "m", choices: 3, inputBytes: 100, stream: false });
});

describe("affinity", () => {
  it.each<[JsonObject, string | null]>([
    [{}, null],
    [{ user: "u" }, "u"],
    [{ user: "u", session_id: "s" }, "s"],
    [{ user: "u", session_id: "s", prompt_cache_key: "p" }, "p"],
    [{ user: "u", prompt_cache_key: "" }, "u"],
    [{ user: 5 }, null],
  ])("%j keeps together by %s", (body, affinity) => {
    expect(parse(body).affinity).toBe(affinity);
  });
});
