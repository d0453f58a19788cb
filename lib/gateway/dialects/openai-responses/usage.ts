import { totalInputTokens, totalOutputTokens, type Usage } from "@/lib/billing/usage";
import { type Nano, toUsdNumber } from "@/lib/money";

/** Our usage in the Responses dialect: totals inclusive, classes in the details, `cost` = the price charged in USD. */
export function responsesUsage(usage: Usage, price: Nano | null) {
  const input = totalInputTokens(usage);
  const output = totalOutputTokens(usage);
  return {
    input_tokens: input,
    input_tokens_details: {
      cached_tokens: usage.cacheRead ?? 0,
      cache_write_tokens: (usage.cacheWrite ?? 0) + (usage.cacheWrite1h ?? 0),
    },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: usage.reasoning ?? 0 },
    total_tokens: input + output,
    ...(price !== null && { cost: toUsdNumber(price) }),
  };
}
