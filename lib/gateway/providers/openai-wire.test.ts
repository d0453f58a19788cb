import { describe, expect, it, test } from "vitest";
import type { FailureClass } from "@/lib/gateway/providers/define";
import { openai } from "@/lib/gateway/providers/openai";
import { openaiCompatible } from "@/lib/gateway/providers/openai-compatible";

const error = (fields: object) => JSON.stringify({ error: fields });
const classify = (status: number, body: string, headers: Record<string, string> = {}) =>
  openaiCompatible.classify({ status, body, headers });

describe("classification", () => {
  it.each<[number, string, FailureClass]>([
    [400, error({ message: "bad temperature", param: "temperature" }), "invalid_request"],
    [422, error({ message: "no" }), "invalid_request"],
    [413, error({ message: "too large" }), "invalid_request"],
    [400, error({ code: "context_length_exceeded" }), "context_length"],
    [400, error({ message: "This model's maximum context length is 8192 tokens." }), "context_length"],
    [400, error({ message: "Input exceeds the context window of this model" }), "context_length"],
    [400, error({ code: "content_policy_violation" }), "content_policy"],
    [400, error({ code: "content_filter" }), "content_policy"],
    [401, error({ code: "invalid_api_key" }), "auth"],
    [402, error({ message: "pay" }), "auth"],
    [403, error({ message: "no access" }), "auth"],
    [429, error({ code: "insufficient_quota" }), "auth"],
    [400, error({ code: "invalid_api_key" }), "auth"],
    [429, error({ code: "rate_limit_exceeded" }), "rate_limited"],
    [429, "", "rate_limited"],
    [503, "", "overloaded"],
    [529, "", "overloaded"],
    [408, "", "timeout"],
    [504, "<html>", "timeout"],
    [404, error({ code: "model_not_found" }), "server"],
    [405, "", "server"],
    [301, "<html>moved", "server"],
    [500, "", "server"],
    [502, "<html><body>Bad gateway</body></html>", "server"],
    [520, "null", "server"],
  ])("%i %s is %s", (status, body, expected) => {
    expect(classify(status, body)).toMatchObject({ class: expected, status });
  });

  it.each<[string, string, string | null]>([
    [error({ message: "bad", param: "stop" }), "bad", "stop"],
    [error({ message: "bad" }), "bad", null],
    [JSON.stringify({ error: "just text" }), "just text", null],
    [error({ message: { nested: true }, param: 5 }), "The provider returned an error.", null],
    ["{}", "The provider returned an error.", null],
    ["[]", "The provider returned an error.", null],
    ["null", "The provider returned an error that is not JSON.", null],
    ["<html>secret</html>", "The provider returned an error that is not JSON.", null],
    ["", "The provider returned an error that is not JSON.", null],
  ])("%s reads as %s", (body, message, param) => {
    expect(classify(400, body)).toMatchObject({ message, param });
  });

  test("carries the wait the upstream asks for", () => {
    expect(classify(429, "", { "retry-after": "7" }).retryAfterMs).toBe(7_000);
    expect(classify(429, "").retryAfterMs).toBeNull();
  });
});

describe("usage", () => {
  it.each<[string, unknown, unknown]>([
    ["plain", { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 }, { input: 10, output: 5 }],
    [
      "cached, written and audio tokens are part of the prompt; reasoning and audio of the completion",
      {
        prompt_tokens: 100,
        completion_tokens: 50,
        prompt_tokens_details: { cached_tokens: 60, cache_write_tokens: 10, audio_tokens: 5 },
        completion_tokens_details: { reasoning_tokens: 30, audio_tokens: 4 },
      },
      { input: 25, cacheRead: 60, cacheWrite: 10, audioInput: 5, output: 16, reasoning: 30, audioOutput: 4 },
    ],
    [
      "details absent, null or zero",
      {
        prompt_tokens: 10,
        completion_tokens: 5,
        prompt_tokens_details: null,
        completion_tokens_details: { reasoning_tokens: 0 },
      },
      { input: 10, output: 5 },
    ],
    ["an explicit zero is honoured", { prompt_tokens: 0, completion_tokens: 0 }, { input: 0, output: 0 }],
    ["no completion (embeddings)", { prompt_tokens: 10 }, { input: 10, output: 0 }],
    ["unknown fields", { prompt_tokens: 1, completion_tokens: 1, cost: 0.5, other: {} }, { input: 1, output: 1 }],
  ])("%s", (_title, raw, usage) => {
    expect(openai.usage(raw)).toEqual({ usage, source: "reported", anomalies: [] });
    expect(openaiCompatible.usage(raw).usage).toEqual(usage);
  });

  it.each<[string, unknown]>([
    ["none", undefined],
    ["null", null],
    ["empty", {}],
    ["text", { prompt_tokens: "10", completion_tokens: 5 }],
    ["NaN", { prompt_tokens: Number.NaN, completion_tokens: 5 }],
    ["negative", { prompt_tokens: -1, completion_tokens: 5 }],
    ["fractional", { prompt_tokens: 1.5, completion_tokens: 5 }],
    ["absurd", { prompt_tokens: 1e12, completion_tokens: 5 }],
    ["text behind", { prompt_tokens: 10, completion_tokens: "5" }],
    [
      "more cached than sent",
      { prompt_tokens: 10, completion_tokens: 1, prompt_tokens_details: { cached_tokens: 11 } },
    ],
    [
      "more reasoning than answered",
      { prompt_tokens: 1, completion_tokens: 5, completion_tokens_details: { reasoning_tokens: 6 } },
    ],
  ])("%s reads as no report", (_title, raw) => {
    expect(openai.usage(raw)).toMatchObject({ usage: {}, source: "unknown" });
  });
});

test("the credential travels as a bearer token, and the model list is read", () => {
  expect(openai.headers({ apiKey: "sk-1" })).toEqual({ authorization: "Bearer sk-1" });
  expect(openai.listModels?.read({ data: [{ id: "a", extra: 1 }, { id: "b" }] })).toEqual([{ id: "a" }, { id: "b" }]);
  expect(openai.listModels?.read({})).toEqual([]);
});
