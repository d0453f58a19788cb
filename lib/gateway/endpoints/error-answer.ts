import { type AppError, openAIErrorBody } from "@/lib/errors";
import { aigneError, isAignePath } from "@/lib/gateway/dialects/aigne/errors";
import { messagesError } from "@/lib/gateway/dialects/anthropic-messages/frames";
import type { GatewayRequest } from "@/lib/gateway/exchange";
import type { JsonObject } from "@/lib/gateway/json-body";

/** A refusal as the caller's protocol words it: AIGNE's and Anthropic's for their own paths and clients, OpenAI's for everybody else. */
export function errorAnswer(request: GatewayRequest, error: AppError): { status: number; body: JsonObject } {
  if (isAignePath(request.path)) return { status: error.status, body: aigneError(request, error) };
  if (!isAnthropic(request)) return { status: error.status, body: openAIErrorBody(error) };
  // their SDKs know an overloaded service by this status alone
  const status = error.code === "overloaded" ? 529 : error.status;
  return { status, body: messagesError(error, request.id) };
}

function isAnthropic({ path, headers }: GatewayRequest): boolean {
  return /^\/api\/v1\/messages(\/|$)/.test(path) || headers["anthropic-version"] !== undefined;
}
