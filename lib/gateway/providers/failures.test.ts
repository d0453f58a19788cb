import { describe, expect, it } from "vitest";
import type { ProviderKindId } from "@/lib/catalog/provider-kinds";
import { failureToError } from "@/lib/gateway/attempt";
import type { FailureClass, UpstreamFailure } from "@/lib/gateway/providers/define";
import { findProvider } from "@/lib/gateway/providers/registry";
import { nextPosition, type RoutePlan } from "@/lib/gateway/routing/candidates";

/** What each class of failure leads to: where the next attempt goes, what the client is told where there is none. */
const BEHAVIOUR: Record<FailureClass, { next: "credential" | "offer" | "none"; status: number; code: string }> = {
  auth: { next: "credential", status: 503, code: "provider_unavailable" },
  rate_limited: { next: "credential", status: 503, code: "overloaded" },
  overloaded: { next: "offer", status: 503, code: "overloaded" },
  server: { next: "offer", status: 502, code: "upstream_error" },
  timeout: { next: "offer", status: 504, code: "upstream_timeout" },
  network: { next: "offer", status: 502, code: "upstream_error" },
  invalid_request: { next: "none", status: 400, code: "invalid_request" },
  context_length: { next: "none", status: 400, code: "context_length_exceeded" },
  content_policy: { next: "none", status: 400, code: "content_policy_violation" },
};

/** Amazon names the error in a header. */
type Row = [status: number, body: unknown, expected: FailureClass, errorType?: string];

const error = (message: string, more: Record<string, unknown> = {}) => ({ error: { message, ...more } });

