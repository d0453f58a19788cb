import { type AppError, openAIErrorBody } from "@/lib/errors";
import type { JsonObject } from "@/lib/gateway/json-body";

export const DONE_FRAME = "data: [DONE]\n\n";

export function dataFrame(value: unknown): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}

/** How a chat stream says that it failed after its status was sent: one normal chunk with a top-level error, no [DONE],
 *  since that would claim completion. */
export function errorFrame(error: AppError, chunk: { id: string; created: number; model: string }): string {
  return dataFrame({
    id: chunk.id,
    object: "chat.completion.chunk",
    created: chunk.created,
    model: chunk.model,
    choices: [{ index: 0, delta: {}, logprobs: null, finish_reason: "error" }],
    ...openAIErrorBody(error),
  });
}

/** Text of an upstream chunk's choices that counts as output tokens, and whether it carries content at all. */
export function contentOf(chunk: JsonObject): { text: string; reasoning: string; hasContent: boolean } {
  let text = "";
  let reasoning = "";
  let hasContent = false;
  for (const choice of arrayOf(chunk.choices)) {
    const delta = (choice.delta ?? choice.message ?? {}) as JsonObject;
    if (typeof delta.content === "string") text += delta.content;
    if (typeof delta.refusal === "string") text += delta.refusal;
    const thought = delta.reasoning_content ?? delta.reasoning;
    if (typeof thought === "string") reasoning += thought;
    const calls = arrayOf(delta.tool_calls);
    for (const call of calls) {
      const { name, arguments: input } = (call.function ?? {}) as JsonObject;
      if (typeof name === "string") text += name;
      if (typeof input === "string") text += input;
    }
    const hasMedia = delta.audio || arrayOf(delta.images).length > 0;
    if (text || reasoning || calls.length > 0 || hasMedia || choice.finish_reason) hasContent = true;
  }
  return { text, reasoning, hasContent };
}

/** The objects of a list; an upstream's stray null must not end the call. */
function arrayOf(value: unknown): JsonObject[] {
  return Array.isArray(value)
    ? value.filter((item): item is JsonObject => typeof item === "object" && item !== null)
    : [];
}
