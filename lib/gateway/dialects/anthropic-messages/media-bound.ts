import type { JsonObject } from "@/lib/gateway/json-body";

/** No provider counts one image higher (see the chat dialect's bound). */
const IMAGE_TOKENS = 40_000;

/** Blocks whose tokens their own bytes bound. */
const BOUND_BY_BYTES = new Set(["text", "tool_use", "thinking", "redacted_thinking", "search_result"]);

/** An upper bound of the tokens of images and documents, also of those inside tool results. */
export function mediaTokenBound(messages: readonly JsonObject[]): number {
  let tokens = 0;
  for (const { content } of messages) tokens += ofBlocks(content);
  return tokens;
}

function ofBlocks(content: unknown): number {
  if (!Array.isArray(content)) return 0;
  let tokens = 0;
  for (const block of content as (JsonObject | null)[]) {
    const type = String(block?.type ?? "text");
    if (type === "image") tokens += IMAGE_TOKENS;
    else if (type === "tool_result") tokens += ofBlocks(block?.content);
    else if (!BOUND_BY_BYTES.has(type)) return Number.POSITIVE_INFINITY;
  }
  return tokens;
}
