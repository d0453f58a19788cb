import type { RateSet } from "@/lib/billing/pricing";
import type { PricedRates, SnapshotModel } from "@/lib/gateway/snapshot";
import type { Nano } from "@/lib/money";

const FACTOR_ONE = 10_000n;

/** Whether starter credit pays for a model: no rate of it, in any context or service tier, exceeds `bound` (nano-USD per
 *  million units), nor the rate of a hosted tool that the call may use. What the sandbox answers costs the operator nothing, so
 *  it always is. */
export function takesStarterCredit(
  { offers }: Pick<SnapshotModel, "offers">,
  price: Pick<PricedRates, "rates" | "factorBp"> | null,
  bound: Nano,
  hostedTools: readonly string[] = [],
): boolean {
  if (offers.length > 0 && offers.every(({ provider }) => provider.kind === "sandbox")) return true;
  if (!price) return false;
  const { rates, factorBp } = price;
  const tiered = [rates, ...Object.values(rates.serviceTiers ?? {})];
  const sets: RateSet[] = tiered.flatMap((set) => [set, ...(set.tiers ?? [])]);
  return sets
    .flatMap((set) => ratesIn(set, hostedTools))
    .every((rate) => rate * BigInt(factorBp) <= bound * FACTOR_ONE);
}

function ratesIn(set: RateSet, hostedTools: readonly string[]): Nano[] {
  const own = Object.values(set).filter((value): value is Nano => typeof value === "bigint");
  const tools = hostedTools.map((name) => set.perToolCall?.[name] ?? 0n);
  return [...own, ...tools, ...Object.values(set.perImageVariant ?? {})];
}
