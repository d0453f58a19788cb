import { totalInputTokens, totalOutputTokens, type Usage } from "@/lib/billing/usage";
import type { JsonObject } from "@/lib/gateway/json-body";
import { type Nano, toUsdNumber } from "@/lib/money";

/** Our usage in AIGNE's words: both totals inclusive, credits = the price charged in USD, absent for calls without one. */
export function aigneUsage(usage: Usage, price: Nano | null, modelCallId: string): JsonObject {
  const written = (usage.cacheWrite ?? 0) + (usage.cacheWrite1h ?? 0);
  return {
    inputTokens: totalInputTokens(usage),
    outputTokens: totalOutputTokens(usage),
    ...(usage.cacheRead && { cacheReadInputTokens: usage.cacheRead }),
    ...(written > 0 && { cacheCreationInputTokens: written }),
    ...(price !== null && { aigneHubCredits: toUsdNumber(price) }),
    creditPrefix: "$",
    modelCallId,
  };
}
