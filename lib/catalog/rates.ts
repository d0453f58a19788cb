import { z } from "zod";
import { usd, usdOut } from "@/lib/fields";
import { formatUsd, type Nano } from "@/lib/money";

/** Prices as people write them (USD per million tokens, per image, per second …) and as they are stored: integer nano-USD
 *  per 1,000,000 units, where a unit is a token, a character, an image, a millisecond, a request or a tool call. */

const PER_MILLION = [
  "input",
  "output",
  "cacheRead",
  "cacheWrite",
  "cacheWrite1h",
  "reasoning",
  "audioInput",
  "audioOutput",
  "imageInput",
  "imageOutput",
  "videoInput",
  "perMillionCharacters",
] as const;
type RateName = (typeof PER_MILLION)[number] | "perImage" | "perSecond" | "perRequest";

/** Stored nano per million units = nano-USD as written × this. A second has 1,000 metered milliseconds. */
const SCALE: Record<RateName | "perToolCall", bigint> = {
  ...(Object.fromEntries(PER_MILLION.map((name) => [name, 1n])) as Record<(typeof PER_MILLION)[number], bigint>),
  perImage: 1_000_000n,
  perSecond: 1_000n,
  perRequest: 1_000_000n,
  perToolCall: 1_000_000n,
};
const RATE_NAMES = Object.keys(SCALE).filter((name): name is RateName => name !== "perToolCall");

type StoredRateSet = { [Name in RateName]?: string } & { perToolCall?: Record<string, string> };
/** The JSON of `price_version.rates`; lib/billing/pricing.ts reads it. */
export type StoredRates = StoredRateSet & { tiers?: ({ aboveInputTokens: number } & StoredRateSet)[] };

const toolName = z.string().regex(/^\w{1,64}$/, "must be a tool name of letters, digits and _");

function rateFields<Amount extends z.ZodType>(amount: Amount) {
  const optional = amount.optional();
  return {
    input: optional,
    output: optional,
    cacheRead: optional,
    cacheWrite: optional,
    cacheWrite1h: optional,
    reasoning: optional,
    audioInput: optional,
    audioOutput: optional,
    imageInput: optional,
    imageOutput: optional,
    videoInput: optional,
    perImage: optional,
    perSecond: optional,
    perMillionCharacters: optional,
    perRequest: optional,
    perToolCall: z.record(toolName, amount).optional(),
  };
}

const tierField = { aboveInputTokens: z.int().min(0).max(1_000_000_000) };

type WrittenRateSet = z.infer<z.ZodObject<ReturnType<typeof rateFields<ReturnType<typeof usd>>>>>;

/** A price or cost in a request. Zero is a price; an absent class takes its parent's rate. */
export const ratesInput = z
  .strictObject({
    ...rateFields(usd()),
    tiers: z
      .array(z.strictObject({ ...tierField, ...rateFields(usd()) }))
      .max(10)
      .optional(),
  })
  .refine(hasRate, "must hold at least one rate")
  .refine(({ tiers = [] }) => new Set(tiers.map((tier) => tier.aboveInputTokens)).size === tiers.length, {
    path: ["tiers"],
    message: "must not name the same aboveInputTokens twice",
  })
  .transform(
    ({ tiers, ...base }): StoredRates => ({
      ...store(base),
      ...(tiers?.length && {
        tiers: tiers.map(({ aboveInputTokens, ...set }) => ({ aboveInputTokens, ...store(set) })),
      }),
    }),
  )
  .meta({ description: "USD per million tokens or characters, per image, second, request and tool call." });

/** A price or cost in an answer. */
export const ratesOut = z.object({
  ...rateFields(usdOut),
  tiers: z.array(z.object({ ...tierField, ...rateFields(usdOut) })).optional(),
});
export type WrittenRates = z.infer<typeof ratesOut>;

/** Stored rates as people write them. */
export function formatRates(stored: StoredRates): WrittenRates {
  const { tiers, ...base } = stored;
  return {
    ...mapSet(base, (rate, scale) => formatUsd(rate / scale)),
    ...(tiers && {
      tiers: tiers.map(({ aboveInputTokens, ...set }) => ({
        aboveInputTokens,
        ...mapSet(set, (rate, scale) => formatUsd(rate / scale)),
      })),
    }),
  };
}

/** Cost × (1 + margin), each rate rounded up to what can be written with 9 decimals.
 *  @param marginPercent decimal text with at most 4 decimals, above -100. */
export function withMargin(cost: StoredRates, marginPercent: string): StoredRates {
  const factor = 1_000_000n + parseMargin(marginPercent);
  const raise = (rate: Nano, scale: bigint) => {
    const divisor = 1_000_000n * scale;
    return (((rate * factor + divisor - 1n) / divisor) * scale).toString();
  };
  const { tiers, ...base } = cost;
  return {
    ...mapSet(base, raise),
    ...(tiers && { tiers: tiers.map(({ aboveInputTokens, ...set }) => ({ aboveInputTokens, ...mapSet(set, raise) })) }),
  };
}

/** "25.5" -> 255000n: hundredths of a basis point. */
function parseMargin(marginPercent: string): bigint {
  const match = /^(-?)(\d{1,6})(?:\.(\d{1,4}))?$/.exec(marginPercent);
  if (!match) throw new RangeError(`"${marginPercent}" is not a percentage with at most 4 decimals`);
  const [, sign, whole = "0", fraction = ""] = match;
  const value = BigInt(whole + fraction.padEnd(4, "0"));
  return sign ? -value : value;
}

function store(set: WrittenRateSet): StoredRateSet {
  const stored: StoredRateSet = {};
  for (const name of RATE_NAMES) {
    const amountNano = set[name];
    if (amountNano !== undefined) stored[name] = (amountNano * SCALE[name]).toString();
  }
  if (set.perToolCall) {
    stored.perToolCall = Object.fromEntries(
      Object.entries(set.perToolCall).map(([tool, amountNano]) => [tool, (amountNano * SCALE.perToolCall).toString()]),
    );
  }
  return stored;
}

function mapSet(set: StoredRateSet, map: (rate: Nano, scale: bigint) => string): StoredRateSet {
  const mapped: StoredRateSet = {};
  for (const name of RATE_NAMES) {
    const rate = set[name];
    if (rate !== undefined) mapped[name] = map(BigInt(rate), SCALE[name]);
  }
  if (set.perToolCall) {
    mapped.perToolCall = Object.fromEntries(
      Object.entries(set.perToolCall).map(([tool, rate]) => [tool, map(BigInt(rate), SCALE.perToolCall)]),
    );
  }
  return mapped;
}

function hasRate({ tiers: _tiers, ...base }: object & { tiers?: unknown }): boolean {
  return Object.values(base).some((value) => value !== undefined);
}
