import type { LanguageModelV4StreamPart, SharedV4ProviderMetadata } from "@ai-sdk/provider";

/** One piece of an answer: a text, a thought, or a tool call. */
export type Block = {
  kind: "text" | "reasoning" | "tool";
  /** The tool call's id and name; empty for other kinds. */
  id: string;
  name: string;
  /** What was said of it so far: text, or a call's arguments. */
  text: string;
  ended: boolean;
  metadata: SharedV4ProviderMetadata | undefined;
};

/** How a dialect writes blocks. A reasoning block that is ended and empty when it opens holds only what its provider wants
 *  back. */
export type BlockWriter = {
  open(block: Block): string;
  delta(block: Block, text: string): string;
  close(block: Block): string;
};

/** Puts the parts of a stream in an order that strict clients need: blocks one after the other, never interleaved. What comes
 *  for another block while a tool call is open waits for that call's end. */
export class BlockSequence {
  hasTools = false;
  private readonly blocks = new Map<string, Block>();
  /** Blocks behind an open tool call, and what waits to be said of them. */
  private readonly waiting = new Map<Block, string[]>();
  private open: Block | null = null;

  constructor(private readonly writer: BlockWriter) {}

  part(part: LanguageModelV4StreamPart): string {
    switch (part.type) {
      case "text-delta":
        return this.say(`text:${part.id}`, "text", part.delta);
      case "text-end":
        return this.end(`text:${part.id}`);
      case "reasoning-start":
        // opens with its first words: one that stays without is written as a whole
        this.blocks.set(`reasoning:${part.id}`, newBlock("reasoning", part.providerMetadata));
        return "";
      case "reasoning-delta":
        this.note(`reasoning:${part.id}`, part.providerMetadata);
        return this.say(`reasoning:${part.id}`, "reasoning", part.delta);
      case "reasoning-end":
        this.note(`reasoning:${part.id}`, part.providerMetadata);
        return this.end(`reasoning:${part.id}`);
      case "tool-input-start":
        return this.beginTool(part.id, part.toolName, part.providerMetadata);
      case "tool-input-delta":
        return this.blocks.has(`tool:${part.id}`) ? this.say(`tool:${part.id}`, "tool", part.delta) : "";
      case "tool-call":
        return this.endTool(part.toolCallId, part.toolName, part.input, part.providerMetadata);
      default:
        return "";
    }
  }

  /** Ends what is still open. */
  finish(): string {
    return [...this.blocks.keys()].map((key) => this.end(key)).join("");
  }

  private say(key: string, kind: Block["kind"], text: string): string {
    if (text === "") return "";
    const known = this.blocks.get(key);
    const block = known ?? newBlock(kind, undefined);
    this.blocks.set(key, block);
    const begun = kind !== "tool" && block.text === "" ? this.begin(block) : "";
    block.text += text;
    const queue = this.waiting.get(block);
    if (!queue) return begun + this.writer.delta(block, text);
    queue.push(text);
    return begun;
  }

  private note(key: string, metadata: SharedV4ProviderMetadata | undefined): void {
    const block = this.blocks.get(key);
    if (block && metadata) block.metadata = { ...block.metadata, ...metadata };
  }

  private beginTool(id: string, name: string, metadata: SharedV4ProviderMetadata | undefined): string {
    this.hasTools = true;
    if (this.blocks.has(`tool:${id}`)) return "";
    const block = { ...newBlock("tool", metadata), id, name };
    this.blocks.set(`tool:${id}`, block);
    return this.begin(block);
  }

  /** A call without deltas yields its whole input; after deltas the final copy says nothing new. */
  private endTool(id: string, name: string, input: string, metadata: SharedV4ProviderMetadata | undefined): string {
    const key = `tool:${id}`;
    const begun = this.blocks.has(key) ? "" : this.beginTool(id, name, metadata);
    const isUnsaid = this.blocks.get(key)?.text === "";
    return begun + (isUnsaid ? this.say(key, "tool", input) : "") + this.end(key);
  }

  private begin(block: Block): string {
    if (this.open?.kind === "tool") {
      this.waiting.set(block, []);
      return "";
    }
    // some modules end text only with the stream: what follows it is its end
    return (this.open ? this.close(this.open) : "") + this.show(block);
  }

  private end(key: string): string {
    const block = this.blocks.get(key);
    if (!block) return "";
    this.blocks.delete(key);
    block.ended = true;
    if (block === this.open) return this.close(block) + this.showWaiting();
    // what the provider reasoned in private
    return block.kind === "reasoning" && block.text === "" && block.metadata ? this.begin(block) : "";
  }

  private showWaiting(): string {
    let frames = "";
    for (const block of this.waiting.keys()) {
      if (this.open) break;
      frames += this.show(block);
    }
    return frames;
  }

  private show(block: Block): string {
    const queue = this.waiting.get(block) ?? [];
    this.waiting.delete(block);
    this.open = block;
    const opened = this.writer.open(block);
    const said = queue.map((text) => this.writer.delta(block, text)).join("");
    return opened + said + (block.ended ? this.close(block) : "");
  }

  private close(block: Block): string {
    for (const [key, known] of this.blocks) if (known === block) this.blocks.delete(key);
    block.ended = true;
    this.open = null;
    return this.writer.close(block);
  }
}

function newBlock(kind: Block["kind"], metadata: SharedV4ProviderMetadata | undefined): Block {
  return { kind, id: "", name: "", text: "", ended: false, metadata };
}
