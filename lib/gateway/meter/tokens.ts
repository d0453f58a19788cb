import { countTokens as count } from "gpt-tokenizer/encoding/o200k_base";
import type { JsonObject } from "@/lib/gateway/json-body";

/** Tokens of a text under o200k, the stand-in for every model whose usage was not reported. */
export function countTokens(text: string): number {
  // text that looks like a control token is still only text
  return text === "" ? 0 : count(text, { disallowedSpecial: new Set() });
}

/** Our estimate of a chat prompt: the text of every message, plus the framing OpenAI documents (3 per message, 3 to prime
 *  the answer). Media are not counted. */
export function estimatePromptTokens(messages: readonly JsonObject[], tools?: unknown): number {
  let tokens = 3;
  for (const message of messages)
    tokens += 3 + countTokens(textOf(message.content)) + countTokens(textOfCalls(message));
  return tools ? tokens + countTokens(JSON.stringify(tools)) : tokens;
}

function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content.map((part: JsonObject) => (typeof part?.text === "string" ? part.text : "")).join("");
}

function textOfCalls(message: JsonObject): string {
  return message.tool_calls ? JSON.stringify(message.tool_calls) : "";
}
