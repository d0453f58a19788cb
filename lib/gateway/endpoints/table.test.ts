import { describe, expect, it, test } from "vitest";
import { AppError } from "@/lib/errors";
import { chatCompletions, completions, messages, responses } from "@/lib/gateway/endpoints/conversation";
import { countTokens } from "@/lib/gateway/endpoints/count-tokens";
import { getModel, listModels } from "@/lib/gateway/endpoints/models";
import { findEndpoint } from "@/lib/gateway/endpoints/table";
import type { GatewayRequest } from "@/lib/gateway/exchange";

// safe because the table reads nothing else
const find = (method: string, path: string) => findEndpoint({ method, path } as GatewayRequest);

function refusal(method: string, path: string): AppError {
  try {
    find(method, path);
  } catch (error) {
    if (error instanceof AppError) return error;
  }
  throw new Error("was not refused");
}

test.each([
  ["POST", "/api/v1/chat/completions", chatCompletions],
  ["POST", "/api/v1/responses", responses],
  ["POST", "/api/v1/completions", completions],
  ["POST", "/api/v1/messages", messages],
  ["POST", "/api/v1/messages/count_tokens", countTokens],
  ["GET", "/api/v1/models", listModels],
  ["HEAD", "/api/v1/models", listModels],
  ["GET", "/api/v1/models/openai/gpt-5:free", getModel],
  ["HEAD", "/api/v1/models/x", getModel],
])("%s %s", (method, path, endpoint) => {
  expect(find(method, path)).toBe(endpoint);
});

describe("a method that the path does not know", () => {
  it.each([
    ["GET", "/api/v1/chat/completions", "POST, OPTIONS"],
    ["HEAD", "/api/v1/chat/completions", "POST, OPTIONS"],
    ["POST", "/api/v1/models", "GET, HEAD, OPTIONS"],
    ["DELETE", "/api/v1/models/x", "GET, HEAD, OPTIONS"],
  ])("%s %s allows %s", (method, path, allow) => {
    expect(refusal(method, path)).toMatchObject({
      code: "method_not_allowed",
      status: 405,
      details: { headers: { allow } },
    });
  });
});

describe("an unknown path suggests the right one", () => {
  it.each([
    ["/api/v1/api/v1/chat/completions", "Did you mean /api/v1/chat/completions?"],
    ["/v1/chat/completions", "Did you mean /api/v1/chat/completions?"],
    ["/api/models", "Did you mean /api/v1/models?"],
    ["/api/v1/nothing", "The base URL is"],
    ["/", "The base URL is"],
  ])("%s", (path, says) => {
    const error = refusal("POST", path);
    expect(error).toMatchObject({ code: "unknown_url", status: 404 });
    expect(error.message).toContain(says);
  });
});
