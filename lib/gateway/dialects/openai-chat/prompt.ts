import type {
  JSONSchema7,
  LanguageModelV4CallOptions,
  LanguageModelV4Message,
  LanguageModelV4Prompt,
  LanguageModelV4ToolResultPart,
} from "@ai-sdk/provider";
import { AppError } from "@/lib/errors";
import type { Conversation, RelayTarget } from "@/lib/gateway/dialects/dialect";
import { filePart } from "@/lib/gateway/dialects/openai-chat/media";
import { type JsonObject, parseJsonObject } from "@/lib/gateway/json-body";

/** A chat request as call options of the AI SDK's provider interface (v4). `warnings` names the parameters that only tune
 *  and have no equivalent there. Throws unsupported_parameter for those that change the answer's shape. */
export function toCallOptions(
  chat: Conversation,
  { maxOutputTokens }: Pick<RelayTarget, "maxOutputTokens">,
): { options: LanguageModelV4CallOptions; warnings: string[] } {
  const { body } = chat;
  refuseUnservable(chat);
  const options: LanguageModelV4CallOptions = { prompt: toPrompt(body.messages as JsonObject[]) };
  if (maxOutputTokens !== null) options.maxOutputTokens = maxOutputTokens;
  assign(options, "temperature", body.temperature, isNumber);
  assign(options, "topP", body.top_p, isNumber);
  assign(options, "topK", body.top_k, isNumber);
  assign(options, "frequencyPenalty", body.frequency_penalty, isNumber);
  assign(options, "presencePenalty", body.presence_penalty, isNumber);
  assign(options, "seed", body.seed, isNumber);
  assign(options, "reasoning", body.reasoning_effort, isEffort);
  const stop = typeof body.stop === "string" ? [body.stop] : body.stop;
  if (Array.isArray(stop)) options.stopSequences = stop.filter((text): text is string => typeof text === "string");
  const format = responseFormat(body.response_format);
  if (format) options.responseFormat = format;
  const tools = toTools(body.tools);
  if (tools.length > 0) {
    options.tools = tools;
    const choice = toolChoice(body.tool_choice);
    if (choice) options.toolChoice = choice;
  }
  return { options, warnings: ["logit_bias"].filter((name) => body[name] != null) };
}

function refuseUnservable(chat: Conversation): void {
  const { body } = chat;
  const refused: [string, boolean][] = [
    ["n", chat.choices > 1],
    ["logprobs", body.logprobs === true],
    ["audio", body.audio != null],
    ["modalities", Array.isArray(body.modalities) && body.modalities.some((name) => name !== "text")],
  ];
  for (const [param, isSet] of refused) {
    if (isSet)
      throw new AppError("unsupported_parameter", `"${param}" is not supported by the provider of this model.`, {
        param,
      });
  }
}

function toPrompt(messages: readonly JsonObject[]): LanguageModelV4Prompt {
  const toolNames = namesByCallId(messages);
  const prompt: LanguageModelV4Message[] = [];
  messages.forEach((message, index) => {
    const next = toMessage(message, index, toolNames);
    const last = prompt.at(-1);
    // results of parallel calls belong into one tool message
    if (next.role === "tool" && last?.role === "tool") last.content.push(...next.content);
    else prompt.push(next);
  });
  return prompt;
}

function toMessage(message: JsonObject, index: number, toolNames: ReadonlyMap<string, string>): LanguageModelV4Message {
  switch (message.role) {
    case "system":
    case "developer":
      return { role: "system", content: plainText(message.content) };
    case "user":
      return { role: "user", content: userParts(message.content, index) };
    case "assistant":
      return { role: "assistant", content: assistantParts(message) };
    case "tool":
      return { role: "tool", content: [toolResult(message, index, toolNames)] };
    default:
      throw new AppError("unsupported_value", `"${String(message.role)}" is not a role of a chat message.`, {
        param: `messages[${index}].role`,
      });
  }
}

