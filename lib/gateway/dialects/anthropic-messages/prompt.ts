import type {
  JSONSchema7,
  LanguageModelV4CallOptions,
  LanguageModelV4FilePart,
  LanguageModelV4Message,
  LanguageModelV4Prompt,
  LanguageModelV4ToolResultPart,
} from "@ai-sdk/provider";
import { AppError } from "@/lib/errors";
import { printable, thinkingBudgetOf } from "@/lib/gateway/dialects/body-fields";
import { cacheHint } from "@/lib/gateway/dialects/cache-hint";
import type { Conversation, RelayTarget } from "@/lib/gateway/dialects/dialect";
import { fileFromBase64, fileFromUrl } from "@/lib/gateway/dialects/file-part";
import { ownOptions, textOrNone } from "@/lib/gateway/dialects/own-options";
import { stateFor } from "@/lib/gateway/dialects/provider-state";
import { settled } from "@/lib/gateway/dialects/settled-prompt";
import { splitState } from "@/lib/gateway/dialects/tool-call-id";
import type { JsonObject } from "@/lib/gateway/json-body";

/** A Messages request as call options of the AI SDK's provider interface (v4). `warnings` names what has no equivalent. */
export function toCallOptions(
  call: Conversation,
  target: RelayTarget,
): { options: LanguageModelV4CallOptions; warnings: string[] } {
  const { body } = call;
  const warnings: string[] = [];
  const options: LanguageModelV4CallOptions = { prompt: toPrompt(body, target.provider.id) };
  if (target.maxOutputTokens !== null) options.maxOutputTokens = target.maxOutputTokens;
  if (typeof body.temperature === "number") options.temperature = body.temperature;
  if (typeof body.top_p === "number") options.topP = body.top_p;
  if (typeof body.top_k === "number") options.topK = body.top_k;
  if (Array.isArray(body.stop_sequences) && body.stop_sequences.length > 0)
    options.stopSequences = body.stop_sequences.map(String);
  const reasoning = reasoningOf(body);
  if (reasoning) options.reasoning = reasoning;
  const format = formatOf(body);
  if (format) options.responseFormat = format;
  const { user_id: user } = (body.metadata ?? {}) as { user_id?: unknown };
  const { disable_parallel_tool_use: isSerial } = (body.tool_choice ?? {}) as { disable_parallel_tool_use?: unknown };
  const own = ownOptions(
    {
      user: textOrNone(user),
      ...(isSerial === true && { parallelToolCalls: false }),
      ...(format && { isStrict: false }),
      thinkingBudget: thinkingBudgetOf(body),
    },
    target.provider,
  );
  if (Object.keys(own).length > 0) options.providerOptions = own;
  const tools = toTools(body, warnings);
  if (tools.length > 0) {
    options.tools = tools;
    const choice = toolChoice(body.tool_choice, tools);
    if (choice) options.toolChoice = choice;
  }
  return { options, warnings };
}

function toPrompt(body: JsonObject, provider: string): LanguageModelV4Prompt {
  const prompt: LanguageModelV4Message[] = blocksOf(body.system).flatMap(systemMessage);
  for (const message of body.messages as JsonObject[]) {
    const blocks = blocksOf(message.content);
    if (message.role === "assistant") prompt.push({ role: "assistant", content: assistantParts(blocks, provider) });
    // a system message inside the conversation: most providers know only leading ones
    else if (message.role === "system") prompt.push({ role: "user", content: blocks.flatMap(userPart) });
    else prompt.push(...userMessages(blocks));
  }
  return settled(prompt, "messages");
}

function systemMessage(block: JsonObject): LanguageModelV4Message[] {
  return block.type === "text" && block.text !== ""
    ? [{ role: "system", content: String(block.text ?? ""), ...cacheHint(block) }]
    : [];
}

/** Results of tools stand in user messages here, and in messages of their own there. */
function userMessages(blocks: JsonObject[]): LanguageModelV4Message[] {
  const results = blocks.filter(({ type }) => type === "tool_result");
  const rest = blocks.filter(({ type }) => type !== "tool_result").flatMap(userPart);
  return [
    ...(results.length > 0 ? [{ role: "tool" as const, content: results.map(toolResult) }] : []),
    ...(rest.length > 0 ? [{ role: "user" as const, content: rest }] : []),
  ];
}

type UserContent = Extract<LanguageModelV4Message, { role: "user" }>["content"];

function userPart(block: JsonObject): UserContent {
  switch (block.type) {
    case "text":
      // some providers refuse empty text
      return block.text === "" ? [] : [{ type: "text", text: String(block.text ?? ""), ...cacheHint(block) }];
    case "image":
      return [{ ...sourcePart(block.source, "image/*"), ...cacheHint(block) }];
    case "document":
      return documentParts(block);
    case "search_result":
      return [{ type: "text", text: searchResult(block), ...cacheHint(block) }];
    default:
      throw unsupportedBlock(block);
  }
}

/** A document in blocks is those blocks; what its client says about one stands before it. */
function documentParts(block: JsonObject): UserContent {
  const { title, context, source } = block;
  const about = typeof context === "string" && context !== "" ? [{ type: "text" as const, text: `${context}\n` }] : [];
  const { type, content } = (source ?? {}) as { type?: unknown; content?: unknown };
  if (type === "content") {
    const heading = typeof title === "string" ? [{ type: "text" as const, text: `${title}:\n` }] : [];
    return [...about, ...heading, ...blocksOf(content).flatMap(userPart)];
  }
  const filename = typeof title === "string" ? { filename: title } : {};
  return [...about, { ...sourcePart(source, "application/pdf"), ...filename, ...cacheHint(block) }];
}

