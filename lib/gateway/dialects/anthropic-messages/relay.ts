import type { Conversation, RelayedFacts, RelayTarget } from "@/lib/gateway/dialects/dialect";
import { unpackState } from "@/lib/gateway/dialects/provider-state";
import { splitState } from "@/lib/gateway/dialects/tool-call-id";
import type { JsonObject } from "@/lib/gateway/json-body";

/** The body for an upstream that speaks Messages itself: the client's, with only what must change. */
export function relayBody(call: Conversation, target: RelayTarget): string {
  const body: JsonObject = { ...call.body, model: target.upstreamModel };
  if (target.maxOutputTokens !== null) body.max_tokens = target.maxOutputTokens;
  body.messages = (call.body.messages as JsonObject[]).map(withoutForeignState);
  return JSON.stringify(body);
}

/** Reasoning that another provider signed in an earlier turn would be refused here. Messages without any stay as they are. */
function withoutForeignState(message: JsonObject): JsonObject {
  if (!Array.isArray(message.content)) return message;
  const blocks = message.content as (JsonObject | null)[];
  if (!blocks.some(isForeign) && !blocks.some(hasMarkedId)) return message;
  return { ...message, content: blocks.filter((block) => !isForeign(block)).map(withPlainIds) };
}

function isForeign(block: JsonObject | null): boolean {
  if (block?.type === "thinking") return block.signature === "" || unpackState(block.signature) !== null;
  return block?.type === "redacted_thinking" && unpackState(block.data) !== null;
}

function hasMarkedId(block: JsonObject | null): boolean {
  return [block?.id, block?.tool_use_id].some((id) => typeof id === "string" && splitState(id).state !== null);
}

function withPlainIds(block: JsonObject | null): JsonObject | null {
  if (!block || !hasMarkedId(block)) return block;
  return {
    ...block,
    ...(typeof block.id === "string" && { id: splitState(block.id).id }),
    ...(typeof block.tool_use_id === "string" && { tool_use_id: splitState(block.tool_use_id).id }),
  };
}

/** What makes an event worth parsing: its type is its first key, and texts hold escaped quotes. */
export const MARKER = /"usage": ?\{|"type": ?"(?:error|message_start|message_delta|message_stop)"/g;

/** What an event of the stream says, or a whole message. */
export function factsOf(event: JsonObject): RelayedFacts {
  const message = event.type === "message_start" ? (event.message as JsonObject | undefined) : event;
  const delta = event.delta as JsonObject | undefined;
  const facts: RelayedFacts = { hasContent: hasContent(event) };
  if (typeof message?.id === "string") facts.id = message.id;
  const stopReason = delta?.stop_reason ?? message?.stop_reason;
  if (typeof stopReason === "string") facts.finishReason = stopReason;
  const usage = message?.usage;
  // what message_start says of the output is only its beginning
  if (typeof usage === "object" && usage !== null)
    facts[event.type === "message_start" ? "earlyUsage" : "usage"] = usage as JsonObject;
  if (event.type === "error") facts.error = event.error;
  if (event.type === "message_stop") facts.isLast = true;
  return facts;
}

/** message_start has the input, message_delta the output so far, and the input again where it changed. */
export function joinUsage(earlier: JsonObject | null, later: JsonObject): JsonObject {
  const known = Object.entries(later).filter(([, value]) => value !== null);
  return { ...earlier, ...Object.fromEntries(known) };
}

/** Text of an event or a whole message that counts as output. */
export function textOfEvent(event: JsonObject): { text: string; reasoning: string; ran: string[] } {
  let text = "";
  let reasoning = "";
  const ran: string[] = [];
  for (const piece of piecesOf(event)) {
    if (typeof piece.text === "string") text += piece.text;
    if (typeof piece.partial_json === "string") text += piece.partial_json;
    if (typeof piece.name === "string") text += piece.name;
    if (piece.type === "tool_use" && isNonEmpty(piece.input)) text += JSON.stringify(piece.input);
    if (typeof piece.thinking === "string") reasoning += piece.thinking;
    const tool = RESULT.exec(String(piece.type))?.[1];
    if (tool !== undefined && !isFailed(piece.content)) ran.push(tool);
  }
  return { text, reasoning, ran };
}

/** What a tool that Anthropic ran found. */
const RESULT = /^(web_search|web_fetch)_tool_result$/;

/** Which costs nothing. */
function isFailed(content: unknown): boolean {
  return String((content as { type?: unknown } | null)?.type).endsWith("_error");
}

function piecesOf(event: JsonObject): JsonObject[] {
  if (Array.isArray(event.content)) return event.content as JsonObject[];
  const piece = event.delta ?? event.content_block;
  return typeof piece === "object" && piece !== null ? [piece as JsonObject] : [];
}

function hasContent(event: JsonObject): boolean {
  return event.type !== "message_start" && event.type !== "ping" && event.type !== "error";
}

function isNonEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length > 0;
}
