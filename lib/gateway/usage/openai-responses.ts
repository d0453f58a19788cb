import { NOTHING_REPORTED, RawUsage, type UsageReading } from "@/lib/gateway/usage/reading";

/** Responses usage: the totals include their details. Image generation and token-counted transcription use the same shape. */
export function openAIResponsesUsage(usage: unknown): UsageReading {
  const raw = RawUsage.of(usage);
  if (!raw) return NOTHING_REPORTED;
  const inputTokens = raw.find("input_tokens");
  const outputTokens = raw.find("output_tokens");
  if (inputTokens === null && outputTokens === null && raw.anomalies.length === 0) return NOTHING_REPORTED;
  if (inputTokens === null) raw.spoil("input_tokens");
  const cacheRead = raw.count("input_tokens_details.cached_tokens");
  const cacheWrite = raw.count("input_tokens_details.cache_write_tokens");
  // transcription spells its details without the second s
  const audioInput = raw.find("input_token_details.audio_tokens") ?? raw.count("input_tokens_details.audio_tokens");
  const imageInput = raw.count("input_tokens_details.image_tokens");
  const reasoning = raw.count("output_tokens_details.reasoning_tokens");
  const audioOutput = raw.count("output_tokens_details.audio_tokens");
  const imageOutput = raw.count("output_tokens_details.image_tokens");
  const total = raw.find("total_tokens");
  raw.ignore(
    "input_tokens_details.text_tokens",
    "input_tokens_details.cached_tokens_details.*",
    "input_token_details.*",
    "output_tokens_details.text_tokens",
  );
  return raw.reading(
    {
      input: (inputTokens ?? 0) - cacheRead - cacheWrite - audioInput - imageInput,
      cacheRead,
      cacheWrite,
      audioInput,
      imageInput,
      output: (outputTokens ?? 0) - reasoning - audioOutput - imageOutput,
      reasoning,
      audioOutput,
      imageOutput,
    },
    { insideTotals: total !== null && total === (inputTokens ?? 0) + (outputTokens ?? 0) },
  );
}
