import { formatUsd, type Nano } from "@/lib/money";
import { percentOf } from "@/lib/percent";

/** The operator's figures and what each of them means. Page, tests and documentation read this file; the words for people
 *  are `admin.metrics` in messages/. All amounts are nano-USD over one half-open range. */

/** What the rollup says, summed over any rows. */
export type MarginSums = {
  calls: bigint;
  /** Calls of models without a price (enterprise): their revenue is unknown, not 0. */
  unpriced: bigint;
  /** Price of settled usage that purchased credit, or an enterprise account, pays. */
  paidNano: Nano;
  /** Price of settled usage that starter, promotional and comp credit paid. */
  promoNano: Nano;
  /** Every attempt at the cost version in force when it ran, the unbilled ones included. */
  costNano: Nano;
  /** Of costNano: attempts that failed over, so that nobody was charged for them. */
  wasteNano: Nano;
  /** Of costNano: by the share of promotional credit in each rollup row's price. */
  promoCostNano: Nano;
};

export type Margins = {
  calls: number;
  /** Recognised revenue: promotional usage is none. */
  revenueUsd: string;
  costUsd: string;
  wasteUsd: string;
  /** Revenue − cost of all attempts that promotion did not fund; a call nobody paid for counts here. */
  marginUsd: string;
  /** Margin ÷ revenue with one decimal. null is a gap: without revenue there is no such share. */
  marginPercent: string | null;
  /** What was given away: its price, and its cost, which is the real spend. */
  promoUsd: string;
  promoCostUsd: string;
  unpricedCalls: number;
};

export function marginsOf(sums: MarginSums): Margins {
  const { calls, unpriced, paidNano, promoNano, costNano, wasteNano, promoCostNano } = sums;
  const marginNano = paidNano - (costNano - promoCostNano);
  return {
    calls: Number(calls),
    revenueUsd: formatUsd(paidNano),
    costUsd: formatUsd(costNano),
    wasteUsd: formatUsd(wasteNano),
    marginUsd: formatUsd(marginNano),
    marginPercent: percentOf(marginNano, paidNano),
    promoUsd: formatUsd(promoNano),
    promoCostUsd: formatUsd(promoCostNano),
    unpricedCalls: Number(unpriced),
  };
}
