import { totalInputTokens, totalOutputTokens, type Usage } from "@/lib/billing/usage";
import { type Nano, toUsdNumber } from "@/lib/money";

/** Our usage in the chat dialect: totals inclusive, classes in the details, `cost` = the price charged in USD. */
export function chatUsage(usage: Usage, price: Nano | null) {
  const prompt = totalInputTokens(usage);
  const completion = totalOutputTokens(usage);
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: {
      cached_tokens: usage.cacheRead ?? 0,
      cache_write_tokens: (usage.cacheWrite ?? 0) + (usage.cacheWrite1h ?? 0),
      audio_tokens: usage.audioInput ?? 0,
    },
    completion_tokens_details: { reasoning_tokens: usage.reasoning ?? 0, audio_tokens: usage.audioOutput ?? 0 },
    ...(price !== null && { cost: toUsdNumber(price) }),
  };
}
