import type { LanguageModelV4FinishReason, LanguageModelV4StreamPart } from "@ai-sdk/provider";
import type { Usage } from "@/lib/billing/usage";
import type { AppError } from "@/lib/errors";
import { type Block, BlockSequence, type BlockWriter } from "@/lib/gateway/dialects/block-sequence";
import type { AnswerIdentity, Conversation, StreamRenderer } from "@/lib/gateway/dialects/dialect";
import { customNames } from "@/lib/gateway/dialects/openai-responses/custom-tools";
import { eventFrame, failedResponse } from "@/lib/gateway/dialects/openai-responses/frames";
import {
  endOf,
  itemSuffix,
  messageItem,
  reasoningItem,
  responseObject,
  textPart,
  toolItem,
} from "@/lib/gateway/dialects/openai-responses/render";
import { responsesUsage } from "@/lib/gateway/dialects/openai-responses/usage";
import { packState } from "@/lib/gateway/dialects/provider-state";
import { withState } from "@/lib/gateway/dialects/tool-call-id";
import type { JsonObject } from "@/lib/gateway/json-body";
import type { Nano } from "@/lib/money";

/** Turns stream parts into the events of a response: items one after the other, each opened, said and done, and a terminal
 *  event on every path. */
export class ResponseStream implements StreamRenderer, BlockWriter {
  private readonly blocks = new BlockSequence(this);
  private readonly custom: ReadonlySet<string>;
  private readonly items: JsonObject[] = [];
  private sequence = 0;
  private hasStarted = false;

  constructor(
    private readonly call: Conversation,
    private readonly answer: { identity: AnswerIdentity; provider: string },
  ) {
    this.custom = customNames(call.body.tools);
  }

  part(part: LanguageModelV4StreamPart): string {
    // numbered in the order in which they are made
    const started = this.hasStarted || !isVisible(part) ? "" : this.start();
    return started + this.blocks.part(part);
  }

  finish(reason: LanguageModelV4FinishReason, usage: Usage, price: Nano | null): string {
    const rest = this.start() + this.blocks.finish();
    const end = endOf(reason);
    const response = {
      ...responseObject(this.call, this.answer.identity),
      ...end,
      output: this.items,
      usage: responsesUsage(usage, price),
    };
    return rest + this.event(`response.${String(end.status)}`, { response });
  }

  failure(error: AppError): string {
    const response = { ...failedResponse(this.call, this.answer.identity, error), output: this.items };
    return this.start() + this.event("response.failed", { response });
  }

  open(block: Block): string {
    const at = { output_index: this.items.length };
    const item = this.itemOf(block, "");
    const opened = this.event("response.output_item.added", { ...at, item: { ...item, ...emptied(item) } });
    const itemAt = { item_id: item.id, ...at };
    if (block.kind === "text")
      return opened + this.event("response.content_part.added", { ...itemAt, content_index: 0, part: textPart("") });
    if (block.kind === "reasoning" && !block.ended) {
      const part = { type: "summary_text", text: "" };
      return opened + this.event("response.reasoning_summary_part.added", { ...itemAt, summary_index: 0, part });
    }
    return opened;
  }

  delta(block: Block, delta: string): string {
    const at = this.at(block);
    if (block.kind === "text")
      return this.event("response.output_text.delta", { ...at, content_index: 0, delta, logprobs: [] });
    if (block.kind === "reasoning")
      return this.event("response.reasoning_summary_text.delta", { ...at, summary_index: 0, delta });
    // its text stands inside the arguments, which are whole only at the end
    if (this.custom.has(block.name)) return "";
    return this.event("response.function_call_arguments.delta", { ...at, delta });
  }

  close(block: Block): string {
    const at = this.at(block);
    const item = this.itemOf(block, block.text);
    const said = this.said(block, at, item);
    const done = this.event("response.output_item.done", { output_index: this.items.length, item });
    this.items.push(item);
    return said + done;
  }

  private said(block: Block, at: JsonObject, item: JsonObject): string {
    const { text } = block;
    if (block.kind === "text") {
      const done = this.event("response.output_text.done", { ...at, content_index: 0, text, logprobs: [] });
      return done + this.event("response.content_part.done", { ...at, content_index: 0, part: textPart(text) });
    }
    if (block.kind === "reasoning") {
      if (text === "") return "";
      const done = this.event("response.reasoning_summary_text.done", { ...at, summary_index: 0, text });
      const part = { type: "summary_text", text };
      return done + this.event("response.reasoning_summary_part.done", { ...at, summary_index: 0, part });
    }
    if (!this.custom.has(block.name))
      return this.event("response.function_call_arguments.done", {
        ...at,
        name: block.name,
        arguments: item.arguments,
      });
    const delta = this.event("response.custom_tool_call_input.delta", { ...at, delta: item.input });
    return delta + this.event("response.custom_tool_call_input.done", { ...at, input: item.input });
  }

  private itemOf(block: Block, text: string): JsonObject {
    const { identity, provider } = this.answer;
    const id = itemSuffix(identity.id, this.items.length);
    if (block.kind === "text") return messageItem(`msg_${id}`, text);
    if (block.kind === "reasoning") {
      const state = block.ended ? packState(provider, block.metadata ?? { [provider]: {} }) : null;
      return reasoningItem(`rs_${id}`, text, state);
    }
    const callId = withState(block.id, provider, block.metadata);
    const isCustom = this.custom.has(block.name);
    return toolItem({ id, callId, name: block.name, input: text || "{}", isCustom });
  }

  private at(block: Block): JsonObject {
    return { item_id: this.itemOf(block, "").id, output_index: this.items.length };
  }

  private start(): string {
    if (this.hasStarted) return "";
    this.hasStarted = true;
    const response = responseObject(this.call, this.answer.identity);
    return this.event("response.created", { response }) + this.event("response.in_progress", { response });
  }

  private event(type: string, fields: JsonObject): string {
    return eventFrame({ type, sequence_number: this.sequence++, ...fields });
  }
}

/** An item that has only just been opened. */
function emptied(item: JsonObject): JsonObject {
  const isTool = "arguments" in item || "input" in item;
  return {
    ...("status" in item && { status: "in_progress" }),
    ...(item.type === "message" && { content: [] }),
    ...(isTool && ("arguments" in item ? { arguments: "" } : { input: "" })),
  };
}

function isVisible({ type }: LanguageModelV4StreamPart): boolean {
  return type !== "stream-start" && type !== "response-metadata" && type !== "raw" && type !== "reasoning-start";
}
