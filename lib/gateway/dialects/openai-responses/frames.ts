import type { AppError } from "@/lib/errors";
import { publicCode } from "@/lib/errors";
import type { AnswerIdentity, Conversation } from "@/lib/gateway/dialects/dialect";
import { responseObject } from "@/lib/gateway/dialects/openai-responses/render";
import type { JsonObject } from "@/lib/gateway/json-body";

export function eventFrame(event: { type: string } & JsonObject): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}

/** Codes of a failed response: the protocol has a closed list, of which these two say whose trouble it was. */
export function failedResponse(call: Conversation, identity: AnswerIdentity, error: AppError): JsonObject {
  const code = publicCode(error.code) === "rate_limit_exceeded" ? "rate_limit_exceeded" : "server_error";
  return { ...responseObject(call, identity), status: "failed", error: { code, message: error.message } };
}
