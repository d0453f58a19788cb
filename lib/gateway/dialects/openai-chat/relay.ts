import type { Conversation, RelayTarget } from "@/lib/gateway/dialects/dialect";
import { unpackState } from "@/lib/gateway/dialects/provider-state";
import { splitState } from "@/lib/gateway/dialects/tool-call-id";
import type { JsonObject } from "@/lib/gateway/json-body";
import { dropOurs } from "@/lib/gateway/routing/hints";

/** Stands in every text that carries a provider's state through a client. */
const STATE_MARK = "aigne1";

/** The body for an upstream that speaks chat completions itself: the client's, with only what must change. */
export function relayBody(chat: Conversation, target: RelayTarget): string {
  const body: JsonObject = { ...chat.body, model: target.upstreamModel };
  dropOurs(body);
  if (chat.stream)
    body.stream_options = { ...(chat.body.stream_options as JsonObject | undefined), include_usage: true };
  setTokenLimit(body, target);
  if (target.provider.developerAsSystem) body.messages = (body.messages as JsonObject[]).map(developerToSystem);
  const text = JSON.stringify(body);
  if (!text.includes(STATE_MARK)) return text;
  return JSON.stringify({ ...body, messages: (body.messages as JsonObject[]).map(withoutState) });
}

/** What other providers signed for us in earlier turns means nothing to this upstream, which would refuse it. */
function withoutState(message: JsonObject): JsonObject {
  const plain = { ...message };
  if (typeof message.tool_call_id === "string") plain.tool_call_id = splitState(message.tool_call_id).id;
  if (Array.isArray(message.tool_calls))
    plain.tool_calls = (message.tool_calls as (JsonObject | null)[]).map((call) =>
      typeof call?.id === "string" ? { ...call, id: splitState(call.id).id } : call,
    );
  if (Array.isArray(message.reasoning_details)) {
    const foreign = (message.reasoning_details as (JsonObject | null)[]).filter(
      (detail) => unpackState(detail?.signature ?? detail?.data) === null,
    );
    if (foreign.length > 0) plain.reasoning_details = foreign;
    else delete plain.reasoning_details;
  }
  return plain;
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
