import type {
  LanguageModelV4Message,
  LanguageModelV4Prompt,
  LanguageModelV4ReasoningPart,
  LanguageModelV4ToolResultOutput,
  SharedV4ProviderOptions,
} from "@ai-sdk/provider";
import { AppError } from "@/lib/errors";
import { cacheHint } from "@/lib/gateway/dialects/cache-hint";
import { type PastCall, type PastMessage, pairToolCalls } from "@/lib/gateway/dialects/openai-chat/history";
import { filePart } from "@/lib/gateway/dialects/openai-chat/media";
import { stateFor } from "@/lib/gateway/dialects/provider-state";
import { answerable } from "@/lib/gateway/dialects/settled-prompt";
import { type JsonObject, parseJsonObject } from "@/lib/gateway/json-body";

type Content<Role extends LanguageModelV4Message["role"]> = Extract<LanguageModelV4Message, { role: Role }>["content"];

/** Chat messages as a prompt of the AI SDK. Only leading system messages stay such: several providers know none inside the
 *  conversation, where they become words of the user. Empty texts, which some refuse, are left out. Throws invalid_request
 *  and unsupported_value naming the message. */
export function toPrompt(messages: readonly JsonObject[], provider: string): LanguageModelV4Prompt {
  const prompt: LanguageModelV4Message[] = [];
  let isLeading = true;
  for (const past of pairToolCalls(messages)) {
    const isSystem = past.message.role === "system" || past.message.role === "developer";
    isLeading &&= isSystem;
    prompt.push(...(isLeading ? systemMessages(past.message) : toMessages(past, provider)));
  }
  return answerable(prompt, "messages");
}

function toMessages(past: PastMessage, provider: string): LanguageModelV4Message[] {
  const { message, index } = past;
  switch (message.role) {
    case "system":
    case "developer":
    case "user":
      return unlessEmpty({ role: "user", content: userParts(message, index) });
    case "assistant":
      return [
        ...unlessEmpty({ role: "assistant", content: assistantParts(past, provider) }),
        ...(past.kind === "calls" ? [toolMessage(past)] : []),
      ];
    default:
      throw new AppError("unsupported_value", `"${String(message.role)}" is not a role of a chat message.`, {
        param: `messages[${index}].role`,
      });
  }
}

function unlessEmpty(message: Exclude<LanguageModelV4Message, { role: "system" }>): LanguageModelV4Message[] {
  return message.content.length > 0 ? [message] : [];
}

/** One message for each stretch of text up to a cache hint, since a system message is one string with one hint. */
function systemMessages(message: JsonObject): LanguageModelV4Message[] {
  const stretches: { content: string; hint: ReturnType<typeof cacheHint> }[] = [];
  let isOpen = false;
  for (const part of textsOf(message)) {
    const hint = cacheHint(part);
    const last = stretches.at(-1);
    if (last && isOpen) Object.assign(last, { content: last.content + String(part.text), hint });
    else stretches.push({ content: String(part.text), hint });
    isOpen = hint.providerOptions === undefined;
  }
  return stretches.map(({ content, hint }) => ({ role: "system", content, ...hint }));
}

function userParts(message: JsonObject, index: number): Content<"user"> {
  return partsOf(message).flatMap((part, position): Content<"user"> => {
    if (part.type === "text")
      return isBlank(part.text) ? [] : [{ type: "text", text: String(part.text), ...cacheHint(part) }];
    const file = filePart(part);
    if (file) return [{ ...file, ...cacheHint(part) }];
    throw new AppError(
      "unsupported_value",
      `Content of type "${String(part.type)}" is not supported by the provider of this model.`,
      { param: `messages[${index}].content[${position}]` },
    );
  });
}

