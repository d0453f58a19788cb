import type { LineClass, RateClass, RateSet, Rates, TieredRates } from "@/lib/billing/pricing";
import { INPUT_CLASSES, OUTPUT_CLASSES, type TokenClass, totalInputTokens, type Usage } from "@/lib/billing/usage";
import type { Nano } from "@/lib/money";

/** The rate a class takes when its own is absent (never zero unless every parent is absent). */
const PARENT: Partial<Record<TokenClass, TokenClass>> = {
  cacheRead: "input",
  cacheWrite: "input",
  cacheWrite1h: "cacheWrite",
  audioInput: "input",
  imageInput: "input",
  videoInput: "input",
  reasoning: "output",
  audioOutput: "output",
  imageOutput: "output",
};

type Rated<Class> = { rate: Nano; ratedAs: Class };

/** The rates that hold for the whole call: of its service tier, and of the dearest context tier its input exceeds. */
export function rateSetFor(rates: Rates, usage: Usage): RateSet {
  const base = ratesOfServiceTier(rates, usage.serviceTier);
  if (!base.tiers) return base;
  const inputTokens = totalInputTokens(usage);
  const tier = base.tiers.find((candidate) => inputTokens > candidate.aboveInputTokens);
  return tier ? withBase(base, tier) : base;
}

/** Every rate set a call with at most `maxInputTokens` of input can meet. */
export function reachableSets(rates: Rates, maxInputTokens: number, serviceTier?: string): RateSet[] {
  const base = ratesOfServiceTier(rates, serviceTier);
  const tiers = (base.tiers ?? []).filter((tier) => maxInputTokens > tier.aboveInputTokens);
  return [base, ...tiers.map((tier) => withBase(base, tier))];
}

/** The rate of a token class, or of the nearest parent that has one. Unknown kinds take the dearest of their direction. */
export function rateOf(set: RateSet, name: TokenClass): Rated<TokenClass> | null {
  if (name === "otherInput") return dearestOf(set, INPUT_CLASSES);
  if (name === "otherOutput") return dearestOf(set, OUTPUT_CLASSES);
  for (let ratedAs: TokenClass | undefined = name; ratedAs; ratedAs = PARENT[ratedAs]) {
    const rate = set[ratedAs];
    if (rate !== undefined) return { rate, ratedAs };
  }
  return null;
}

/** The dearest of the stated rates; of equal ones the first. Null where none is stated. */
export function dearestOf<Class extends RateClass>(set: RateSet, classes: readonly Class[]): Rated<Class> | null {
  let dearest: Rated<Class> | null = null;
  for (const name of classes) {
    const rate = set[name];
    if (rate !== undefined && (!dearest || rate > dearest.rate)) dearest = { rate, ratedAs: name };
  }
  return dearest;
}

/** The rate of one image: of its size and quality, of its size, of any image; where only others are priced, the dearest. */
export function imageRate(set: RateSet, variant: string | null): Rated<LineClass> | null {
  const variants = set.perImageVariant ?? {};
  const size = variant?.split("/", 1)[0];
  for (const name of [variant, size]) {
    const rate = name ? variants[name] : undefined;
    if (rate !== undefined) return { rate, ratedAs: `image:${name}` };
  }
  if (set.perImage !== undefined) return { rate: set.perImage, ratedAs: "perImage" };
  return dearestEntry(variants, "image");
}

/** The rate of one call of a hosted tool: its own, else the dearest of the tools that have one. */
export function toolRate(set: RateSet, name: string): Rated<LineClass> | null {
  const own = set.perToolCall?.[name];
  return own === undefined
    ? dearestEntry(set.perToolCall ?? {}, "toolCall")
    : { rate: own, ratedAs: `toolCall:${name}` };
}

function dearestEntry(rates: Record<string, Nano>, kind: "image" | "toolCall"): Rated<LineClass> | null {
  let dearest: Rated<LineClass> | null = null;
  for (const [name, rate] of Object.entries(rates))
    if (!dearest || rate > dearest.rate) dearest = { rate, ratedAs: `${kind}:${name}` };
  return dearest;
}

/** A service tier states only what differs; without a set of its own the ordinary rates hold. */
function ratesOfServiceTier(rates: Rates, serviceTier: string | undefined): TieredRates {
  const own = serviceTier === undefined ? undefined : rates.serviceTiers?.[serviceTier];
  return own ? { ...rates, ...own } : rates;
}

/** A tier states only what differs. */
function withBase(rates: RateSet, tier: RateSet): RateSet {
  return { ...rates, ...tier };
}
