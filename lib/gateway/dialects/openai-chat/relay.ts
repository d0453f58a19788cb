import type { Conversation, RelayTarget } from "@/lib/gateway/dialects/dialect";
import type { JsonObject } from "@/lib/gateway/json-body";

/** Fields with which a tenant would choose what is called: other models, and what gateways behind an OpenAI-shaped address
 *  read as their own configuration. What is billed apart went before (`hosted.ts`). */
const OURS_TO_DECIDE = [
  ...["models", "route", "provider", "transforms", "fallbacks", "extra_body", "extra_query"],
  ...["api_base", "base_url", "api_key", "api_version", "custom_llm_provider", "user_config", "extra_headers"],
];

/** The body for an upstream that speaks chat completions itself: the client's, with only what must change. */
export function relayBody(chat: Conversation, target: RelayTarget): string {
  const body: JsonObject = { ...chat.body, model: target.upstreamModel };
  for (const name of OURS_TO_DECIDE) delete body[name];
  if (chat.stream)
    body.stream_options = { ...(chat.body.stream_options as JsonObject | undefined), include_usage: true };
  setTokenLimit(body, target);
  if (target.provider.developerAsSystem) body.messages = (body.messages as JsonObject[]).map(developerToSystem);
  return JSON.stringify(body);
}

/** Both names given: `max_completion_tokens` wins. The upstream gets the name it knows. */
function setTokenLimit(body: JsonObject, target: RelayTarget): void {
  const sent = body.max_completion_tokens != null ? "max_completion_tokens" : "max_tokens";
  const field = target.provider.tokenLimitField ?? "as-sent";
  delete body.max_tokens;
  delete body.max_completion_tokens;
  if (target.maxOutputTokens !== null) body[field === "as-sent" ? sent : field] = target.maxOutputTokens;
}

function developerToSystem(message: JsonObject): JsonObject {
  return message.role === "developer" ? { ...message, role: "system" } : message;
}
