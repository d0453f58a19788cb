import type { JsonObject } from "@/lib/gateway/json-body";

/** No provider counts one image higher: OpenAI's formula for small models reaches 36,835 tokens, the others stay below 5,000. */
const IMAGE_TOKENS = 40_000;

/** Parts whose tokens their own bytes bound. Audio is far longer in base64 than in tokens. */
const BOUND_BY_BYTES = new Set(["text", "refusal", "input_text", "output_text", "thinking", "input_audio"]);

/** An upper bound of the tokens that bytes do not bound: a short URL may name a large image, a small file many pages.
 *  Infinity where a part says nothing of its size: only the context window bounds it then. */
export function mediaTokenBound(messages: readonly JsonObject[]): number {
  let tokens = 0;
  for (const { content, images } of messages) {
    const parts = [content, images].flatMap((list) => (Array.isArray(list) ? (list as (JsonObject | null)[]) : []));
    for (const part of parts) {
      const type = String(part?.type ?? "text");
      if (type === "image_url") tokens += IMAGE_TOKENS;
      else if (!BOUND_BY_BYTES.has(type)) return Number.POSITIVE_INFINITY;
    }
  }
  return tokens;
}
