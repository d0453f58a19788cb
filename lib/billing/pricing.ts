import { dearestOf, imageRate, rateOf, rateSetFor, reachableSets, toolRate } from "@/lib/billing/rate-sets";
import { INPUT_CLASSES, OUTPUT_CLASSES, TOKEN_CLASSES, type TokenClass, type Usage } from "@/lib/billing/usage";
import type { Nano } from "@/lib/money";

/** Integer nano-USD per 1,000,000 units. A unit is a token, an image, a millisecond, a character, a request or a tool call.
 *  `otherInput` and `otherOutput` never have a rate of their own. */
export type RateClass = TokenClass | "perImage" | "perSecond" | "perMillionCharacters" | "perRequest";
/** `perImageVariant` is by `size/quality` or by size alone. */
export type RateSet = Partial<Record<RateClass, Nano>> & {
  perToolCall?: Record<string, Nano>;
  perImageVariant?: Record<string, Nano>;
};
/** Context tiers, dearest threshold first; each states only what differs, and binds the whole call. */
export type TieredRates = RateSet & { tiers?: readonly (RateSet & { aboveInputTokens: number })[] };
/** Service tiers are named rate sets (batch, flex, priority) that state only what differs. */
export type Rates = TieredRates & { serviceTiers?: Record<string, TieredRates> };

/** A class, an image by `size/quality`, or a hosted tool by name. */
export type LineClass = RateClass | `toolCall:${string}` | `image:${string}`;

/** One line of the arithmetic, exact and before the single rounding. `nanoMillionths` = units × rate. */
export type PriceLine = {
  class: LineClass;
  /** Whose rate applied, where the line's own class has none. */
  ratedAs?: LineClass;
  units: number;
  rate: Nano;
  nanoMillionths: bigint;
};

const PER_MILLION = 1_000_000n;
/** A factor of one, in basis points. */
export const FACTOR_ONE = 10_000n;
const DIVISOR = PER_MILLION * FACTOR_ONE;

const UNIT_RATES = [
  ["milliseconds", "perSecond"],
  ["characters", "perMillionCharacters"],
  ["requests", "perRequest"],
] as const;

/** The price of one call in nano-USD: all parts added exactly, rounded once, upward.
 *  `amount = ceil(Σ(units × rate) × factorBp / (1e6 × 1e4))`. Pure; never negative for non-negative usage. */
export function priceUsage(usage: Usage, rates: Rates, factorBp = 10_000): Nano {
  const set = rateSetFor(rates, usage);
  let total = 0n;
  for (const name of TOKEN_CLASSES) {
    const units = usage[name];
    if (units) total += BigInt(units) * (rateOf(set, name)?.rate ?? 0n);
  }
  for (const [unit, rate] of UNIT_RATES) {
    const units = usage[unit];
    if (units) total += BigInt(units) * (set[rate] ?? 0n);
  }
  if (usage.images) for (const [, units, rated] of imageParts(usage, set)) total += BigInt(units) * (rated?.rate ?? 0n);
  for (const name in usage.toolCalls) total += BigInt(usage.toolCalls[name] ?? 0) * (toolRate(set, name)?.rate ?? 0n);
  return roundUp(total * BigInt(factorBp));
}

/** The lines of the arithmetic behind `priceUsage`, for receipts. Their sum, times the factor, rounded up, is the price.
 *  A price per request is a line only where there is one. */
export function priceLines(usage: Usage, rates: Rates): PriceLine[] {
  const set = rateSetFor(rates, usage);
  const lines: PriceLine[] = [];
  for (const name of TOKEN_CLASSES) {
    const units = usage[name];
    if (units) lines.push(line(name, units, rateOf(set, name)));
  }
  for (const [unit, name] of UNIT_RATES) {
    const units = usage[unit];
    const rate = set[name];
    if (units && rate !== undefined) lines.push(line(name, units, { rate, ratedAs: name }));
  }
  for (const [variant, units, rated] of imageParts(usage, set)) {
    lines.push(line(variant === null ? "perImage" : `image:${variant}`, units, rated));
  }
  for (const [name, units] of Object.entries(usage.toolCalls ?? {}))
    lines.push(line(`toolCall:${name}`, units, toolRate(set, name)));
  return lines;
}

/** What was used and has no rate at all, not even a parent's: it was charged nothing, which somebody should know. A request
 *  needs no price of its own. */
export function unpricedParts(usage: Usage, rates: Rates): string[] {
  const set = rateSetFor(rates, usage);
  const parts: string[] = TOKEN_CLASSES.filter((name) => usage[name] && !rateOf(set, name));
  for (const [unit, rate] of UNIT_RATES)
    if (unit !== "requests" && usage[unit] && set[rate] === undefined) parts.push(unit);
  // images may be charged by the tokens they are made of
  if (usage.images && !imageRate(set, null) && !usage.imageOutput) parts.push("images");
  for (const name in usage.toolCalls) if (!toolRate(set, name)) parts.push(`toolCall:${name}`);
  return parts;
}

/** Images by variant, and those of which nobody said what they are. */
function imageParts(usage: Usage, set: RateSet): [string | null, number, ReturnType<typeof imageRate>][] {
  if (!usage.images || !imageRate(set, null)) return [];
  const parts: [string | null, number, ReturnType<typeof imageRate>][] = [];
  let rest = usage.images;
  for (const [variant, units] of Object.entries(usage.imageVariants ?? {})) {
    if (units === 0) continue;
    parts.push([variant, units, imageRate(set, variant)]);
    rest -= units;
  }
  if (rest > 0) parts.push([null, rest, imageRate(set, null)]);
  return parts;
}