/** Bodies as the providers send them. */
const BODIES: Partial<Record<ProviderKindId, Row[]>> = {
  deepseek: [
    [400, error("Failed to deserialize the JSON body", { type: "invalid_request_error" }), "invalid_request"],
    [
      400,
      error("Content Exists Risk", { type: "invalid_request_error", code: "invalid_request_error" }),
      "content_policy",
    ],
    [
      400,
      error("This model's maximum context length is 131072 tokens. However, you requested 140000 tokens"),
      "context_length",
    ],
    [401, error("Authentication Fails, Your api key: ****bad is invalid", { type: "authentication_error" }), "auth"],
    [402, error("Insufficient Balance", { type: "unknown_error", code: "invalid_request_error" }), "auth"],
    [422, error("invalid type: string, expected f32", { type: "invalid_request_error" }), "invalid_request"],
    [429, error("Too many requests", { type: "rate_limit_error" }), "rate_limited"],
    [500, error("Internal server error"), "server"],
    [503, error("Service is too busy. Please try again later."), "overloaded"],
  ],
  xai: [
    [400, { code: "Client specified an invalid argument", error: "Incorrect API key provided: xa***ad." }, "auth"],
    [
      400,
      { code: "Client specified an invalid argument", error: "Invalid request content: bad temperature" },
      "invalid_request",
    ],
    [
      400,
      {
        code: "Client specified an invalid argument",
        error: "This model's maximum prompt length is 131072 but the request contains 140000 tokens.",
      },
      "context_length",
    ],
    [
      403,
      {
        code: "The caller does not have permission to execute the specified operation",
        error: "Content violates usage guidelines.",
      },
      "content_policy",
    ],
    [
      403,
      {
        code: "The caller does not have permission to execute the specified operation",
        error: "The API key has no access.",
      },
      "auth",
    ],
    [404, { code: "Some requested entity was not found", error: "The model grok-0 does not exist" }, "server"],
    [
      429,
      {
        code: "Some resource has been exhausted",
        error: "Your team 1 has either used all available credits or reached its monthly spending limit.",
      },
      "auth",
    ],
    [429, { code: "Some resource has been exhausted", error: "Too many requests for team 1." }, "rate_limited"],
    [503, { code: "The service is currently unavailable", error: "The model is at capacity." }, "overloaded"],
  ],
  openrouter: [
    [
      400,
      error("Input length 131393 exceeds the maximum allowed input length of 131040 tokens.", { code: 400 }),
      "context_length",
    ],
    [400, error("foo is not a valid model ID", { code: 400 }), "invalid_request"],
    [400, error("This endpoint's maximum context length is 8192 tokens.", { code: 400 }), "context_length"],
    [401, error("No auth credentials found", { code: 401 }), "auth"],
    [402, error("Insufficient credits.", { code: 402 }), "auth"],
    [
      403,
      error("Your chosen model requires moderation and your input was flagged", {
        code: 403,
        metadata: { reasons: ["violence"] },
      }),
      "content_policy",
    ],
    [403, error("Key limit exceeded", { code: 403 }), "auth"],
    [408, error("Request timed out", { code: 408 }), "timeout"],
    [
      429,
      error("Provider returned error", { code: 429, metadata: { provider_name: "X", raw: "rate-limited" } }),
      "rate_limited",
    ],
    [502, error("Provider returned error", { code: 502 }), "server"],
    [503, error("No instances available", { code: 503 }), "overloaded"],
    [500, error("Rate limit exceeded", { code: 429 }), "rate_limited"],
    [500, error("Provider overloaded", { code: 529 }), "overloaded"],
  ],
  ollama: [
    [400, { error: "invalid options: temperature" }, "invalid_request"],
    [400, { error: "prompt too long; exceeded max context length by 1024 tokens" }, "context_length"],
    [404, { error: 'model "llama0" not found, try pulling it first' }, "server"],
    [404, error('model "llama0" not found', { type: "not_found_error", code: null }), "server"],
    [401, { error: "unauthorized" }, "auth"],
    [500, { error: "llama runner process has terminated" }, "server"],
    [503, { error: "server busy, please try again. maximum pending requests exceeded" }, "overloaded"],
  ],
  doubao: [
    [
      400,
      error("One or more parameters are not valid.", { code: "InvalidParameter", type: "BadRequest" }),
      "invalid_request",
    ],
    [
      400,
      error("Total tokens of image and text exceed max message tokens.", { code: "InvalidParameter" }),
      "context_length",
    ],
    [
      400,
      error("The input text may contain sensitive information.", { code: "InputTextSensitiveContentDetected" }),
      "content_policy",
    ],
    [400, error("violates ContentSecurityDetection", { code: "OutputTextRiskDetection" }), "content_policy"],
    [401, error("The API key is missing or invalid.", { code: "AuthenticationError", type: "Unauthorized" }), "auth"],
    [403, error("Your account has an overdue balance.", { code: "AccountOverdueError", type: "Forbidden" }), "auth"],
    [404, error("The model or endpoint ep-0 does not exist.", { code: "InvalidEndpointOrModel.NotFound" }), "server"],
    [
      429,
      error("RPM exceeded.", { code: "RateLimitExceeded.EndpointRPMExceeded", type: "TooManyRequests" }),
      "rate_limited",
    ],
    [429, error("Your account has exceeded its free trial quota.", { code: "QuotaExceeded" }), "auth"],
    [429, error("The service is currently unable to serve.", { code: "ServerOverloaded" }), "overloaded"],
    [500, error("Internal error.", { code: "InternalServiceError" }), "server"],
  ],
  google: [
    [
      400,
      error("API key not valid. Please pass a valid API key.", {
        ...{ code: 400, status: "INVALID_ARGUMENT" },
        details: [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: "API_KEY_INVALID" }],
      }),
      "auth",
    ],
    [
      400,
      error("User location is not supported for the API use.", { code: 400, status: "FAILED_PRECONDITION" }),
      "auth",
    ],
    [400, error("Invalid value at 'contents'", { code: 400, status: "INVALID_ARGUMENT" }), "invalid_request"],
    [
      400,
      error("The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).", {
        ...{ code: 400, status: "INVALID_ARGUMENT" },
      }),
      "context_length",
    ],
    [403, error("Permission denied.", { code: 403, status: "PERMISSION_DENIED" }), "auth"],
    [404, error("models/gemini-0 is not found.", { code: 404, status: "NOT_FOUND" }), "server"],
    [429, error("Resource has been exhausted.", { code: 429, status: "RESOURCE_EXHAUSTED" }), "rate_limited"],
    [500, error("An internal error has occurred.", { code: 500, status: "INTERNAL" }), "server"],
    [503, error("The model is overloaded.", { code: 503, status: "UNAVAILABLE" }), "overloaded"],
    [504, error("Deadline expired.", { code: 504, status: "DEADLINE_EXCEEDED" }), "timeout"],
  ],
  bedrock: [
    [400, { message: "Malformed input request" }, "invalid_request", "ValidationException"],
    [400, { message: "Input is too long for requested model." }, "context_length", "ValidationException"],
    [403, { message: "You don't have access to the model." }, "auth", "AccessDeniedException"],
    [403, { message: "The security token is invalid." }, "auth", "UnrecognizedClientException"],
    [403, { message: "The security token has expired." }, "auth", "ExpiredTokenException"],
    [404, { message: "Could not resolve the model." }, "server", "ResourceNotFoundException"],
    [408, { message: "The model took too long." }, "timeout", "ModelTimeoutException"],
    [424, { message: "The model failed." }, "server", "ModelErrorException"],
    [429, { message: "Too many requests." }, "rate_limited", "ThrottlingException"],
    [429, { message: "The model is not ready." }, "overloaded", "ModelNotReadyException"],
    [500, { message: "Internal error." }, "server", "InternalServerException"],
    [503, { message: "Unavailable." }, "overloaded", "ServiceUnavailableException"],
  ],
  poe: [
    [400, error("Unknown parameter", { type: "invalid_request_error" }), "invalid_request"],
    [401, error("Invalid API key provided", { type: "authentication_error", code: 401 }), "auth"],
    [402, error("Insufficient points", { type: "insufficient_credits" }), "auth"],
    [403, error("Content was refused", { type: "moderation_error" }), "content_policy"],
    [404, error("Bot does not exist", { type: "not_found_error" }), "server"],
    [408, error("Timed out", { type: "timeout_error" }), "timeout"],
    [413, error("Context too large", { type: "request_too_large" }), "context_length"],
    [429, error("Rate limit reached", { type: "rate_limit_error" }), "rate_limited"],
    [500, error("Internal error", { type: "provider_error" }), "server"],
    [502, error("Bad gateway", { type: "upstream_error" }), "server"],
    [529, error("Overloaded", { type: "overloaded_error" }), "overloaded"],
  ],
};

