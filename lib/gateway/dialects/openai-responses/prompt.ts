import type {
  JSONSchema7,
  LanguageModelV4CallOptions,
  LanguageModelV4FilePart,
  LanguageModelV4Message,
  LanguageModelV4Prompt,
  LanguageModelV4ToolResultOutput,
  SharedV4ProviderOptions,
} from "@ai-sdk/provider";
import { AppError } from "@/lib/errors";
import { printable } from "@/lib/gateway/dialects/body-fields";
import type { Conversation, RelayTarget } from "@/lib/gateway/dialects/dialect";
import { fileFromBase64, fileFromUrl } from "@/lib/gateway/dialects/file-part";
import { CUSTOM_SCHEMA, hasGrammar } from "@/lib/gateway/dialects/openai-responses/custom-tools";
import { ownOptions, textOrNone } from "@/lib/gateway/dialects/own-options";
import { stateFor } from "@/lib/gateway/dialects/provider-state";
import { settled } from "@/lib/gateway/dialects/settled-prompt";
import { splitState } from "@/lib/gateway/dialects/tool-call-id";
import type { JsonObject } from "@/lib/gateway/json-body";

type Tools = NonNullable<LanguageModelV4CallOptions["tools"]>;

/** A Responses request as call options of the AI SDK's provider interface (v4). `warnings` names what has no equivalent. */
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
  const reasoning = effortOf(body.reasoning);
  if (reasoning) options.reasoning = reasoning;
  const format = formatOf(body.text);
  if (format) options.responseFormat = format;
  const tools = toTools(body, warnings);
  if (tools.length > 0) {
    options.tools = tools;
    const choice = toolChoice(body.tool_choice);
    if (choice) options.toolChoice = choice;
  }
  const own = ownOptionsOf(body, target.provider);
  if (Object.keys(own).length > 0) options.providerOptions = own;
  if (body.truncation === "auto") warnings.push("truncation");
  if (body.max_tool_calls != null) warnings.push("max_tool_calls");
  return { options, warnings };
}

function ownOptionsOf(body: JsonObject, provider: RelayTarget["provider"]): SharedV4ProviderOptions {
  const { format, verbosity } = (body.text ?? {}) as { format?: JsonObject; verbosity?: unknown };
  return ownOptions(
    {
      ...(typeof body.parallel_tool_calls === "boolean" && { parallelToolCalls: body.parallel_tool_calls }),
      ...{ user: textOrNone(body.user), promptCacheKey: textOrNone(body.prompt_cache_key) },
      verbosity: textOrNone(verbosity),
      ...(format?.type === "json_schema" && { isStrict: format.strict === true }),
    },
    provider,
  );
}

/** What only an upstream that speaks Responses itself can answer. */
export function untranslatable({ body }: Pick<Conversation, "body">): string | null {
  if (typeof body.top_logprobs === "number" && body.top_logprobs > 0) return "top_logprobs";
  if (Array.isArray(body.include) && body.include.includes("message.output_text.logprobs")) return "include";
  if (partsOf(body.tools).some(hasGrammar)) return "tools";
  // without what the client's own tools did, the conversation is another one
  const at = itemsOf(body.input).findIndex(({ type }) => RUN_BY_CLIENT.test(String(type)));
  return at < 0 ? null : `input[${at}]`;
}

/** Calls of tools of OpenAI's own design that a client runs, and their results. */
const RUN_BY_CLIENT = /^(computer|local_shell|shell|apply_patch)_call(_output)?$/;

function toPrompt(body: JsonObject, provider: string): LanguageModelV4Prompt {
  const prompt: LanguageModelV4Message[] = [];
  if (typeof body.instructions === "string" && body.instructions !== "")
    prompt.push({ role: "system", content: body.instructions });
  itemsOf(body.input).forEach((item, index) => {
    for (const message of toMessages(item, index, provider)) join(prompt, message);
  });
  return settled(prompt, "input");
}