function line(name: LineClass, units: number, rated: { rate: Nano; ratedAs: LineClass } | null): PriceLine {
  const rate = rated?.rate ?? 0n;
  return {
    class: name,
    ...(rated && rated.ratedAs !== name && { ratedAs: rated.ratedAs }),
    units,
    rate,
    nanoMillionths: BigInt(units) * rate,
  };
}

/** Rates as stored (JSON, integer strings) -> bigint. Throws RangeError on anything but non-negative integers. */
export function parseRates(stored: unknown): Rates {
  const { serviceTiers, ...base } = stored as { serviceTiers?: Record<string, unknown> } & Record<string, unknown>;
  const rates = parseTiered(base);
  if (!serviceTiers) return rates;
  const sets = Object.entries(serviceTiers).map(([name, set]) => [name, parseTiered(set)] as const);
  return { ...rates, serviceTiers: Object.fromEntries(sets) };
}

/** The dearest rate any input (or output) token of a call with at most `maxInputTokens` can meet: media and tiers included. */
export function dearestRate(
  rates: Rates,
  direction: "input" | "output",
  maxInputTokens: number,
  serviceTier?: string,
): Nano {
  const classes = direction === "input" ? INPUT_CLASSES : OUTPUT_CLASSES;
  return most(reachableSets(rates, maxInputTokens, serviceTier), (set) => dearestOf(set, classes)?.rate);
}

/** The most a call may use; what is absent is none of it. `images` may be of any variant unless `imageVariant` names one;
 *  `toolCalls` is a number of calls by tool; a `serviceTier` is one the request chose. */
export type UsageBound = {
  inputTokens: number;
  outputTokens: number;
  images?: number;
  imageVariant?: string;
  milliseconds?: number;
  characters?: number;
  toolCalls?: Record<string, number>;
  serviceTier?: string;
};

/** An upper bound of what a call can cost: every input token at the dearest input rate, every output token at the dearest
 *  output rate, every other unit at the dearest it can meet, plus one request. Nano-USD, rounded up once. */
export function worstCase(bound: UsageBound, rates: Rates, factorBp = 10_000): Nano {
  const { inputTokens, serviceTier } = bound;
  const sets = reachableSets(rates, inputTokens, serviceTier);
  const dearest = (rate: (set: RateSet) => Nano | undefined) => most(sets, rate);
  let total =
    BigInt(inputTokens) * dearest((set) => dearestOf(set, INPUT_CLASSES)?.rate) +
    BigInt(bound.outputTokens) * dearest((set) => dearestOf(set, OUTPUT_CLASSES)?.rate) +
    BigInt(bound.milliseconds ?? 0) * dearest((set) => set.perSecond) +
    BigInt(bound.characters ?? 0) * dearest((set) => set.perMillionCharacters) +
    dearest((set) => set.perRequest);
  if (bound.images) total += BigInt(bound.images) * dearest((set) => dearestImageRate(set, bound.imageVariant));
  for (const [name, calls] of Object.entries(bound.toolCalls ?? {}))
    total += BigInt(calls) * dearest((set) => toolRate(set, name)?.rate);
  return roundUp(total * BigInt(factorBp));
}

/** How many output tokens `amount` still pays for beside `inputTokens` of input. */
export function affordableOutputTokens(amount: Nano, inputTokens: number, rates: Rates, factorBp = 10_000): number {
  const rate = dearestRate(rates, "output", inputTokens) * BigInt(factorBp);
  if (rate === 0n) return Number.MAX_SAFE_INTEGER;
  const left = amount - worstCase({ inputTokens, outputTokens: 0 }, rates, factorBp);
  return left <= 0n ? 0 : Number((left * DIVISOR) / rate);
}

function dearestImageRate(set: RateSet, variant: string | undefined): Nano | undefined {
  if (variant !== undefined) return imageRate(set, variant)?.rate;
  return most([set.perImage, ...Object.values(set.perImageVariant ?? {})], (rate) => rate);
}

function most<Item>(items: readonly Item[], rateOfItem: (item: Item) => Nano | undefined): Nano {
  return items.reduce((dearest, item) => {
    const rate = rateOfItem(item) ?? 0n;
    return rate > dearest ? rate : dearest;
  }, 0n);
}

function roundUp(nanoMillionthsTimesFactor: bigint): Nano {
  return (nanoMillionthsTimesFactor + DIVISOR - 1n) / DIVISOR;
}

function parseTiered(stored: unknown): TieredRates {
  const { tiers, ...base } = stored as { tiers?: { aboveInputTokens: number }[] } & Record<string, unknown>;
  const rates = parseRateSet(base);
  if (!tiers?.length) return rates;
  return {
    ...rates,
    tiers: tiers
      .map(({ aboveInputTokens, ...set }) => ({ ...parseRateSet(set), aboveInputTokens }))
      .sort((a, b) => b.aboveInputTokens - a.aboveInputTokens),
  };
}

function parseRateSet(stored: Record<string, unknown>): RateSet {
  const set: Record<string, Nano | Record<string, Nano>> = {};
  for (const [name, value] of Object.entries(stored)) {
    set[name] = typeof value === "object" && value !== null ? mapRates(value) : parseRate(value);
  }
  return set as RateSet;
}

function mapRates(value: object): Record<string, Nano> {
  return Object.fromEntries(Object.entries(value).map(([name, rate]) => [name, parseRate(rate)]));
}

function parseRate(value: unknown): Nano {
  if (typeof value !== "string" || !/^\d+$/.test(value))
    throw new RangeError("a stored rate must be a string of digits");
  return BigInt(value);
}
