import { formatUsd, type Nano } from "@/lib/money";
import type { SpendCapInput, SpendCaps } from "@/lib/orgs/schema";

/** The caps among the limits of one target. */
export function toSpendCaps(rows: readonly { period: string; budget: Nano | null }[]): SpendCaps {
  const of = (wanted: string) => rows.find(({ period }) => period === wanted)?.budget ?? null;
  return formatSpendCaps({ capUsd: of("month"), dailyCapUsd: of("day") });
}

export function formatSpendCaps({ capUsd, dailyCapUsd }: SpendCapInput): SpendCaps {
  const format = (cap: Nano | null) => (cap === null ? null : formatUsd(cap));
  return { capUsd: format(capUsd), dailyCapUsd: format(dailyCapUsd) };
}
