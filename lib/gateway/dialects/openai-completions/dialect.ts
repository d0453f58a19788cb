import type {
  LanguageModelV4CallOptions,
  LanguageModelV4FinishReason,
  LanguageModelV4StreamPart,
} from "@ai-sdk/provider";
import type { Usage } from "@/lib/billing/usage";
import { openAIErrorBody } from "@/lib/errors";
import type { AnswerIdentity, Conversation, Dialect, RelayedFacts, RelayTarget } from "@/lib/gateway/dialects/dialect";
import { DONE_FRAME, dataFrame } from "@/lib/gateway/dialects/openai-chat/frames";
import { chatUsage } from "@/lib/gateway/dialects/openai-chat/usage";
import { parseCompletion } from "@/lib/gateway/dialects/openai-completions/parse";
import type { JsonObject } from "@/lib/gateway/json-body";
import { countTokens } from "@/lib/gateway/meter/tokens";
import { dropOurs } from "@/lib/gateway/routing/hints";
import type { Nano } from "@/lib/money";

/** OpenAI's legacy completions, which autocompletion still uses. */
export const openAICompletions: Dialect = {
  id: "openai-completions",
  endpoint: "completions",
  parse: parseCompletion,
  estimateInput: ({ body }) => textsOf(body).reduce((sum, text) => sum + countTokens(text), 0),
  untranslatable,
  toCallOptions,
  renderWhole: (_call, result, { identity, usage, price }) => ({
    ...envelope(identity),
    choices: [
      choice(
        result.content.map((part) => (part.type === "text" ? part.text : "")).join(""),
        finishOf(result.finishReason),
      ),
    ],
    usage: chatUsage(usage, price),
  }),
  renderStream: (call, { identity }) => ({
    part: (part: LanguageModelV4StreamPart) =>
      part.type === "text-delta" && part.delta !== "" ? frame(identity, choice(part.delta, null)) : "",
    finish: (reason, usage, price) => end(call, identity, finishOf(reason), usage, price),
  }),
  answerId: (requestId) => `cmpl-${requestId.slice("req_".length)}`,
  failureFrame: (error, { identity }) =>
    dataFrame({ ...envelope(identity), choices: [choice("", "error")], ...openAIErrorBody(error) }),
  relay: {
    body: relayBody,
    marker: /"usage"\s*:\s*\{|"error"|"finish_reason"\s*:\s*"|\[DONE\]/g,
    facts,
    text: (chunk) => ({ text: choicesOf(chunk).map(textOfChoice).join(""), reasoning: "" }),
    frame: dataFrame,
    owed({ call, identity, reported, counted, price }) {
      if (reported || !call.includeUsage) return DONE_FRAME;
      // the client asked for usage and the provider gave none: it gets ours
      return dataFrame({ ...envelope(identity), choices: [], usage: chatUsage(counted(), price) }) + DONE_FRAME;
    },
    curtail: ({ call, identity, usage, price }) => end(call, identity, "length", usage, price),
  },
};

function relayBody(call: Conversation, target: RelayTarget): string {
  const body: JsonObject = { ...call.body, model: target.upstreamModel };
  dropOurs(body);
  if (target.maxOutputTokens === null) delete body.max_tokens;
  else body.max_tokens = target.maxOutputTokens;
  if (call.stream) body.stream_options = { ...(call.body.stream_options as object | undefined), include_usage: true };
  return JSON.stringify(body);
}

/** What only a completion upstream can do. */
function untranslatable({ body, choices }: Conversation): string | null {
  if (textsOf(body).length !== 1) return "prompt";
  if (choices > 1) return "n";
  if (typeof body.suffix === "string" && body.suffix !== "") return "suffix";
  if (body.echo === true) return "echo";
  return typeof body.logprobs === "number" ? "logprobs" : null;
}

/** The prompt as a message that asks for nothing else: chat models answer it as well as they can. */
function toCallOptions({ body }: Conversation, target: RelayTarget) {
  const [prompt = ""] = textsOf(body);
  const options: LanguageModelV4CallOptions = {
    prompt: [{ role: "user", content: [{ type: "text", text: prompt }] }],
  };
  if (target.maxOutputTokens !== null) options.maxOutputTokens = target.maxOutputTokens;
  for (const [name, field] of NUMBERS) if (typeof body[field] === "number") options[name] = body[field];
  const stop = typeof body.stop === "string" ? [body.stop] : body.stop;
  if (Array.isArray(stop)) options.stopSequences = stop.map(String);
  return { options, warnings: ["logit_bias"].filter((name) => body[name] != null) };
}

const NUMBERS = [
  ["temperature", "temperature"],
  ["topP", "top_p"],
  ["frequencyPenalty", "frequency_penalty"],
  ["presencePenalty", "presence_penalty"],
  ["seed", "seed"],
] as const;

/** The prompts that are text; tokens are nobody's but their own tokeniser's. */
function textsOf({ prompt }: JsonObject): string[] {
  if (typeof prompt === "string") return [prompt];
  return Array.isArray(prompt) && prompt.every((item) => typeof item === "string") ? prompt : [];
}

function facts(chunk: JsonObject, { includeUsage }: Conversation): RelayedFacts {
  const choices = choicesOf(chunk);
  const reason = choices.map(({ finish_reason: said }) => said).find((said) => typeof said === "string");
  const said: RelayedFacts = { hasContent: choices.some((one) => textOfChoice(one) !== "") || reason !== undefined };
  if (typeof chunk.id === "string") said.id = chunk.id;
  if (chunk.error) said.error = chunk.error;
  if (typeof reason === "string") said.finishReason = reason;
  if (typeof chunk.usage === "object" && chunk.usage !== null) {
    said.usage = chunk.usage as JsonObject;
    said.isUnasked = !includeUsage && Array.isArray(chunk.choices) && chunk.choices.length === 0;
  }
  return said;
}

function choicesOf({ choices }: JsonObject): JsonObject[] {
  return Array.isArray(choices)
    ? choices.filter((one): one is JsonObject => typeof one === "object" && one !== null)
    : [];
}

function textOfChoice({ text }: JsonObject): string {
  return typeof text === "string" ? text : "";
}

function end(call: Conversation, identity: AnswerIdentity, reason: string, usage: Usage, price: Nano | null): string {
  const used = dataFrame({ ...envelope(identity), choices: [], usage: chatUsage(usage, price) });
  return frame(identity, choice("", reason)) + (call.includeUsage ? used : "") + DONE_FRAME;
}

function frame(identity: AnswerIdentity, one: JsonObject): string {
  return dataFrame({ ...envelope(identity), choices: [one] });
}

function envelope({ id, created, model }: AnswerIdentity) {
  return { id, object: "text_completion", created, model };
}

function choice(text: string, finishReason: string | null): JsonObject {
  return { text, index: 0, logprobs: null, finish_reason: finishReason };
}

function finishOf({ unified }: LanguageModelV4FinishReason): string {
  if (unified === "length") return "length";
  return unified === "content-filter" ? "content_filter" : "stop";
}
