import {
  INPUT_CLASSES,
  OUTPUT_CLASSES,
  TOKEN_CLASSES,
  type TokenClass,
  totalInputTokens,
  type Usage,
} from "@/lib/billing/usage";
import type { Nano } from "@/lib/money";

/** Integer nano-USD per 1,000,000 units. A unit is a token, an image, a millisecond, a character, a request or a tool call. */
export type RateClass = TokenClass | "perImage" | "perSecond" | "perMillionCharacters" | "perRequest";
export type RateSet = Partial<Record<RateClass, Nano>> & { perToolCall?: Record<string, Nano> };
export type Rates = RateSet & { tiers?: readonly (RateSet & { aboveInputTokens: number })[] };

/** One line of the arithmetic, exact and before the single rounding. `nanoMillionths` = units × rate. */
export type PriceLine = {
  class: RateClass | `toolCall:${string}`;
  /** The class whose rate applied, where the class itself has none. */
  ratedAs?: RateClass;
  units: number;
  rate: Nano;
  nanoMillionths: bigint;
};

const PER_MILLION = 1_000_000n;
/** A factor of one, in basis points. */
export const FACTOR_ONE = 10_000n;
const DIVISOR = PER_MILLION * FACTOR_ONE;

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

const UNIT_RATES = [
  ["images", "perImage"],
  ["milliseconds", "perSecond"],
  ["characters", "perMillionCharacters"],
  ["requests", "perRequest"],
] as const;

/** The price of one call in nano-USD: all parts added exactly, rounded once, upward.
 *  `amount = ceil(Σ(units × rate) × factorBp / (1e6 × 1e4))`. Pure; never negative for non-negative usage. */
export function priceUsage(usage: Usage, rates: Rates, factorBp = 10_000): Nano {
  const tier = rateSetFor(rates, totalInputTokens(usage));
  let total = 0n;
  for (const name of TOKEN_CLASSES) {
    const units = usage[name];
    if (units) total += BigInt(units) * (rateOf(tier, name)?.rate ?? 0n);
  }
  for (const [unit, rate] of UNIT_RATES) {
    const units = usage[unit];
    if (units) total += BigInt(units) * (tier[rate] ?? 0n);
  }
  for (const name in usage.toolCalls) total += BigInt(usage.toolCalls[name] ?? 0) * (tier.perToolCall?.[name] ?? 0n);
  return roundUp(total * BigInt(factorBp));
}

/** The lines of the arithmetic behind `priceUsage`, for receipts. Their sum, times the factor, rounded up, is the price. */
export function priceLines(usage: Usage, rates: Rates): PriceLine[] {
  const tier = rateSetFor(rates, totalInputTokens(usage));
  const lines: PriceLine[] = [];
  for (const name of TOKEN_CLASSES) {
    const units = usage[name];
    if (!units) continue;
    const { rate, ratedAs } = rateOf(tier, name) ?? { rate: 0n, ratedAs: name };
    lines.push({
      class: name,
      ...(ratedAs !== name && { ratedAs }),
      units,
      rate,
      nanoMillionths: BigInt(units) * rate,
    });
  }
  for (const [unit, name] of UNIT_RATES) {
    const units = usage[unit];
    const rate = tier[name];
    if (units && rate !== undefined) lines.push({ class: name, units, rate, nanoMillionths: BigInt(units) * rate });
  }
  for (const [name, units] of Object.entries(usage.toolCalls ?? {})) {
    const rate = tier.perToolCall?.[name] ?? 0n;
    lines.push({ class: `toolCall:${name}`, units, rate, nanoMillionths: BigInt(units) * rate });
  }
  return lines;
}

/** Rates as stored (JSON, integer strings) -> bigint. Throws RangeError on anything but non-negative integers. */
export function parseRates(stored: unknown): Rates {
  const { tiers, ...base } = stored as { tiers?: { aboveInputTokens: number }[] } & Record<string, unknown>;
  const rates: Rates = parseRateSet(base);
  if (!tiers?.length) return rates;
  return {
    ...rates,
    tiers: tiers
      .map(({ aboveInputTokens, ...set }) => ({ ...parseRateSet(set), aboveInputTokens }))
      .sort((a, b) => b.aboveInputTokens - a.aboveInputTokens),
  };
}

/** The dearest rate any input (or output) token of a call with at most `maxInputTokens` can meet: media and tiers included. */
export function dearestRate(rates: Rates, direction: "input" | "output", maxInputTokens: number): Nano {
  const classes: readonly TokenClass[] = direction === "input" ? INPUT_CLASSES : OUTPUT_CLASSES;
  const sets: RateSet[] = [
    rates,
    ...(rates.tiers ?? [])
      .filter((tier) => maxInputTokens > tier.aboveInputTokens)
      .map((tier) => withBase(rates, tier)),
  ];
  let dearest = 0n;
  for (const set of sets) {
    for (const name of classes) {
      const rate = rateOf(set, name)?.rate ?? 0n;
      if (rate > dearest) dearest = rate;
    }
  }
  return dearest;
}

/** An upper bound of what a call can cost: every input token at the dearest input rate, every output token at the dearest
 *  output rate, plus one request. Nano-USD, rounded up once. */
export function worstCase(bound: { inputTokens: number; outputTokens: number }, rates: Rates, factorBp = 10_000): Nano {
  const perRequest = [rates, ...(rates.tiers ?? [])].reduce(
    (most, set) => ((set.perRequest ?? 0n) > most ? (set.perRequest ?? 0n) : most),
    0n,
  );
  const total =
    BigInt(bound.inputTokens) * dearestRate(rates, "input", bound.inputTokens) +
    BigInt(bound.outputTokens) * dearestRate(rates, "output", bound.inputTokens) +
    perRequest;
  return roundUp(total * BigInt(factorBp));
}

/** How many output tokens `amount` still pays for beside `inputTokens` of input. */
export function affordableOutputTokens(amount: Nano, inputTokens: number, rates: Rates, factorBp = 10_000): number {
  const rate = dearestRate(rates, "output", inputTokens) * BigInt(factorBp);
  if (rate === 0n) return Number.MAX_SAFE_INTEGER;
  const left = amount - worstCase({ inputTokens, outputTokens: 0 }, rates, factorBp);
  return left <= 0n ? 0 : Number((left * DIVISOR) / rate);
}

function rateSetFor(rates: Rates, inputTokens: number): RateSet {
  if (!rates.tiers) return rates;
  const tier = rates.tiers.find((candidate) => inputTokens > candidate.aboveInputTokens);
  return tier ? withBase(rates, tier) : rates;
}

/** A tier states only what differs. */
function withBase(rates: Rates, tier: RateSet): RateSet {
  return { ...rates, ...tier };
}

function rateOf(set: RateSet, name: TokenClass): { rate: Nano; ratedAs: TokenClass } | null {
  for (let ratedAs: TokenClass | undefined = name; ratedAs; ratedAs = PARENT[ratedAs]) {
    const rate = set[ratedAs];
    if (rate !== undefined) return { rate, ratedAs };
  }
  return null;
}

function roundUp(nanoMillionthsTimesFactor: bigint): Nano {
  return (nanoMillionthsTimesFactor + DIVISOR - 1n) / DIVISOR;
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