/** What the model said in one turn, and the results of one turn's calls, belong into one message each. */
function join(prompt: LanguageModelV4Message[], next: LanguageModelV4Message): void {
  const last = prompt.at(-1);
  if (next.role === "assistant" && last?.role === "assistant") last.content.push(...next.content);
  else if (next.role === "tool" && last?.role === "tool") last.content.push(...next.content);
  else prompt.push(next);
}

function toMessages(item: JsonObject, index: number, provider: string): LanguageModelV4Message[] {
  switch (item.type ?? "message") {
    case "message":
      return messageOf(item, index);
    case "reasoning": {
      // kept for its provider by another one: this one would refuse it
      const state = stateFor(provider, item.encrypted_content);
      const text = textOf(item.content) || textOf(item.summary);
      return state ? [{ role: "assistant", content: [{ type: "reasoning", text, providerOptions: state }] }] : [];
    }
    case "function_call":
    case "custom_tool_call": {
      const { id, state } = splitState(String(item.call_id ?? ""));
      const options = state === null ? undefined : stateFor(provider, state);
      const input = item.type === "function_call" ? argumentsOf(item.arguments) : { input: String(item.input ?? "") };
      const part = { type: "tool-call" as const, toolCallId: id, toolName: String(item.name ?? ""), input };
      return [{ role: "assistant", content: [{ ...part, ...(options && { providerOptions: options }) }] }];
    }
    case "function_call_output":
    case "custom_tool_call_output": {
      const { id } = splitState(String(item.call_id ?? ""));
      // which tool it was, its call says
      const part = { type: "tool-result" as const, toolCallId: id, toolName: "" };
      return [{ role: "tool", content: [{ ...part, output: outputOf(item.output) }] }];
    }
    default:
      // what a provider ran itself in an earlier turn; its text stands beside it
      return [];
  }
}

function messageOf({ role, content }: JsonObject, index: number): LanguageModelV4Message[] {
  switch (role) {
    case "system":
    case "developer":
      return [{ role: "system", content: textOf(content) }];
    case "user": {
      const parts = userParts(content, index);
      return parts.length > 0 ? [{ role: "user", content: parts }] : [];
    }
    case "assistant": {
      const text = textOf(content);
      return text === "" ? [] : [{ role: "assistant", content: [{ type: "text", text }] }];
    }
    default:
      throw new AppError("unsupported_value", `"${String(role)}" is not a role of an input message.`, {
        param: `input[${index}].role`,
      });
  }
}

function userParts(content: unknown, index: number): Extract<LanguageModelV4Message, { role: "user" }>["content"] {
  return partsOf(content).flatMap((part): Extract<LanguageModelV4Message, { role: "user" }>["content"] => {
    if (part.type === "input_text" || part.type === "text" || part.type === "output_text")
      return part.text === "" ? [] : [{ type: "text", text: String(part.text ?? "") }];
    return [filePart(part, `input[${index}].content`)];
  });
}

function filePart(part: JsonObject, param: string): LanguageModelV4FilePart {
  switch (part.type) {
    case "input_image":
      return fileFromUrl(part.image_url, { mediaType: "image/*", param });
    case "input_file": {
      const place = { mediaType: "application/pdf", param };
      const { file_data: data, file_url: url, filename } = part;
      const isBare = typeof data === "string" && !URL.canParse(data);
      const file = isBare ? fileFromBase64(data, place) : fileFromUrl(data ?? url, place);
      return { ...file, ...(typeof filename === "string" && { filename }) };
    }
    case "input_audio": {
      const { data, format } = (part.input_audio ?? {}) as { data?: unknown; format?: unknown };
      return fileFromBase64(data, { mediaType: format === "mp3" ? "audio/mpeg" : "audio/wav", param });
    }
    default:
      throw new AppError(
        "unsupported_value",
        `Content of type "${String(part.type)}" is not supported by the provider of this model.`,
        { param },
      );
  }
}