function searchResult({ title, source, content }: JsonObject): string {
  const texts = [title, source, textOf(content)].filter((text) => typeof text === "string" && text !== "");
  return `${texts.join("\n")}\n\n`;
}

function sourcePart(source: unknown, mediaType: string): LanguageModelV4FilePart {
  const { type, media_type: given, data, url } = (source ?? {}) as JsonObject;
  const file = { type: "file" as const, mediaType: typeof given === "string" ? given : mediaType };
  if (type === "base64") return fileFromBase64(data, { mediaType: file.mediaType, param: "messages" });
  if (type === "url") return fileFromUrl(url, { mediaType: file.mediaType, param: "messages" });
  if (type === "text" && typeof data === "string")
    return { ...file, mediaType: "text/plain", data: { type: "text", text: data } };
  throw new AppError(
    "unsupported_value",
    `A source of type "${String(type)}" cannot be served by the provider of this model. Send base64 or a URL.`,
    { param: "messages" },
  );
}

function assistantParts(
  blocks: JsonObject[],
  provider: string,
): Extract<LanguageModelV4Message, { role: "assistant" }>["content"] {
  return blocks.flatMap((block): Extract<LanguageModelV4Message, { role: "assistant" }>["content"] => {
    switch (block.type) {
      case "text":
        return block.text === "" ? [] : [{ type: "text", text: String(block.text ?? ""), ...cacheHint(block) }];
      case "thinking":
      case "redacted_thinking": {
        // signed by another provider: this one would refuse it
        const state = stateFor(provider, block.signature ?? block.data);
        return state ? [{ type: "reasoning", text: String(block.thinking ?? ""), providerOptions: state }] : [];
      }
      case "tool_use": {
        const { id, state } = splitState(String(block.id ?? ""));
        const options = state === null ? undefined : stateFor(provider, state);
        return [
          {
            type: "tool-call",
            toolCallId: id,
            toolName: String(block.name ?? ""),
            input: block.input ?? {},
            ...(options && { providerOptions: options }),
          },
        ];
      }
      default:
        // what a provider ran itself in an earlier turn; its text stands beside it
        return [];
    }
  });
}

function toolResult(block: JsonObject): LanguageModelV4ToolResultPart {
  const { id } = splitState(String(block.tool_use_id ?? ""));
  // which tool it was, its call says
  const part = { type: "tool-result" as const, toolCallId: id, toolName: "", ...cacheHint(block) };
  const blocks = blocksOf(block.content);
  if (blocks.every(({ type }) => type === "text"))
    return { ...part, output: { type: block.is_error === true ? "error-text" : "text", value: textOf(blocks) } };
  return { ...part, output: { type: "content", value: blocks.flatMap(userPart) } };
}

function toTools(body: JsonObject, warnings: string[]): NonNullable<LanguageModelV4CallOptions["tools"]> {
  return blocksOf(body.tools).flatMap((tool) => {
    if (tool.type !== undefined && tool.type !== "custom") {
      warnings.push(`tools.${printable(tool.type)}`);
      return [];
    }
    const { $schema: _dialect, ...schema } = (tool.input_schema ?? {}) as JSONSchema7;
    return [
      {
        type: "function" as const,
        name: String(tool.name ?? ""),
        inputSchema: { type: "object", properties: {}, ...schema } as JSONSchema7,
        ...(typeof tool.description === "string" && { description: tool.description }),
        ...cacheHint(tool),
      },
    ];
  });
}

function toolChoice(
  choice: unknown,
  tools: NonNullable<LanguageModelV4CallOptions["tools"]>,
): LanguageModelV4CallOptions["toolChoice"] {
  const { type, name } = (choice ?? {}) as JsonObject;
  if (type === "auto" || type === "none") return { type };
  if (type === "any") return { type: "required" };
  if (type !== "tool") return undefined;
  if (!tools.some((tool) => tool.name === name))
    throw new AppError("unsupported_value", `tool_choice: there is no tool "${String(name)}" that can be served.`, {
      param: "tool_choice",
    });
  return { type: "tool", toolName: String(name) };
}

/** Budgets in the steps of effort that other providers know. */
function reasoningOf(body: JsonObject): LanguageModelV4CallOptions["reasoning"] {
  const { effort } = (body.output_config ?? {}) as { effort?: unknown };
  const { type } = (body.thinking ?? {}) as { type?: unknown };
  const budget = thinkingBudgetOf(body);
  if (type === "disabled") return "none";
  if (effort === "low" || effort === "medium" || effort === "high" || effort === "xhigh" || effort === "max")
    return effort;
  if (type !== "enabled" || budget === null) return undefined;
  return budget <= 2_048 ? "low" : budget <= 16_384 ? "medium" : "high";
}

function formatOf(body: JsonObject): LanguageModelV4CallOptions["responseFormat"] {
  const config = body.output_config as { format?: unknown } | undefined;
  const { type, schema } = (body.output_format ?? config?.format ?? {}) as { type?: unknown; schema?: JSONSchema7 };
  return type === "json_schema" && schema ? { type: "json", schema } : undefined;
}

function blocksOf(content: unknown): JsonObject[] {
  if (typeof content === "string") return [{ type: "text", text: content }];
  return Array.isArray(content)
    ? content.filter((block): block is JsonObject => typeof block === "object" && block !== null)
    : [];
}

function textOf(content: unknown): string {
  return blocksOf(content)
    .map((block) => (typeof block.text === "string" ? block.text : ""))
    .join("");
}

function unsupportedBlock(block: JsonObject): AppError {
  return new AppError(
    "unsupported_value",
    `Content of type "${String(block.type)}" is not supported by the provider of this model.`,
    { param: "messages" },
  );
}
