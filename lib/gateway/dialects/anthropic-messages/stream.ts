import type { LanguageModelV4FinishReason, LanguageModelV4StreamPart } from "@ai-sdk/provider";
import type { Usage } from "@/lib/billing/usage";
import { eventFrame } from "@/lib/gateway/dialects/anthropic-messages/frames";
import { stopReasonOf, thinkingBlock } from "@/lib/gateway/dialects/anthropic-messages/render";
import { messagesUsage } from "@/lib/gateway/dialects/anthropic-messages/usage";
import { type Block, BlockSequence, type BlockWriter } from "@/lib/gateway/dialects/block-sequence";
import type { AnswerIdentity, StreamRenderer } from "@/lib/gateway/dialects/dialect";
import { withState } from "@/lib/gateway/dialects/tool-call-id";
import type { JsonObject } from "@/lib/gateway/json-body";
import type { Nano } from "@/lib/money";

/** Turns stream parts into the events of a message: start, blocks one after the other, delta with the stop reason, stop. */
export class MessageStream implements StreamRenderer, BlockWriter {
  private readonly blocks = new BlockSequence(this);
  private index = -1;
  private hasStarted = false;

  constructor(private readonly answer: { identity: AnswerIdentity; provider: string; inputTokens: () => number }) {}

  part(part: LanguageModelV4StreamPart): string {
    const frames = this.blocks.part(part);
    return frames && this.start() + frames;
  }

  finish(reason: LanguageModelV4FinishReason, usage: Usage, price: Nano | null): string {
    const rest = this.blocks.finish();
    const delta = eventFrame({
      type: "message_delta",
      delta: { stop_reason: stopReasonOf(reason, this.blocks.hasTools), stop_sequence: null },
      usage: messagesUsage(usage, price),
    });
    return this.start() + rest + delta + eventFrame({ type: "message_stop" });
  }

  open(block: Block): string {
    this.index++;
    return eventFrame({ type: "content_block_start", index: this.index, content_block: this.startOf(block) });
  }

  delta(block: Block, text: string): string {
    switch (block.kind) {
      case "text":
        return this.deltaFrame({ type: "text_delta", text });
      case "reasoning":
        return this.deltaFrame({ type: "thinking_delta", thinking: text });
      case "tool":
        return this.deltaFrame({ type: "input_json_delta", partial_json: text });
    }
  }

  close(block: Block): string {
    const stop = eventFrame({ type: "content_block_stop", index: this.index });
    if (block.kind !== "reasoning" || block.text === "") return stop;
    const { signature } = thinkingBlock(block.text, this.answer.provider, block.metadata);
    return this.deltaFrame({ type: "signature_delta", signature }) + stop;
  }

  private startOf(block: Block): JsonObject {
    const { provider } = this.answer;
    if (block.kind === "text") return { type: "text", text: "", citations: null };
    if (block.kind === "tool")
      return { type: "tool_use", id: withState(block.id, provider, block.metadata), name: block.name, input: {} };
    return block.ended && block.text === ""
      ? thinkingBlock("", provider, block.metadata)
      : { type: "thinking", thinking: "", signature: "" };
  }

  private start(): string {
    if (this.hasStarted) return "";
    this.hasStarted = true;
    const { id, model } = this.answer.identity;
    const message = {
      ...{ id, type: "message", role: "assistant", model, content: [], stop_reason: null, stop_sequence: null },
      // other providers report the input at the end: an estimate until then
      usage: messagesUsage({ input: this.answer.inputTokens() }, null),
    };
    return eventFrame({ type: "message_start", message }) + eventFrame({ type: "ping" });
  }

  private deltaFrame(delta: JsonObject): string {
    return eventFrame({ type: "content_block_delta", index: this.index, delta });
  }
}
