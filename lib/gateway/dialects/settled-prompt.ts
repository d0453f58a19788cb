import type { LanguageModelV4Message, LanguageModelV4Prompt } from "@ai-sdk/provider";
import { AppError } from "@/lib/errors";
import { uniqueId } from "@/lib/gateway/dialects/tool-call-id";

type Message<Role extends LanguageModelV4Message["role"]> = Extract<LanguageModelV4Message, { role: Role }>;
type ToolCall = Extract<Message<"assistant">["content"][number], { type: "tool-call" }>;
type ToolResult = Extract<Message<"tool">["content"][number], { type: "tool-result" }>;

/** A prompt that every provider takes: system messages only in front, no blank texts, every tool call answered right behind
 *  its turn, in order and with ids that are legal and used once. Throws invalid_request naming `param` for a result without
 *  its call and a call without its result. */
export function settled(prompt: readonly LanguageModelV4Message[], param: string): LanguageModelV4Prompt {
  const told: LanguageModelV4Message[] = [];
  const usedIds = new Set<string>();
  let open: OpenTurn | null = null;
  let isLeading = true;
  for (const given of prompt) {
    isLeading &&= given.role === "system";
    const message = withoutBlanks(isLeading ? given : withoutSystem(given));
    if (message.role === "tool") {
      for (const part of message.content) {
        if (part.type === "tool-result" && !open?.take(part)) throw unanswerable(part, param);
      }
      continue;
    }
    if (message.content.length === 0) continue;
    if (message.role !== "assistant") {
      told.push(message);
      continue;
    }
    open?.close(param);
    open = new OpenTurn(message, usedIds);
    told.push(...open.messages);
  }
  open?.close(param);
  return answerable(told, param);
}

/** Providers want something to answer: where there are instructions only, the last of them is taken for the question. */
export function answerable(prompt: LanguageModelV4Message[], param: string): LanguageModelV4Prompt {
  const last = prompt.at(-1);
  if (!last) throw new AppError("invalid_request", `"${param}" holds nothing that could be answered.`, { param });
  return last.role === "system" ? [...prompt.slice(0, -1), withoutSystem(last)] : prompt;
}

/** Several providers know no system message inside the conversation, where it becomes words of the user. */
function withoutSystem(message: LanguageModelV4Message): LanguageModelV4Message {
  if (message.role !== "system") return message;
  const { content: text, providerOptions } = message;
  return { role: "user", content: [{ type: "text", text, ...(providerOptions && { providerOptions }) }] };
}

function withoutBlanks(message: LanguageModelV4Message): LanguageModelV4Message {
  const isSaid = (part: { type: string; text?: unknown }) => part.type !== "text" || String(part.text).trim() !== "";
  if (message.role === "user") return { ...message, content: message.content.filter(isSaid) };
  if (message.role === "assistant") return { ...message, content: message.content.filter(isSaid) };
  return message;
}

/** A turn of the model, and the results its calls wait for. */
class OpenTurn {
  /** The turn, and the message of its results where it calls tools. */
  readonly messages: LanguageModelV4Message[];
  private readonly calls: ToolCall[];
  private readonly givenIds: string[];
  private readonly results: ToolResult[] = [];

  constructor(turn: Message<"assistant">, usedIds: Set<string>) {
    const content = turn.content.map((part) =>
      part.type === "tool-call" ? { ...part, toolCallId: uniqueId(part.toolCallId, usedIds) } : part,
    );
    this.givenIds = turn.content.flatMap((part) => (part.type === "tool-call" ? [part.toolCallId] : []));
    this.calls = content.filter((part) => part.type === "tool-call");
    const answers: Message<"tool"> = { role: "tool", content: this.results };
    this.messages = [{ ...turn, content }, ...(this.calls.length > 0 ? [answers] : [])];
  }

  /** False where the result answers none of these calls; of calls with the same id each result takes the next one. */
  take(result: ToolResult): boolean {
    const at = this.givenIds.findIndex((id, position) => id === result.toolCallId && !this.results[position]);
    const call = this.calls[at];
    if (!call) return false;
    this.results[at] = { ...result, toolCallId: call.toolCallId, toolName: call.toolName };
    return true;
  }

  close(param: string): void {
    const missing = this.calls.find((_call, at) => !this.results[at]);
    if (missing)
      throw new AppError(
        "invalid_request",
        `"${param}" calls the tool "${missing.toolName}", and nothing behind it holds the result.`,
        { param },
      );
  }
}

function unanswerable({ toolCallId }: ToolResult, param: string): AppError {
  return new AppError(
    "invalid_request",
    `"${param}" answers the tool call "${toolCallId}", which the turn before it did not make.`,
    { param },
  );
}