function outputOf(output: unknown): LanguageModelV4ToolResultOutput {
  const parts = partsOf(output);
  if (parts.every(({ type }) => type === "input_text" || type === "output_text" || type === "text"))
    return { type: "text", value: textOf(output) };
  const value = parts.map((part) =>
    typeof part.text === "string" ? { type: "text" as const, text: part.text } : filePart(part, "input"),
  );
  return { type: "content", value };
}

function toTools(body: JsonObject, warnings: string[]): Tools {
  const allowed = allowedNames(body.tool_choice);
  return partsOf(body.tools).flatMap((tool): Tools => {
    if (allowed && !allowed.has(tool.name)) return [];
    const base = {
      type: "function" as const,
      name: String(tool.name ?? ""),
      ...(typeof tool.description === "string" && { description: tool.description }),
    };
    if (tool.type === "custom") return [{ ...base, inputSchema: CUSTOM_SCHEMA }];
    if (tool.type !== "function") {
      warnings.push(`tools.${printable(tool.type)}`);
      return [];
    }
    const { $schema: _dialect, ...schema } = (tool.parameters ?? {}) as JSONSchema7;
    return [
      {
        ...base,
        inputSchema: { type: "object", properties: {}, ...schema } as JSONSchema7,
        ...(typeof tool.strict === "boolean" && { strict: tool.strict }),
      },
    ];
  });
}

/** Tools that may be used although more are described; null where all may. */
function allowedNames(choice: unknown): Set<unknown> | null {
  const { type, tools } = (choice ?? {}) as { type?: unknown; tools?: unknown };
  return type === "allowed_tools" ? new Set(partsOf(tools).map(({ name }) => name)) : null;
}

function toolChoice(choice: unknown): LanguageModelV4CallOptions["toolChoice"] {
  if (choice === "auto" || choice === "none" || choice === "required") return { type: choice };
  const { type, name, mode } = (choice ?? {}) as JsonObject;
  if (type === "allowed_tools") return { type: mode === "required" ? "required" : "auto" };
  return typeof name === "string" ? { type: "tool", toolName: name } : undefined;
}

const EFFORTS = ["none", "minimal", "low", "medium", "high", "xhigh", "max"] as const;

function effortOf(reasoning: unknown): LanguageModelV4CallOptions["reasoning"] {
  const { effort } = (reasoning ?? {}) as { effort?: unknown };
  return EFFORTS.find((known) => known === effort);
}

function formatOf(text: unknown): LanguageModelV4CallOptions["responseFormat"] {
  const { format } = (text ?? {}) as { format?: JsonObject };
  if (format?.type === "json_object") return { type: "json" };
  if (format?.type !== "json_schema") return undefined;
  return {
    type: "json",
    ...(typeof format.schema === "object" && format.schema !== null && { schema: format.schema as JSONSchema7 }),
    ...(typeof format.name === "string" && { name: format.name }),
    ...(typeof format.description === "string" && { description: format.description }),
  };
}

/** Historical arguments that are no JSON object are kept as text: the model wrote them, the client cannot mend them. */
function argumentsOf(input: unknown): unknown {
  if (typeof input !== "string") return input ?? {};
  try {
    const value: unknown = input.trim() === "" ? {} : JSON.parse(input);
    return typeof value === "object" && value !== null ? value : { text: input };
  } catch {
    return { text: input };
  }
}

export function itemsOf(input: unknown): JsonObject[] {
  if (typeof input === "string") return [{ type: "message", role: "user", content: input }];
  return partsOf(input);
}

function partsOf(value: unknown): JsonObject[] {
  if (typeof value === "string") return [{ type: "input_text", text: value }];
  return Array.isArray(value)
    ? value.filter((part): part is JsonObject => typeof part === "object" && part !== null)
    : [];
}

export function textOf(content: unknown): string {
  return partsOf(content)
    .map(({ text, refusal }) => (typeof text === "string" ? text : typeof refusal === "string" ? refusal : ""))
    .join("");
}
