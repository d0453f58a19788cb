import type {
  LanguageModelV4CallOptions,
  LanguageModelV4FinishReason,
  LanguageModelV4FunctionTool,
} from "@ai-sdk/provider";

export type SandboxAnswer = {
  /** With their leading spaces; one word counts as one token. */
  words: string[];
  toolCalls: { toolCallId: string; toolName: string; input: string }[];
  finishReason: LanguageModelV4FinishReason;
  inputTokens: number;
  outputTokens: number;
};

/** Decides the whole answer from the request alone. Tools are called when `tool_choice` forces it, or when the last user
 *  message names a tool; once a tool result is there, the answer repeats it. A JSON response format gets JSON. */
export function planSandboxAnswer(options: LanguageModelV4CallOptions): SandboxAnswer {
  const toolCalls = toolCallsFor(options);
  const limit = options.maxOutputTokens ?? Number.POSITIVE_INFINITY;
  const all = toolCalls.length ? [] : splitWords(untilStop(answerText(options), options.stopSequences));
  const words = all.slice(0, limit);
  const truncated = words.length < all.length;
  return {
    words,
    toolCalls,
    finishReason: toolCalls.length
      ? { unified: "tool-calls", raw: "tool_calls" }
      : truncated
        ? { unified: "length", raw: "length" }
        : { unified: "stop", raw: "stop" },
    inputTokens: countTokens(promptText(options)),
    outputTokens: words.length + toolCalls.reduce((sum, call) => sum + countTokens(call.input) + 1, 0),
  };
}

function answerText(options: LanguageModelV4CallOptions): string {
  if (options.responseFormat?.type === "json")
    return JSON.stringify(exampleOf(options.responseFormat.schema ?? { type: "object" }));
  const last = options.prompt.at(-1);
  if (last?.role === "tool") return `The tool answered: ${promptText({ ...options, prompt: [last] })}`;
  const asked = lastUserText(options).trim();
  return `This is a simulated answer from the sandbox. ${asked ? `You said: ${asked}` : "You said nothing."}`;
}

function toolCallsFor(options: LanguageModelV4CallOptions): SandboxAnswer["toolCalls"] {
  const tools = (options.tools ?? []).filter((tool): tool is LanguageModelV4FunctionTool => tool.type === "function");
  const choice = options.toolChoice;
  if (tools.length === 0 || choice?.type === "none" || options.prompt.at(-1)?.role === "tool") return [];
  const asked = lastUserText(options);
  const named = tools.filter((tool) =>
    choice?.type === "tool" ? tool.name === choice.toolName : asked.includes(tool.name),
  );
  const chosen = named.length > 0 || choice?.type !== "required" ? named : tools.slice(0, 1);
  return chosen.map((tool, index) => ({
    toolCallId: `call_sandbox_${index}`,
    toolName: tool.name,
    input: JSON.stringify(exampleOf(tool.inputSchema) ?? {}),
  }));
}

/** The text before the first stop word in it. */
function untilStop(text: string, stopWords: readonly string[] = []): string {
  const ends = stopWords.map((word) => (word === "" ? -1 : text.indexOf(word))).filter((at) => at >= 0);
  return ends.length > 0 ? text.slice(0, Math.min(...ends)) : text;
}

type Schema = {
  type?: unknown;
  properties?: Record<string, unknown>;
  required?: string[];
  items?: unknown;
  enum?: unknown[];
  const?: unknown;
};

/** The plainest value that a JSON schema accepts, as far as its usual keywords go. */
function exampleOf(schema: unknown): unknown {
  if (typeof schema !== "object" || schema === null) return null;
  const { type, properties = {}, items, enum: choices, const: constant } = schema as Schema;
  if (constant !== undefined) return constant;
  if (choices?.length) return choices[0];
  const kind = Array.isArray(type) ? type[0] : type;
  if (kind === "string") return "example";
  if (kind === "number" || kind === "integer") return 1;
  if (kind === "boolean") return true;
  if (kind === "array") return items ? [exampleOf(items)] : [];
  if (kind === "object" || Object.keys(properties).length > 0) {
    return Object.fromEntries(Object.entries(properties).map(([name, property]) => [name, exampleOf(property)]));
  }
  return null;
}

function lastUserText(options: LanguageModelV4CallOptions): string {
  const message = options.prompt.findLast(({ role }) => role === "user");
  return message ? promptText({ ...options, prompt: [message] }) : "";
}

function promptText(options: LanguageModelV4CallOptions): string {
  return options.prompt
    .flatMap((message): string[] => {
      if (message.role === "system") return [message.content];
      return message.content.map((part) => {
        if (part.type === "text" || part.type === "reasoning") return part.text;
        if (part.type === "tool-call") return JSON.stringify(part.input);
        if (part.type === "tool-result") return "value" in part.output ? textOf(part.output.value) : "";
        return "";
      });
    })
    .join(" ");
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function splitWords(text: string): string[] {
  return text.match(/\s*\S+/g) ?? [];
}

function countTokens(text: string): number {
  return splitWords(text).length;
}
