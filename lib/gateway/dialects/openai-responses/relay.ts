import type { Conversation, RelayedFacts, RelayTarget } from "@/lib/gateway/dialects/dialect";
import { unpackState } from "@/lib/gateway/dialects/provider-state";
import { splitState } from "@/lib/gateway/dialects/tool-call-id";
import type { JsonObject } from "@/lib/gateway/json-body";

/** Reasoning comes back with the next turn only if the client has it, since nothing is stored. Other models refuse to be
 *  asked for it. */
const REASONS = /(^|[/-])(o[1-9]|gpt-5|codex|grok-4)/;
const ENCRYPTED = "reasoning.encrypted_content";

/** The body for an upstream that speaks Responses itself: the client's, with only what must change. */
export function relayBody(call: Conversation, target: RelayTarget): string {
  const body: JsonObject = { ...call.body, model: target.upstreamModel, store: false };
  if (target.maxOutputTokens === null) delete body.max_output_tokens;
  else body.max_output_tokens = target.maxOutputTokens;
  if (Array.isArray(body.input)) body.input = (body.input as JsonObject[]).flatMap(withoutForeignState);
  const include = Array.isArray(body.include) ? body.include : [];
  const reasons = REASONS.test(target.upstreamModel) && !target.upstreamModel.includes("chat");
  if (reasons && !include.includes(ENCRYPTED)) body.include = [...include, ENCRYPTED];
  return JSON.stringify(body);
}

/** Reasoning that another provider kept for itself in an earlier turn would be refused here. */
function withoutForeignState(item: JsonObject): JsonObject[] {
  if (item.type === "reasoning" && unpackState(item.encrypted_content) !== null) return [];
  if (typeof item.call_id !== "string") return [item];
  const { id, state } = splitState(item.call_id);
  return [state === null ? item : { ...item, call_id: id }];
}

/** What makes an event worth parsing: texts hold escaped quotes. */
export const MARKER = /"type"\s*:\s*"(?:error|response\.(?:completed|incomplete|failed|created))"|\[DONE\]/g;

/** What an event of the stream says, or a whole response. */
export function factsOf(event: JsonObject): RelayedFacts {
  const response = (event.response ?? (event.object === "response" ? event : undefined)) as JsonObject | undefined;
  const facts: RelayedFacts = { hasContent: hasContent(event) };
  if (typeof response?.id === "string") facts.id = response.id;
  if (typeof response?.service_tier === "string") facts.serviceTier = response.service_tier;
  const status = response?.status;
  if (status === "completed" || status === "incomplete") {
    const { reason } = (response?.incomplete_details ?? {}) as { reason?: unknown };
    facts.finishReason = typeof reason === "string" ? reason : status;
    facts.isLast = event.object !== "response";
    facts.toolCalls = searchesIn(response?.output);
  }
  if (typeof response?.usage === "object" && response.usage !== null) facts.usage = response.usage as JsonObject;
  if (event.type === "error") facts.error = event.error ?? event;
  else if (response?.error) facts.error = response.error;
  return facts;
}

function hasContent({ type, object, status }: JsonObject): boolean {
  if (object === "response") return status !== "failed";
  const quiet = new Set<unknown>([
    "response.created",
    "response.in_progress",
    "response.queued",
    "response.failed",
    "error",
  ]);
  return !quiet.has(type);
}

/** Of a whole answer, whose usage does not count them; null where it does not repeat its items. */
function searchesIn(output: unknown): Record<string, number> | null {
  if (!Array.isArray(output) || output.length === 0) return null;
  const searches = output.filter(isSearch).length;
  return searches === 0 ? {} : { web_search: searches };
}

/** OpenAI bills searches, not the pages that are opened or read in between. */
function isSearch(item: JsonObject | null | undefined): boolean {
  if (item?.type !== "web_search_call") return false;
  const { type = "search" } = (item.action ?? {}) as { type?: unknown };
  return type === "search";
}

/** Text of an event or a whole response that counts as output. */
export function textOfEvent(event: JsonObject): { text: string; reasoning: string; ran?: string[] } {
  if (Array.isArray(event.output)) return ofItems(event.output as JsonObject[]);
  const { type, delta, item } = event as { type?: unknown; delta?: unknown; item?: JsonObject };
  if (type === "response.output_item.done" && isSearch(item)) return { text: "", reasoning: "", ran: ["web_search"] };
  if (type === "response.output_item.added") return { text: String(item?.name ?? ""), reasoning: "" };
  if (typeof delta !== "string" || typeof type !== "string") return { text: "", reasoning: "" };
  return type.startsWith("response.reasoning") ? { text: "", reasoning: delta } : { text: delta, reasoning: "" };
}

function ofItems(items: readonly JsonObject[]): { text: string; reasoning: string; ran: string[] } {
  let text = "";
  let reasoning = "";
  for (const item of items) {
    if (item.type === "reasoning") reasoning += textsOf(item.content) || textsOf(item.summary);
    else text += textsOf(item.content) + [item.name, item.arguments, item.input].filter(isText).join("");
  }
  return { text, reasoning, ran: items.filter(isSearch).map(() => "web_search") };
}

function textsOf(parts: unknown): string {
  if (!Array.isArray(parts)) return "";
  return parts.map((part: JsonObject | null) => [part?.text, part?.refusal].filter(isText).join("")).join("");
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}
