import { APICallError, InvalidPromptError, TypeValidationError, UnsupportedFunctionalityError } from "@ai-sdk/provider";
import { expect, it, test } from "vitest";
import { anthropic } from "@/lib/gateway/providers/anthropic";
import type { FailureClass } from "@/lib/gateway/providers/define";
import { isUnknownEvent, sdkFailure } from "@/lib/gateway/providers/sdk-failure";

const PROMPT = "the secret prompt";
const callError = (more: Partial<ConstructorParameters<typeof APICallError>[0]>) =>
  new APICallError({ message: PROMPT, url: `https://api.example/${PROMPT}`, requestBodyValues: { PROMPT }, ...more });
const errorBody = (type: string) => JSON.stringify({ error: { type, message: "upstream says no" } });
const coded = (code: string) => Object.assign(new Error(PROMPT), { code });

it.each<[string, unknown, FailureClass, number | null]>([
  [
    "a status is the provider's to classify",
    callError({ statusCode: 429, responseBody: errorBody("rate_limit_error") }),
    "rate_limited",
    429,
  ],
  [
    "so is a bad request",
    callError({ statusCode: 400, responseBody: errorBody("invalid_request_error") }),
    "invalid_request",
    400,
  ],
  ["and a body that is not JSON", callError({ statusCode: 502, responseBody: "<html>" }), "server", 502],
  ["an answer that could not be read", callError({ statusCode: 200, responseBody: "garbage" }), "server", 200],
  ["a connection that was refused", callError({ cause: coded("ECONNREFUSED") }), "network", null],
  [
    "a connection that timed out",
    callError({ cause: Object.assign(new TypeError("fetch failed"), { cause: coded("UND_ERR_CONNECT_TIMEOUT") }) }),
    "timeout",
    null,
  ],
  [
    "a fetch that failed",
    Object.assign(new TypeError("fetch failed"), { cause: coded("ECONNRESET") }),
    "network",
    null,
  ],
  ["silence between chunks", coded("UND_ERR_BODY_TIMEOUT"), "timeout", null],
  ["an error event of a stream", { type: "overloaded_error", message: "busy" }, "overloaded", 500],
  ["what the module cannot send", new UnsupportedFunctionalityError({ functionality: "x" }), "invalid_request", 400],
  ["a prompt it cannot send", new InvalidPromptError({ prompt: [], message: "empty" }), "invalid_request", 400],
  ["nothing at all", undefined, "network", null],
  ["a text", "boom", "network", null],
])("%s", (_title, error, failureClass, status) => {
  const failure = sdkFailure(error, anthropic);
  expect(failure).toMatchObject({ class: failureClass, status });
  expect(JSON.stringify(failure)).not.toContain(PROMPT);
});

test("the wait that the provider asks for is kept", () => {
  const error = callError({ statusCode: 429, responseHeaders: { "retry-after": "3" }, responseBody: "{}" });
  expect(sdkFailure(error, anthropic).retryAfterMs).toBe(3_000);
});

test("an event of an unknown type is skipped, not taken for a failure", () => {
  expect(isUnknownEvent(new TypeValidationError({ value: { type: "new" }, cause: new Error("no such type") }))).toBe(
    true,
  );
  expect(isUnknownEvent(callError({}))).toBe(false);
  expect(isUnknownEvent({ type: "overloaded_error" })).toBe(false);
});