function assistantParts(past: PastMessage, provider: string): Content<"assistant"> {
  const texts = [...textsOf(past.message), ...refusalsOf(past.message)]
    .filter(({ text }) => !isBlank(text))
    .map((part) => ({ type: "text" as const, text: String(part.text), ...cacheHint(part) }));
  const files = [...partsOf(past.message), ...partsIn(past.message.images)].flatMap((part) => filePart(part) ?? []);
  const calls = past.kind === "calls" ? past.calls : [];
  const said = [...reasoningParts(past.message, provider), ...texts, ...files];
  return [...said, ...calls.map((call) => callPart(call, provider))];
}

/** What the model would not say is what it said. */
function refusalsOf(message: JsonObject): JsonObject[] {
  return [...partsOf(message), message].flatMap(({ refusal }) =>
    typeof refusal === "string" ? [{ type: "text", text: refusal }] : [],
  );
}

/** What this provider signed in an earlier turn. Reasoning of another one is left out: it would be refused. */
function reasoningParts({ reasoning_details: details }: JsonObject, provider: string): LanguageModelV4ReasoningPart[] {
  return partsIn(details).flatMap((detail) => {
    const state = stateFor(provider, detail.signature ?? detail.data);
    const text = typeof detail.text === "string" ? detail.text : "";
    return state ? [{ type: "reasoning" as const, text, providerOptions: state }] : [];
  });
}

function callPart({ id, name, input, state, call }: PastCall, provider: string): Content<"assistant">[number] {
  const options = state === null ? googleSignature(call, provider) : stateFor(provider, state);
  return {
    type: "tool-call",
    toolCallId: id,
    toolName: name,
    input: parseArguments(input),
    ...(options && { providerOptions: options }),
  };
}

/** As Gemini's own OpenAI-shaped endpoint hands it out. */
function googleSignature({ extra_content: extra }: JsonObject, provider: string): SharedV4ProviderOptions | undefined {
  const { google } = (extra ?? {}) as { google?: { thought_signature?: unknown } | null };
  const signature = google?.thought_signature;
  return provider === "google" && typeof signature === "string"
    ? { google: { thoughtSignature: signature } }
    : undefined;
}

function toolMessage({ calls, results }: Extract<PastMessage, { kind: "calls" }>): LanguageModelV4Message {
  return {
    role: "tool",
    content: calls.map(({ id, name }, at) => {
      // safe because pairToolCalls gave every call its result
      const result = results[at] as JsonObject;
      return { type: "tool-result", toolCallId: id, toolName: name, output: outputOf(result), ...cacheHint(result) };
    }),
  };
}

/** The protocol knows texts alone here, but clients send the pictures of their tools too. */
function outputOf(result: JsonObject): LanguageModelV4ToolResultOutput {
  const parts = partsOf(result).flatMap((part) =>
    typeof part.text === "string" ? { type: "text" as const, text: part.text } : (filePart(part) ?? []),
  );
  if (parts.some(({ type }) => type === "file")) return { type: "content", value: parts };
  return { type: "text", value: parts.map((part) => (part.type === "text" ? part.text : "")).join("") };
}

/** Historical arguments that are no JSON object are kept as text: the model wrote them, the client cannot mend them. */
function parseArguments(input: unknown): unknown {
  if (typeof input !== "string") return input ?? {};
  try {
    return input.trim() === "" ? {} : parseJsonObject(Buffer.from(input));
  } catch {
    return { text: input };
  }
}

function textsOf(message: JsonObject): JsonObject[] {
  return partsOf(message).filter(({ text }) => typeof text === "string");
}

/** Content as parts, whatever its spelling; a hint on the message counts for its last part. */
function partsOf(message: JsonObject): JsonObject[] {
  const { content, cache_control: hint } = message;
  const parts = typeof content === "string" ? [{ type: "text", text: content }] : partsIn(content);
  const last = parts.at(-1);
  return hint && last ? [...parts.slice(0, -1), { cache_control: hint, ...last }] : parts;
}

function partsIn(value: unknown): JsonObject[] {
  return Array.isArray(value)
    ? value.filter((part): part is JsonObject => typeof part === "object" && part !== null)
    : [];
}

function isBlank(text: unknown): boolean {
  return String(text ?? "").trim() === "";
}
