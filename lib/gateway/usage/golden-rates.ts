/** Rates that the reference price list lacks and the recorded prices were made with: USD per million, per tool call in USD.
 *  For tests only; nothing here is a price of ours. */
export const MISSING_RATES: Record<string, Record<string, string>> = {
  "gemini-1.5-flash": { input: "0.075", output: "0.3" },
  "gemini-2.0-flash": { audioInput: "0.7" },
  "gemini-2.5-flash-image": { output: "2.5", imageOutput: "30" },
  "gpt-4o-audio-preview-2024-12-17": { input: "2.5", output: "10" },
  "gpt-5.6-sol": { input: "5", cacheRead: "0.5", cacheWrite: "6.25", output: "30" },
  "gpt-oss-120b": { input: "0.039", output: "0.18" },
  "o1-mini-2024-09-12": { input: "1.1", output: "4.4" },
};

/** Names under which the reference price list knows a recorded model. */
export const OTHER_NAMES: Record<string, string> = {
  "anthropic/claude-4.5-sonnet-20250929": "anthropic/claude-sonnet-4.5",
  "anthropic/claude-4.6-sonnet-20260217": "anthropic/claude-sonnet-4.6",
};

/** Per call of a hosted tool. */
export const TOOL_FEES: Record<string, string> = { web_search: "0.01" };
