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
    for (const call of arrayOf(delta.tool_calls)) {
      const { name, arguments: input } = (call.function ?? {}) as JsonObject;
      if (typeof name === "string") text += name;
      if (typeof input === "string") text += input;
    }
    if (text || reasoning || delta.tool_calls || delta.audio || delta.images || choice.finish_reason) hasContent = true;
  }
  return { text, reasoning, hasContent };
}

function arrayOf(value: unknown): JsonObject[] {
  return Array.isArray(value) ? (value as JsonObject[]) : [];
}
