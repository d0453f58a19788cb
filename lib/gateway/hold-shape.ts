import type { RateClass } from "@/lib/billing/pricing";
import { thinkingBudgetOf } from "@/lib/gateway/dialects/body-fields";
import type { Conversation } from "@/lib/gateway/dialects/dialect";
import type { HoldShape } from "@/lib/gateway/hold-size";
import type { JsonObject } from "@/lib/gateway/json-body";
import { countTokens, EXACT_CHARACTERS } from "@/lib/gateway/meter/tokens";
import type { Candidate, RoutePlan } from "@/lib/gateway/routing/candidates";

/** Other vendors' tokenisers make up to half as many tokens more of the same text than ours. */
const OTHER_TOKENISERS = 1.5;
/** Models that think before they speak, by the names their makers give them. */
const THINKING =
  /(^|\/)(o[1-9](-|$)|gpt-5|codex|gpt-oss)|gemini-(?!(1|2\.0)(\D|$))|deepseek-(reasoner|r1)|grok-[34].*(mini|reasoning)|thinking|qwq/i;
/** Parts of a message whose tokens are tokens of text. */
const TEXT = new Set(
  ["text", "refusal", "input_text", "output_text", "summary_text", "reasoning_text"].concat([
    "thinking",
    "redacted_thinking",
    "tool_use",
    "tool_result",
  ]),
);

/** What of a conversation decides its hold. */
export function holdShapeOf(call: Conversation, plan: RoutePlan): HoldShape {
  const { body, mediaTokens } = call;
  const parts = partsOf(body);
  const offers = plan.flatMap(([candidate]) => candidate ?? []);
  const thinks = offers.some(({ offer }) => mayThink(body, offer.upstreamModel));
  const isOurTokeniser = offers.every(({ definition }) => definition.id === "openai");
  return {
    inputBytes: call.inputBytes,
    mediaTokens,
    widestWindow: Math.max(0, ...offers.map(({ offer }) => offer.contextWindow ?? 0)),
    unreachable: unreachable(call, parts),
    countInput: once(() => countInput(call, parts, isOurTokeniser)),
    maxOutputTokens: call.maxOutputTokens,
    choices: call.choices,
    thinkingTokens: thinks ? (thinkingBudgetOf(body) ?? 0) : null,
    // what is counted on the way has no tier: only the end says which one it was
    metered:
      call.stream &&
      call.serviceTier === undefined &&
      !offers.some((offer) => thinksSilently(body, offer)) &&
      !answersWithMedia(body),
    hostedCalls: call.hostedCalls ?? {},
    serviceTier: call.serviceTier ?? null,
    limitsEachTurn: call.dialect.limitsEachTurn ?? false,
  };
}

/** Audio costs many times what text does, and a cache kept for an hour twice as much: few requests can use either. */
function unreachable({ body, hostedCalls }: Conversation, parts: readonly JsonObject[]): RateClass[] {
  const tools = (Array.isArray(body.tools) ? body.tools : []) as (JsonObject | null)[];
  const writesCache = [body, ...itemsOf(body), ...parts, ...tools].some((value) => value?.cache_control != null);
  const classes: RateClass[] = answersWithMedia(body) ? [] : ["audioOutput"];
  if (!writesCache) classes.push("cacheWrite1h");
  // what a hosted tool finds may be a picture
  if (!hostedCalls && parts.every((part) => TEXT.has(typeOf(part))))
    classes.push("audioInput", "imageInput", "videoInput");
  return classes;
}

function countInput(call: Conversation, parts: readonly JsonObject[], isOurTokeniser: boolean): number {
  const bytes = call.inputBytes + call.mediaTokens;
  // what is not text cannot be counted
  if (!Number.isFinite(bytes) || parts.some((part) => typeOf(part).includes("audio"))) return bytes;
  const { functions, response_format: format, text } = call.body;
  const extras = countTokens(JSON.stringify([functions, format, text]));
  const isExact = isOurTokeniser && call.inputBytes <= EXACT_CHARACTERS;
  const counted = (call.dialect.estimateInput(call) + extras) * (isExact ? 1 : OTHER_TOKENISERS);
  return Math.min(bytes, Math.ceil(counted) + call.mediaTokens);
}

/** Messages, or what the Responses API calls input; with the system text of the Messages API. */
function itemsOf({ messages, input, system }: JsonObject): JsonObject[] {
  const lists = [messages, input].flatMap((list) => (Array.isArray(list) ? list : []));
  return [...lists, { content: system }].filter((item) => typeof item === "object" && item !== null);
}

function partsOf(body: JsonObject): JsonObject[] {
  return itemsOf(body).flatMap(({ content, output }) => [...nestedIn(content), ...nestedIn(output)]);
}

/** Results of tools hold parts of their own. */
function nestedIn(parts: unknown): JsonObject[] {
  if (!Array.isArray(parts)) return [];
  const objects = parts.filter((part): part is JsonObject => typeof part === "object" && part !== null);
  return objects.flatMap((part) => [part, ...nestedIn(part.content)]);
}

function typeOf(part: JsonObject): string {
  return String(part.type ?? "text");
}

/** Whether a call may make its model think, as far as names tell. */
export function mayThink(body: JsonObject, upstreamModel: string): boolean {
  return asksToThink(body) || THINKING.test(upstreamModel);
}

/** Whether a model may think without a word of it in its stream: nothing can be counted as it is made, and silence is no death. */
export function thinksSilently(
  body: JsonObject,
  { definition, offer }: Pick<Candidate, "definition" | "offer">,
): boolean {
  const { reasoningStreams: streams = true } = definition;
  return mayThink(body, offer.upstreamModel) && (streams === "if-asked" ? !asksToThink(body) : !streams);
}

function asksToThink(body: JsonObject): boolean {
  const { reasoning_effort: named, output_config: config, reasoning, thinking, enable_thinking: enabled } = body;
  const effort = named ?? (config as JsonObject | null | undefined)?.effort;
  if (typeof effort === "string" && effort !== "none") return true;
  const kind = (thinking as JsonObject | null | undefined)?.type;
  if (kind === "enabled" || kind === "adaptive") return true;
  return enabled === true || (typeof reasoning === "object" && reasoning !== null);
}

/** Sound and pictures come in pieces that cannot be counted. */
function answersWithMedia({ modalities, audio }: JsonObject): boolean {
  return audio != null || (Array.isArray(modalities) && modalities.some((name) => name !== "text"));
}

function once<Value>(compute: () => Value): () => Value {
  let value: Value | undefined;
  return () => (value ??= compute());
}
