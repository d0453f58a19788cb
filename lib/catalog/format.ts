import type { WrittenRates } from "@/lib/catalog/rates";
import { formatUsd, parseUsd } from "@/lib/money";
import { percentOf } from "@/lib/percent";

/** The classes an editor offers; tiers and tools are kept as they are. */
export const EDITED_RATES = [
  "input",
  "output",
  "cacheRead",
  "cacheWrite",
  "reasoning",
  "perImage",
  "perSecond",
  "perRequest",
] as const;
export type EditedRate = (typeof EDITED_RATES)[number];

/** How far the price lies above the cost, in percent of the cost, for the class where it is least; null where either is missing. */
export function lowestMargin(cost: WrittenRates | null, price: WrittenRates | null): string | null {
  if (!cost || !price) return null;
  const margins = EDITED_RATES.flatMap((name) => {
    const [costUsd, priceUsd] = [cost[name], price[name]];
    if (costUsd === undefined || priceUsd === undefined) return [];
    const costNano = parseUsd(costUsd);
    const percent = percentOf(parseUsd(priceUsd) - costNano, costNano);
    return percent === null ? [] : [percent];
  });
  return margins.toSorted((a, b) => Number(a) - Number(b))[0] ?? null;
}

/** The price that a margin will make of a cost, as it is typed; null while either is no number. The server computes its own. */
export function previewPrice(costUsd: string, marginPercent: string): string | null {
  if (!/^-?\d{1,5}(\.\d{1,4})?$/.test(marginPercent.trim())) return null;
  try {
    // percent with 4 decimals = the same digits as dollars with 4: 1 % is 10_000 of 1_000_000
    const factor = 1_000_000n + parseUsd(marginPercent.trim()) / 100_000n;
    return formatUsd((parseUsd(costUsd) * factor + 999_999n) / 1_000_000n);
  } catch {
    return null;
  }
}
