import type { KeyRates } from "@/lib/billing/wallet";

/** Any window is clear again a minute after the last call. */
const WINDOW = "1m0s";

/** The key's rate limits for clients that pace themselves; empty where it has none. With `anthropic` also in their words,
 *  where resets are instants. */
export function rateHeaders(rates: KeyRates | null, anthropic: { now: number } | null): Record<string, string> {
  if (!rates) return {};
  const headers: Record<string, string> = {};
  const add = (what: "requests" | "tokens", limit: number | null, used: number) => {
    if (limit === null) return;
    const remaining = String(Math.max(0, limit - used));
    headers[`x-ratelimit-limit-${what}`] = String(limit);
    headers[`x-ratelimit-remaining-${what}`] = remaining;
    headers[`x-ratelimit-reset-${what}`] = WINDOW;
    if (!anthropic) return;
    headers[`anthropic-ratelimit-${what}-limit`] = String(limit);
    headers[`anthropic-ratelimit-${what}-remaining`] = remaining;
    headers[`anthropic-ratelimit-${what}-reset`] = new Date(anthropic.now + 60_000).toISOString();
  };
  add("requests", rates.rpm, rates.calls);
  add("tokens", rates.tpm, rates.tokens);
  return headers;
}
