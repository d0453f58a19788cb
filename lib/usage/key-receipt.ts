import { parseRates } from "@/lib/billing/pricing";
import { arithmeticOf, releasedOf } from "@/lib/billing/receipt";
import { formatUsd, toNano } from "@/lib/money";
import { readReport, withoutMoney } from "@/lib/usage/reported";
import { usageOfRows } from "@/lib/usage/stored-usage";

/** The receipt of a call as an app reads it: how its price comes about, and what happened on the way. Amounts are USD strings. */
export type CallReceipt = {
  /** null: the model had no price. */
  price: (ReturnType<typeof arithmeticOf> & { version: string; effectiveFrom: string; factorBp: number }) | null;
  heldUsd: string;
  releasedUsd: string;
  /** What the provider counted, in its own words. */
  reportedUsage: Record<string, unknown> | null;
  attempts: { provider: string; outcome: string; httpStatus: number | null; latencyMs: number | null }[];
};

/** As `find_receipt` answers it. */
export type ReceiptRow = {
  held: string;
  events: Record<string, unknown>[];
  price: { version: string; since: string; factor_bp: number; rates: unknown } | null;
  attempts: { provider: string; outcome: string; http_status: number | null; latency_ms: number | null }[];
  usage: unknown;
};

export function toReceipt({ held, events, price, attempts, usage }: ReceiptRow): CallReceipt {
  const { reported } = readReport(usage);
  const charged = events.reduce((sum, { price_nano }) => sum + toNano(String(price_nano ?? 0)), 0n);
  return {
    price: price && {
      ...{ version: price.version, effectiveFrom: new Date(price.since).toISOString(), factorBp: price.factor_bp },
      ...arithmeticOf(usageOfRows(events), parseRates(price.rates), price.factor_bp),
    },
    heldUsd: formatUsd(toNano(held)),
    releasedUsd: formatUsd(releasedOf(toNano(held), charged)),
    reportedUsage: reported && withoutMoney(reported),
    attempts: attempts.map(({ provider, outcome, http_status, latency_ms }) => ({
      ...{ provider, outcome, httpStatus: http_status, latencyMs: latency_ms },
    })),
  };
}
