import { AppError } from "@/lib/errors";
import { setBreakpoints } from "@/lib/gateway/dialects/aigne/cache-breakpoints";
import type { ParsedCall } from "@/lib/gateway/dialects/dialect";
import { parseChat } from "@/lib/gateway/dialects/openai-chat/parse";
import type { JsonObject } from "@/lib/gateway/json-body";

export const DEFAULT_CHAT_MODEL = "openai/gpt-5-mini";

/** An AIGNE request as the chat request that says the same; `body` of the result is that one. Throws invalid_request,
 *  invalid_type and unsupported_value naming the parameter. */
export function parseAigne(body: JsonObject, inputBytes: number): ParsedCall {
  const input = inputOf(body);
  if (!Array.isArray(input.messages))
    throw new AppError("invalid_request", '"input.messages" is missing: give a list of messages.', {
      param: "input.messages",
    });
  const options = objectOf(input.modelOptions);
  const stream = objectOf(body.options).streaming === true;
  const effort = options.reasoningEffort;
  const messages = input.messages.map(toMessage);
  const tools = Array.isArray(input.tools) ? input.tools.map(withHint) : undefined;
  if (options.cacheConfig != null) setBreakpoints({ messages, ...(tools && { tools }) }, objectOf(options.cacheConfig));
  const chat: JsonObject = {
    model: modelOf(options, DEFAULT_CHAT_MODEL),
    messages,
    ...(stream && { stream: true, stream_options: { include_usage: true } }),
    tools,
    ...(input.toolChoice != null && { tool_choice: input.toolChoice }),
    response_format: toFormat(input.responseFormat),
    temperature: options.temperature,
    top_p: options.topP,
    frequency_penalty: options.frequencyPenalty,
    presence_penalty: options.presencePenalty,
    parallel_tool_calls: options.parallelToolCalls,
    modalities: options.modalities,
    ...(typeof effort === "number" ? { reasoning: { max_tokens: effort } } : { reasoning_effort: effort }),
  };
  return parseChat(withoutAbsent(chat), inputBytes);
}

/** The `input` of any AIGNE request. Throws invalid_request. */
export function inputOf({ input }: JsonObject): JsonObject {
  if (typeof input !== "object" || input === null || Array.isArray(input))
    throw new AppError("invalid_request", '"input" is missing: give an object.', { param: "input" });
  return input as JsonObject;
}

/** The model that `modelOptions` names, else the protocol's own default. */
export function modelOf({ model }: JsonObject, fallback: string): unknown {
  return model ?? fallback;
}

const ROLES: Record<string, string> = { agent: "assistant" };

function toMessage(given: unknown, index: number): unknown {
  if (typeof given !== "object" || given === null) return given;
  const message = given as JsonObject;
  const calls = objectsIn(message.toolCalls);
  return withHint(
    withoutAbsent({
      role: ROLES[String(message.role)] ?? message.role,
      content: Array.isArray(message.content)
        ? message.content.map((part, at) => toPart(objectOf(part), `input.messages[${index}].content[${at}]`))
        : message.content,
      name: message.name,
      tool_call_id: message.toolCallId,
      tool_calls: calls.length > 0 ? calls.map(toCall) : undefined,
      // what a provider signed before its first call rides on that call: see `answer.ts`
      reasoning_details: objectOf(calls[0]?.metadata).reasoning_details,
      cacheControl: message.cacheControl,
    }),
  );
}

function toCall({ id, function: called }: JsonObject): JsonObject {
  const { name, arguments: input } = objectOf(called);
  return {
    id,
    type: "function",
    function: { name, arguments: typeof input === "string" ? input : JSON.stringify(input ?? {}) },
  };
}

function toPart(part: JsonObject, param: string): JsonObject {
  const { mimeType } = part;
  switch (part.type) {
    case "text":
      return withHint({ type: "text", text: part.text, cacheControl: part.cacheControl });
    case "url":
      return typeof mimeType === "string" && !mimeType.startsWith("image/")
        ? { type: "file", file: { file_data: part.url, filename: part.filename } }
        : { type: "image_url", image_url: { url: part.url } };
    case "file":
      return toFile(String(part.data ?? ""), typeof mimeType === "string" ? mimeType : "", part.filename);
    default:
      throw new AppError("unsupported_value", `Content of type "${String(part.type)}" cannot be sent to a hub.`, {
        param,
      });
  }
}

function toFile(data: string, mimeType: string, filename: unknown): JsonObject {
  if (mimeType.startsWith("audio/"))
    return { type: "input_audio", input_audio: { data, format: /mpe?g|mp3/.test(mimeType) ? "mp3" : "wav" } };
  if (mimeType === "" || mimeType.startsWith("image/"))
    return { type: "image_url", image_url: { url: `data:${mimeType || "image/png"};base64,${data}` } };
  return { type: "file", file: withoutAbsent({ file_data: `data:${mimeType};base64,${data}`, filename }) };
}

function toFormat(format: unknown): JsonObject | undefined {
  const { type, jsonSchema } = objectOf(format);
  return type === "json_schema" ? { type, json_schema: objectOf(jsonSchema) } : undefined;
}

/** `cacheControl` by the name that the chat dialect has for it. */
function withHint<Value>(value: Value): Value | JsonObject {
  const { cacheControl, ...rest } = objectOf(value);
  return cacheControl == null ? (rest as JsonObject) : { ...rest, cache_control: cacheControl };
}

function withoutAbsent(fields: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null));
}

export function objectOf(value: unknown): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}

function objectsIn(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.map(objectOf) : [];
}
