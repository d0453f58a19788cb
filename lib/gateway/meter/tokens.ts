import { countTokens as count } from "gpt-tokenizer/encoding/o200k_base";
import type { JsonObject } from "@/lib/gateway/json-body";

/** Beyond this a count goes on by proportion: it is an estimate anyway, and a tenant must not be able to hold up the event
 *  loop, and with it everybody's streams, by the length of a prompt. */
export const EXACT_CHARACTERS = 100_000;
/** The tokeniser's time grows with the square of a run without a break (100,000 times the same letter: seconds). Where
 *  such a run may be, the text is counted in slices, which makes at most one token more per slice. */
const UNBROKEN = /\S{200}|\s{65}|[\r\n/]{65}/;
const SLICE_CHARACTERS = 64;

/** Tokens of a text under o200k, the stand-in for every model whose usage was not reported. Takes at most some 30 ms. */
export function countTokens(text: string): number {
  if (text === "") return 0;
  if (text.length <= EXACT_CHARACTERS) return countPart(text);
  return Math.ceil((countPart(text.slice(0, EXACT_CHARACTERS)) * text.length) / EXACT_CHARACTERS);
}

/** Our estimate of a chat prompt: the text of every message, plus the framing OpenAI documents (3 per message, 3 to prime
 *  the answer). Media are not counted. */
export function estimatePromptTokens(messages: readonly JsonObject[], tools?: unknown): number {
  const texts = messages.flatMap((message) => [textOf(message.content), textOfCalls(message)]);
  if (tools) texts.push(JSON.stringify(tools));
  let tokens = 0;
  let counted = 0;
  let rest = 0;
  for (const text of texts) {
    if (counted >= EXACT_CHARACTERS) rest += text.length;
    else {
      tokens += countTokens(text);
      counted += text.length;
    }
  }
  return 3 + 3 * messages.length + tokens + (rest && Math.ceil((rest * tokens) / counted));
}

function countPart(text: string): number {
  if (!UNBROKEN.test(text)) return countSlice(text);
  let tokens = 0;
  for (let at = 0; at < text.length; at += SLICE_CHARACTERS)
    tokens += countSlice(text.slice(at, at + SLICE_CHARACTERS));
  return tokens;
}

function countSlice(text: string): number {
  // text that looks like a control token is still only text
  return count(text, { disallowedSpecial: new Set() });
}

function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content.map((part: JsonObject) => (typeof part?.text === "string" ? part.text : "")).join("");
}

function textOfCalls(message: JsonObject): string {
  return message.tool_calls ? JSON.stringify(message.tool_calls) : "";
}
