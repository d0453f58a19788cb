import { describe, expect, it, test } from "vitest";
import { errorHeaders, openAIErrorBody } from "@/lib/errors";
import { failed, failureToError } from "@/lib/gateway/attempt";
import type { FailureClass, UpstreamFailure } from "@/lib/gateway/providers/define";

const SECRET = "upstream detail";
const failure = (failureClass: FailureClass, more: Partial<UpstreamFailure> = {}): UpstreamFailure => ({
  class: failureClass,
  status: 418,
  message: SECRET,
  param: "stop",
  retryAfterMs: null,
  ...more,
});

/** class, status, code, x-should-retry, whether the upstream's own words are shown */
it.each<[FailureClass, number, string | null, string, boolean]>([
  ["invalid_request", 400, null, "false", true],
  ["context_length", 400, "context_length_exceeded", "false", true],
  ["content_policy", 400, "content_policy_violation", "false", true],
  ["auth", 503, "provider_unavailable", "false", false],
  ["rate_limited", 503, "overloaded", "true", false],
  ["overloaded", 503, "overloaded", "true", false],
  ["timeout", 504, "upstream_timeout", "false", false],
  ["server", 502, "upstream_error", "false", false],
  ["network", 502, "upstream_error", "false", false],
])("%s is %i %s", (failureClass, status, code, retry, isShown) => {
  const error = failureToError(failure(failureClass));
  const body = openAIErrorBody(error).error;
  expect(error.status).toBe(status);
  expect(body.code).toBe(code);
  expect(errorHeaders(error)["x-should-retry"]).toBe(retry);
  expect(error.message.includes(SECRET)).toBe(isShown);
  expect(body.param).toBe(isShown ? "stop" : null);
});

test("clients find the words they match in a context that is too long", () => {
  expect(failureToError(failure("context_length", { message: "prompt is too long" })).message).toMatch(
    /maximum context length/,
  );
  const own = "This model's maximum context length is 10 tokens.";
  expect(failureToError(failure("context_length", { message: own })).message).toBe(own);
});

describe("want of capacity says when to come again", () => {
  it.each([
    [null, "1000"],
    [2_500, "2500"],
  ])("%s", (retryAfterMs, sent) => {
    expect(errorHeaders(failureToError(failure("rate_limited", { retryAfterMs })))["retry-after-ms"]).toBe(sent);
  });
});

test("who has paid for parts is not told to come again", () => {
  const error = failureToError(failure("overloaded", { retryAfterMs: 2_500 }), true);
  expect(error.message).toBe("All providers of this model are busy. Parts that were made before are charged.");
  expect(error.details).toEqual({});
});

test("a failed attempt has used nothing", () => {
  expect(failed(failure("timeout", { status: null }))).toMatchObject({
    answered: false,
    end: { outcome: "timeout", httpStatus: null, usage: null },
  });
  expect(failed(failure("server"))).toMatchObject({ end: { outcome: "upstream_error", httpStatus: 418 } });
});
