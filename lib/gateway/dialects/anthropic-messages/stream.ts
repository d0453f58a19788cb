import type {
  LanguageModelV4FinishReason,
  LanguageModelV4StreamPart,
  SharedV4ProviderMetadata,
} from "@ai-sdk/provider";
import type { Usage } from "@/lib/billing/usage";
import { eventFrame } from "@/lib/gateway/dialects/anthropic-messages/frames";
import { stopReasonOf, thinkingBlock } from "@/lib/gateway/dialects/anthropic-messages/render";
import { messagesUsage } from "@/lib/gateway/dialects/anthropic-messages/usage";
import type { AnswerIdentity, StreamRenderer } from "@/lib/gateway/dialects/dialect";
import { withState } from "@/lib/gateway/dialects/tool-call-id";
import type { JsonObject } from "@/lib/gateway/json-body";
import type { Nano } from "@/lib/money";

/** One content block on its way: open, or waiting behind an open tool call. */
type Block = {
  kind: "text" | "thinking" | "tool_use";
  start: JsonObject;
  /** Deltas that wait. */
  deltas: JsonObject[];
  hasDeltas: boolean;
  ended: boolean;
  metadata: SharedV4ProviderMetadata | undefined;
};

/** Turns stream parts into the events of a message: start, blocks one after the other, delta with the stop reason, stop.
 *  Blocks never interleave: what comes for another one while a tool call is open waits for its end. */
export class MessageStream implements StreamRenderer {
  private readonly blocks = new Map<string, Block>();
  private readonly waiting: Block[] = [];
  private open: Block | null = null;
  private index = -1;
  private hasStarted = false;
  private hasTools = false;

  constructor(private readonly answer: { identity: AnswerIdentity; provider: string; inputTokens: () => number }) {}

  part(part: LanguageModelV4StreamPart): string {
    switch (part.type) {
      case "text-delta":
        return part.delta === "" ? "" : this.say("text", part.id, { type: "text_delta", text: part.delta });
      case "text-end":
        return this.end(`text:${part.id}`);
      case "reasoning-start":
        // opens with its first text: what stays without is sent as one redacted block
        this.blocks.set(`thinking:${part.id}`, { ...newBlock("thinking"), metadata: part.providerMetadata });
        return "";
      case "reasoning-delta":
        this.note(`thinking:${part.id}`, part.providerMetadata);
        return part.delta === "" ? "" : this.say("thinking", part.id, { type: "thinking_delta", thinking: part.delta });
      case "reasoning-end":
        this.note(`thinking:${part.id}`, part.providerMetadata);
        return this.end(`thinking:${part.id}`);
      case "tool-input-start":
        return this.beginTool(part.id, part.toolName, part.providerMetadata);
      case "tool-input-delta":
        return part.delta === "" ? "" : this.toolInput(part.id, part.delta);
      case "tool-call":
        return this.endTool(part.toolCallId, part.toolName, part.input, part.providerMetadata);
      default:
        return "";
    }
  }

  finish(reason: LanguageModelV4FinishReason, usage: Usage, price: Nano | null): string {
    const rest = this.start() + [...this.blocks.keys()].map((key) => this.end(key)).join("");
    const delta = eventFrame({
      type: "message_delta",
      delta: { stop_reason: stopReasonOf(reason, this.hasTools), stop_sequence: null },
      usage: messagesUsage(usage, price),
    });
    return rest + delta + eventFrame({ type: "message_stop" });
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

  private say(kind: "text" | "thinking", id: string, delta: JsonObject): string {
    const key = `${kind}:${id}`;
    let block = this.blocks.get(key);
    if (!block) {
      block = newBlock(kind);
      this.blocks.set(key, block);
    }
    const begun = block.hasDeltas ? "" : this.begin(block);
    return begun + this.push(block, delta);
  }

  private note(key: string, metadata: SharedV4ProviderMetadata | undefined): void {
    const block = this.blocks.get(key);
    if (block && metadata) block.metadata = { ...block.metadata, ...metadata };
  }

  private beginTool(id: string, name: string, metadata: SharedV4ProviderMetadata | undefined): string {
    this.hasTools = true;
    if (this.blocks.has(`tool:${id}`)) return "";
    const block = newBlock("tool_use");
    const sentId = withState(id, this.answer.provider, metadata);
    block.start = { type: "tool_use", id: sentId, name, input: {} };
    this.blocks.set(`tool:${id}`, block);
    return this.begin(block);
  }

  private toolInput(id: string, json: string): string {
    const block = this.blocks.get(`tool:${id}`);
    return block ? this.push(block, { type: "input_json_delta", partial_json: json }) : "";
  }

  /** A call without deltas yields its whole input; after deltas the final copy says nothing new. */
  private endTool(id: string, name: string, input: string, metadata: SharedV4ProviderMetadata | undefined): string {
    const begun = this.blocks.has(`tool:${id}`) ? "" : this.beginTool(id, name, metadata);
    const isUnsaid = this.blocks.get(`tool:${id}`)?.hasDeltas === false && input !== "" && input !== "{}";
    return begun + (isUnsaid ? this.toolInput(id, input) : "") + this.end(`tool:${id}`);
  }

  private begin(block: Block): string {
    if (this.open?.kind === "tool_use") {
      this.waiting.push(block);
      return "";
    }
    // some modules end text only with the stream: what follows it is its end
    const closed = this.open ? this.close(this.open) : "";
    return this.start() + closed + this.show(block);
  }

  private push(block: Block, delta: JsonObject): string {
    block.hasDeltas = true;
    if (block === this.open) return this.deltaFrame(delta);
    block.deltas.push(delta);
    return "";
  }

  private end(key: string): string {
    const block = this.blocks.get(key);
    if (!block) return "";
    this.blocks.delete(key);
    block.ended = true;
    if (block === this.open) return this.close(block) + this.showWaiting();
    // what the provider reasoned in private
    return block.kind === "thinking" && !block.hasDeltas && block.metadata ? this.begin(block) : "";
  }

  private showWaiting(): string {
    let frames = "";
    while (!this.open) {
      const next = this.waiting.shift();
      if (!next) break;
      frames += this.show(next);
    }
    return frames;
  }

  private show(block: Block): string {
    this.open = block;
    this.index++;
    const isRedacted = block.kind === "thinking" && !block.hasDeltas && block.ended;
    const start = isRedacted ? thinkingBlock("", this.answer.provider, block.metadata) : block.start;
    const deltas = block.deltas.splice(0).map((delta) => this.deltaFrame(delta));
    const frames = eventFrame({ type: "content_block_start", index: this.index, content_block: start });
    return frames + deltas.join("") + (block.ended ? this.close(block) : "");
  }

  private close(block: Block): string {
    for (const [key, known] of this.blocks) if (known === block) this.blocks.delete(key);
    this.open = null;
    const isSigned = block.kind === "thinking" && block.hasDeltas;
    const { signature } = isSigned ? thinkingBlock("…", this.answer.provider, block.metadata) : { signature: null };
    return (
      (isSigned ? this.deltaFrame({ type: "signature_delta", signature }) : "") +
      eventFrame({ type: "content_block_stop", index: this.index })
    );
  }

  private deltaFrame(delta: JsonObject): string {
    return eventFrame({ type: "content_block_delta", index: this.index, delta });
  }
}

function newBlock(kind: Block["kind"]): Block {
  const start =
    kind === "text" ? { type: "text", text: "", citations: null } : { type: "thinking", thinking: "", signature: "" };
  return { kind, start, deltas: [], hasDeltas: false, ended: false, metadata: undefined };
}
