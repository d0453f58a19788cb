import type { JSONSchema7, LanguageModelV4CallOptions, SharedV4ProviderOptions } from "@ai-sdk/provider";
import { thinkingBudgetOf } from "@/lib/gateway/dialects/body-fields";
import type { Conversation, RelayTarget } from "@/lib/gateway/dialects/dialect";
import { toPrompt } from "@/lib/gateway/dialects/openai-chat/messages";
import { toToolChoice, toTools } from "@/lib/gateway/dialects/openai-chat/tools";
import { ownOptions, textOrNone } from "@/lib/gateway/dialects/own-options";
import type { JsonObject } from "@/lib/gateway/json-body";

/** A chat request as call options of the AI SDK's provider interface (v4). `warnings` names the parameters that only tune
 *  and have no equivalent there. */
export function toCallOptions(
  chat: Conversation,
  { maxOutputTokens, provider }: Pick<RelayTarget, "maxOutputTokens"> & { provider: Parameters<typeof ownOptions>[1] },
): { options: LanguageModelV4CallOptions; warnings: string[] } {
  const { body } = chat;
  const options: LanguageModelV4CallOptions = { prompt: toPrompt(body.messages as JsonObject[], provider.id) };
  if (maxOutputTokens !== null) options.maxOutputTokens = maxOutputTokens;
  assign(options, "temperature", body.temperature, isNumber);
  assign(options, "topP", body.top_p, isNumber);
  assign(options, "topK", body.top_k, isNumber);
  assign(options, "frequencyPenalty", body.frequency_penalty, isNumber);
  assign(options, "presencePenalty", body.presence_penalty, isNumber);
  assign(options, "seed", body.seed, isNumber);
  assign(options, "reasoning", effortOf(body), isEffort);
  const stop = typeof body.stop === "string" ? [body.stop] : body.stop;
  if (Array.isArray(stop)) options.stopSequences = stop.filter((text): text is string => typeof text === "string");
  const format = responseFormat(body.response_format);
  if (format) options.responseFormat = format;
  const choice = toToolChoice(body);
  const tools = toTools(body, choice.allowed);
  if (tools.length > 0) {
    options.tools = tools;
    if (choice.toolChoice) options.toolChoice = choice.toolChoice;
  }
  const own = ownOptionsOf(body, provider);
  if (Object.keys(own).length > 0) options.providerOptions = own;
  return { options, warnings: UNSAYABLE.filter((name) => body[name] != null) };
}

/** Parameters that only tune and have no equivalent at any provider that is translated for. */
const UNSAYABLE = ["logit_bias", "min_p", "top_a", "repetition_penalty", "prediction"];

/** What the specification leaves to each module. */
function ownOptionsOf(body: JsonObject, provider: Parameters<typeof ownOptions>[1]): SharedV4ProviderOptions {
  const { parallel_tool_calls: parallel, user, modalities, verbosity } = body;
  const { prompt_cache_key: key, response_format: format } = body;
  const { json_schema: schema } = (format ?? {}) as { json_schema?: { strict?: unknown } };
  const wanted = {
    ...(typeof parallel === "boolean" && { parallelToolCalls: parallel }),
    ...{ user: textOrNone(user), promptCacheKey: textOrNone(key), verbosity: textOrNone(verbosity) },
    ...(schema && { isStrict: schema.strict === true }),
    thinkingBudget: thinkingBudgetOf(body),
  };
  const own = ownOptions(wanted, provider);
  const withImages = provider.id === "google" && Array.isArray(modalities) && modalities.includes("image");
  return {
    ...own,
    ...(withImages && {
      google: { ...own.google, responseModalities: modalities.map((name) => String(name).toUpperCase()) },
    }),
  };
}

/** The effort a client asks for, in any of the spellings that are about. */
function effortOf(body: JsonObject): unknown {
  if (body.reasoning_effort != null) return body.reasoning_effort;
  const { effort, enabled } = (body.reasoning ?? {}) as JsonObject;
  const { type } = (body.thinking ?? {}) as JsonObject;
  if (effort != null) return effort;
  if (enabled === false || type === "disabled" || body.enable_thinking === false) return "none";
  const tokens = thinkingBudgetOf(body);
  if (tokens !== null) return tokens <= 2_048 ? "low" : tokens <= 16_384 ? "medium" : "high";
  return enabled === true || type === "enabled" || body.enable_thinking === true ? "medium" : undefined;
}

/** What only an upstream that speaks chat completions itself can answer. */
export function untranslatable(
  { body, choices }: Pick<Conversation, "body" | "choices">,
  { answersWithImages }: Pick<RelayTarget["provider"], "answersWithImages">,
): string | null {
  if (choices > 1) return "n";
  if (body.logprobs === true) return "logprobs";
  if (typeof body.top_logprobs === "number" && body.top_logprobs > 0) return "top_logprobs";
  if (body.audio != null) return "audio";
  const modalities: unknown[] = Array.isArray(body.modalities) ? body.modalities : [];
  if (modalities.some((name) => name !== "text" && !(name === "image" && answersWithImages))) return "modalities";
  const tool = (Array.isArray(body.tools) ? body.tools : []).findIndex(
    (given: JsonObject | null) => given?.type !== undefined && given.type !== "function",
  );
  return tool < 0 ? null : `tools[${tool}].type`;
}

function responseFormat(format: unknown): LanguageModelV4CallOptions["responseFormat"] {
  const { type, json_schema: schema } = (format ?? {}) as {
    type?: unknown;
    json_schema?: { name?: string; description?: string; schema?: JSONSchema7 };
  };
  if (type === "json_object") return { type: "json" };
  if (type !== "json_schema") return undefined;
  return {
    type: "json",
    ...(schema?.schema && { schema: schema.schema }),
    ...(schema?.name && { name: schema.name }),
    ...(schema?.description && { description: schema.description }),
  };
}

function assign<Key extends keyof LanguageModelV4CallOptions>(
  options: LanguageModelV4CallOptions,
  key: Key,
  value: unknown,
  is: (value: unknown) => value is NonNullable<LanguageModelV4CallOptions[Key]>,
): void {
  if (is(value)) options[key] = value;
}

function isNumber(value: unknown): value is number {
  return typeof value === "number";
}

const EFFORTS = ["none", "minimal", "low", "medium", "high", "xhigh", "max"] as const;

function isEffort(value: unknown): value is (typeof EFFORTS)[number] {
  return EFFORTS.includes(value as (typeof EFFORTS)[number]);
}
