import type { SharedV4Warning } from "@ai-sdk/provider";
import { printable } from "@/lib/gateway/dialects/body-fields";

/** Parameters by the names that clients know; modules call them otherwise. */
const NAMES: Record<string, string> = {
  frequencyPenalty: "frequency_penalty",
  maxOutputTokens: "max_tokens",
  presencePenalty: "presence_penalty",
  reasoning: "reasoning_effort",
  reasoningEffort: "reasoning_effort",
  responseFormat: "response_format",
  "responseFormat JSON schema": "response_format",
  seed: "seed",
  stopSequences: "stop",
  strict: "tools.strict",
  temperature: "temperature",
  toolChoice: "tool_choice",
  topK: "top_k",
  topP: "top_p",
};
const MAX_NAMED = 10;

/** What a module left out of its request, fit for the header `x-aigne-warnings`. */
export function moduleWarnings(warnings: readonly SharedV4Warning[]): string[] {
  const names = warnings.flatMap((warning) => (warning.type === "unsupported" ? [warning.feature] : []));
  return [...new Set(names.map((name) => NAMES[name] ?? printable(name)))].slice(0, MAX_NAMED);
}
