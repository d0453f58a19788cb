import type { ChatCall } from "@/lib/gateway/dialects/openai-chat/parse";
import type { JsonObject } from "@/lib/gateway/json-body";
import type { ProviderDefinition } from "@/lib/gateway/providers/define";

/** Fields with which a tenant would choose what is called: other models, and what gateways behind an OpenAI-shaped address
 *  read as their own configuration. What is billed apart went before (`hosted.ts`). */
const OURS_TO_DECIDE = [
  ...["models", "route", "provider", "transforms", "fallbacks", "extra_body", "extra_query"],
  ...["api_base", "base_url", "api_key", "api_version", "custom_llm_provider", "user_config", "extra_headers"],
];

/** The body for an upstream that speaks chat completions itself: the client's, with only what must change. */
export function relayBody(
  chat: ChatCall,
  target: { provider: ProviderDefinition; upstreamModel: string; maxOutputTokens: number | null },
): string {
  const body: JsonObject = { ...chat.body, model: target.upstreamModel };
  for (const name of OURS_TO_DECIDE) delete body[name];
  if (chat.stream)
    body.stream_options = { ...(chat.body.stream_options as JsonObject | undefined), include_usage: true };
  setTokenLimit(body, target);
  if (target.provider.developerAsSystem) body.messages = chat.messages.map(developerToSystem);
  return JSON.stringify(body);
}

/** Both names given: `max_completion_tokens` wins. The upstream gets the name it knows. */
function setTokenLimit(
  body: JsonObject,
  target: { provider: ProviderDefinition; maxOutputTokens: number | null },
): void {
  const sent = body.max_completion_tokens != null ? "max_completion_tokens" : "max_tokens";
  const field = target.provider.tokenLimitField ?? "as-sent";
  delete body.max_tokens;
  delete body.max_completion_tokens;
  if (target.maxOutputTokens !== null) body[field === "as-sent" ? sent : field] = target.maxOutputTokens;
}

function developerToSystem(message: JsonObject): JsonObject {
  return message.role === "developer" ? { ...message, role: "system" } : message;
}

/** Replaces or adds the price in a usage object and removes what would tell the tenant our cost; null for no price. */
export function publicUsage(usage: JsonObject, costUsd: number | null): JsonObject {
  const { cost: _cost, cost_details: _details, is_byok: _byok, cost_in_usd_ticks: _ticks, ...rest } = usage;
  return costUsd === null ? rest : { ...rest, cost: costUsd };
}

/** Puts another usage object in place of the one in `text`, byte for byte the same elsewhere: numbers keep their spelling.
 *  Null where the object cannot be found without doubt. */
export function replaceUsage(text: string, usage: unknown, replacement: JsonObject): string | null {
  const wanted = JSON.stringify(usage);
  const key = /"usage"\s*:\s*/g;
  let found: { start: number; end: number } | null = null;
  for (let match = key.exec(text); match; match = key.exec(text)) {
    const start = match.index + match[0].length;
    const end = endOfObject(text, start);
    if (end === null) continue;
    try {
      if (JSON.stringify(JSON.parse(text.slice(start, end))) !== wanted) continue;
    } catch {
      continue;
    }
    // one more that looks the same: either could be meant
    if (found) return null;
    found = { start, end };
    key.lastIndex = end;
  }
  return found && text.slice(0, found.start) + JSON.stringify(replacement) + text.slice(found.end);
}

function endOfObject(text: string, start: number): number | null {
  if (text[start] !== "{") return null;
  let depth = 0;
  let inString = false;
  for (let i = start; i < text.length; i++) {
    const character = text[i];
    if (inString) {
      if (character === "\\") i++;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === "{") depth++;
    else if (character === "}" && --depth === 0) return i + 1;
  }
  return null;
}
