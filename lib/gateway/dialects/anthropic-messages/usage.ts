import { totalOutputTokens, type Usage } from "@/lib/billing/usage";
import { type Nano, toUsdNumber } from "@/lib/money";

/** Our usage in the Messages dialect: `input_tokens` excludes what was read from or written to a cache. `cost` = the price
 *  charged in USD. */
export function messagesUsage(usage: Usage, price: Nano | null) {
  const fiveMinutes = usage.cacheWrite ?? 0;
  const oneHour = usage.cacheWrite1h ?? 0;
  return {
    input_tokens: (usage.input ?? 0) + (usage.audioInput ?? 0) + (usage.imageInput ?? 0) + (usage.videoInput ?? 0),
    cache_creation_input_tokens: fiveMinutes + oneHour,
    cache_read_input_tokens: usage.cacheRead ?? 0,
    cache_creation: { ephemeral_5m_input_tokens: fiveMinutes, ephemeral_1h_input_tokens: oneHour },
    output_tokens: totalOutputTokens(usage),
    ...(price !== null && { cost: toUsdNumber(price) }),
  };
}
