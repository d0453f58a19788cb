import { openAIChatUsage } from "@/lib/gateway/usage/openai-chat";
import { NOTHING_REPORTED, RawUsage, type UsageReading } from "@/lib/gateway/usage/reading";

const compatible = openAIChatUsage();

/** Ollama's own last line (`prompt_eval_count`, `eval_count`), or its OpenAI-shaped usage. A prompt that was cached as a whole
 *  is not counted at all: that is flagged, and the counted part stands. */
export function ollamaUsage(usage: unknown): UsageReading {
  const raw = RawUsage.of(usage);
  if (!raw) return NOTHING_REPORTED;
  const prompt = raw.find("prompt_eval_count");
  const output = raw.find("eval_count");
  if (prompt === null && output === null && raw.anomalies.length === 0) return compatible(usage);
  if (!prompt) raw.anomalies.push("prompt_not_counted");
  return raw.reading({ input: prompt ?? 0, output: output ?? 0 });
}