describe.each(Object.entries(BODIES))("%s", (kind, rows) => {
  const definition = findProvider(kind);

  it.each(rows)("%i %j is %s", (status, body, expected, errorType) => {
    const headers = { "x-amzn-errortype": errorType };
    const failure = definition?.classify({ status, body: JSON.stringify(body), headers });
    expect(failure).toMatchObject({ class: expected, status });
  });

  it.each<Row>([
    [401, "", "auth"],
    [408, "", "timeout"],
    [429, "", "rate_limited"],
    [502, "<html>Bad gateway</html>", "server"],
    [503, "null", "overloaded"],
    [504, "", "timeout"],
    [529, "", "overloaded"],
    [301, "", "server"],
  ])("%i without a body of its own (%j) is %s", (status, body, expected) => {
    expect(definition?.classify({ status, body: String(body), headers: {} })).toMatchObject({ class: expected });
  });
});

// two credentials of one offer, then another offer
const plan = [["a", "b"], ["c"]] as unknown as RoutePlan;

it.each(Object.entries(BEHAVIOUR))("%s leads to %j", (name, { next, status, code }) => {
  const failure: UpstreamFailure = {
    class: name as FailureClass,
    status: 400,
    message: "upstream words",
    param: null,
    retryAfterMs: 2_000,
  };
  const positions = { credential: { offer: 0, credential: 1 }, offer: { offer: 1, credential: 0 }, none: null };
  expect(nextPosition(plan, { offer: 0, credential: 0 }, failure.class)).toEqual(positions[next]);
  const told = failureToError(failure);
  expect(told).toMatchObject({ status, code });
  // only what is the client's own repeats the upstream's words
  expect(told.message.includes("upstream words")).toBe(status === 400);
});