function userParts(content: unknown, index: number): Extract<LanguageModelV4Message, { role: "user" }>["content"] {
  if (typeof content === "string") return [{ type: "text", text: content }];
  return partsOf(content).map((part, position) => {
    if (part.type === "text") return { type: "text" as const, text: String(part.text ?? "") };
    const file = filePart(part);
    if (file) return file;
    throw new AppError(
      "unsupported_value",
      `Content of type "${String(part.type)}" is not supported by the provider of this model.`,
      {
        param: `messages[${index}].content[${position}]`,
      },
    );
  });
}

function assistantParts(message: JsonObject): Extract<LanguageModelV4Message, { role: "assistant" }>["content"] {
  const text = plainText(message.content);
  const calls = (Array.isArray(message.tool_calls) ? message.tool_calls : []) as JsonObject[];
  return [
    // some providers refuse empty text blocks
    ...(text ? [{ type: "text" as const, text }] : []),
    ...calls.map((call) => {
      const { name, arguments: input } = (call.function ?? {}) as JsonObject;
      return {
        type: "tool-call" as const,
        toolCallId: String(call.id ?? ""),
        toolName: String(name ?? ""),
        input: parseArguments(input),
      };
    }),
  ];
}

function toolResult(
  message: JsonObject,
  index: number,
  toolNames: ReadonlyMap<string, string>,
): LanguageModelV4ToolResultPart {
  const toolCallId = String(message.tool_call_id ?? "");
  const toolName = toolNames.get(toolCallId);
  if (toolName === undefined) {
    throw new AppError(
      "invalid_request",
      `"messages[${index}]" answers the tool call "${toolCallId}", which no earlier message made.`,
      { param: "messages" },
    );
  }
  return { type: "tool-result", toolCallId, toolName, output: { type: "text", value: plainText(message.content) } };
}

function namesByCallId(messages: readonly JsonObject[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const message of messages) {
    for (const call of (Array.isArray(message.tool_calls) ? message.tool_calls : []) as JsonObject[]) {
      names.set(String(call.id ?? ""), String((call.function as JsonObject | undefined)?.name ?? ""));
    }
  }
  return names;
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

function plainText(content: unknown): string {
  if (typeof content === "string") return content;
  return partsOf(content)
    .map((part) => (typeof part.text === "string" ? part.text : ""))
    .join("");
}

function partsOf(content: unknown): JsonObject[] {
  return Array.isArray(content)
    ? content.filter((part): part is JsonObject => typeof part === "object" && part !== null)
    : [];
}

function toTools(tools: unknown): NonNullable<LanguageModelV4CallOptions["tools"]> {
  return partsOf(tools).map((tool, index) => {
    if (tool.type !== "function") {
      throw new AppError(
        "unsupported_value",
        `Tools of type "${String(tool.type)}" are not supported by the provider of this model.`,
        { param: `tools[${index}].type` },
      );
    }
    const { name, description, parameters, strict } = (tool.function ?? {}) as JsonObject;
    return {
      type: "function" as const,
      name: String(name ?? ""),
      inputSchema: objectSchema(parameters),
      ...(typeof description === "string" && { description }),
      ...(typeof strict === "boolean" && { strict }),
    };
  });
}

/** Missing or empty parameters mean "no arguments". */
function objectSchema(parameters: unknown): JSONSchema7 {
  if (typeof parameters !== "object" || parameters === null) return { type: "object", properties: {} };
  const { $schema: _dialect, ...schema } = parameters as JSONSchema7;
  return { type: "object", properties: {}, ...schema };
}

function toolChoice(choice: unknown): LanguageModelV4CallOptions["toolChoice"] {
  if (choice === "auto" || choice === "none" || choice === "required") return { type: choice };
  const name = ((choice as JsonObject | null | undefined)?.function as JsonObject | undefined)?.name;
  return typeof name === "string" ? { type: "tool", toolName: name } : undefined;
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
