import { describe, expect, it, test } from "vitest";
import { anthropic } from "@/lib/gateway/providers/anthropic";
import type { FailureClass } from "@/lib/gateway/providers/define";

const error = (type: string, message = "") => JSON.stringify({ type: "error", error: { type, message } });
const classify = (status: number, body: string, headers: Record<string, string> = {}) =>
  anthropic.classify({ status, body, headers });

describe("classification", () => {
  it.each<[number, string, FailureClass]>([
    [400, error("invalid_request_error", "max_tokens: must be greater"), "invalid_request"],
    [413, error("request_too_large"), "invalid_request"],
    [400, error("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"), "context_length"],
    [
      400,
      error("invalid_request_error", "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000"),
      "context_length",
    ],
    [400, error("invalid_request_error", "Your credit balance is too low to access the API."), "auth"],
    [402, error("billing_error"), "auth"],
    [400, error("billing_error"), "auth"],
    [401, error("authentication_error"), "auth"],
    [403, error("permission_error"), "auth"],
    [429, error("rate_limit_error"), "rate_limited"],
    [200, error("rate_limit_error"), "rate_limited"],
    [529, error("overloaded_error"), "overloaded"],
    [500, error("overloaded_error"), "overloaded"],
    [503, "", "overloaded"],
    [408, "", "timeout"],
    [504, error("timeout_error"), "timeout"],
    [500, error("api_error"), "server"],
    [404, error("not_found_error", "model: claude-x"), "server"],
    [405, "", "server"],
    [307, "", "server"],
    [502, "<html>", "server"],
    [520, "null", "server"],
  ])("%i %s is %s", (status, body, expected) => {
    expect(classify(status, body)).toMatchObject({ class: expected, status, param: null });
  });

  it.each([
    [error("invalid_request_error", "bad"), "bad"],
    ["{}", "The provider returned an error."],
    ["<html>secret</html>", "The provider returned an error that is not JSON."],
  ])("%s reads as %s", (body, message) => {
    expect(classify(400, body).message).toBe(message);
  });

  test("carries the wait the upstream asks for", () => {
    expect(classify(429, "", { "retry-after": "2.5" }).retryAfterMs).toBe(2_500);
  });
});

describe("usage", () => {
  it.each<[string, unknown, unknown]>([
    ["plain", { input_tokens: 10, output_tokens: 5 }, { input: 10, output: 5 }],
    [
      "input excludes cache reads and writes",
      { input_tokens: 10, output_tokens: 5, cache_read_input_tokens: 100, cache_creation_input_tokens: 20 },
      { input: 10, output: 5, cacheRead: 100, cacheWrite: 20 },
    ],
    [
      "writes are split into 5 minutes and 1 hour",
      {
        input_tokens: 10,
        output_tokens: 5,
        cache_creation_input_tokens: 50,
        cache_creation: { ephemeral_5m_input_tokens: 20, ephemeral_1h_input_tokens: 30 },
      },
      { input: 10, output: 5, cacheWrite: 20, cacheWrite1h: 30 },
    ],
    [
      "1 hour only",
      {
        input_tokens: 1,
        output_tokens: 1,
        cache_creation_input_tokens: 30,
        cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 30 },
      },
      { input: 1, output: 1, cacheWrite1h: 30 },
    ],
    [
      "absent and null caches",
      {
        input_tokens: 1,
        output_tokens: 0,
        cache_read_input_tokens: null,
        cache_creation_input_tokens: 0,
        cache_creation: null,
      },
      { input: 1, output: 0 },
    ],
  ])("%s", (_title, raw, usage) => {
    expect(anthropic.usage(raw)).toEqual({ usage, source: "reported", anomalies: [] });
  });

  it.each<[string, unknown]>([
    ["none", undefined],
    ["null", null],
    ["input only", { input_tokens: 5 }],
    ["negative", { input_tokens: -5, output_tokens: 5 }],
    ["text", { input_tokens: "5", output_tokens: 5 }],
    ["absurd", { input_tokens: 5, output_tokens: 1e15 }],
  ])("%s reads as no report", (_title, raw) => {
    expect(anthropic.usage(raw)).toMatchObject({ usage: {}, source: "unknown" });
  });
});

test("the credential travels as x-api-key, and the model list is read", () => {
  expect(anthropic.headers({ apiKey: "k" })).toMatchObject({ "x-api-key": "k" });
  expect(anthropic.listModels?.read({ data: [{ id: "a", display_name: "A" }, { id: "b" }] })).toEqual([
    { id: "a", name: "A" },
    { id: "b" },
  ]);
});
