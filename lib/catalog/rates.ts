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

/** Rates by name: of a hosted tool, and of an image by `size/quality` or by size alone. */
const NAMED = ["perToolCall", "perImageVariant"] as const;
type NamedRates = (typeof NAMED)[number];

/** Stored nano per million units = nano-USD as written × this. A second has 1,000 metered milliseconds. */
const SCALE: Record<RateName | NamedRates, bigint> = {
  ...(Object.fromEntries(PER_MILLION.map((name) => [name, 1n])) as Record<(typeof PER_MILLION)[number], bigint>),
  perImage: 1_000_000n,
  perSecond: 1_000n,
  perRequest: 1_000_000n,
  perToolCall: 1_000_000n,
  perImageVariant: 1_000_000n,
};
const RATE_NAMES = Object.keys(SCALE).filter((name): name is RateName => !(NAMED as readonly string[]).includes(name));

type StoredRateSet = { [Name in RateName]?: string } & { [Name in NamedRates]?: Record<string, string> };
type StoredTiered = StoredRateSet & { tiers?: ({ aboveInputTokens: number } & StoredRateSet)[] };
/** The JSON of `price_version.rates`; lib/billing/pricing.ts reads it. */
export type StoredRates = StoredTiered & { serviceTiers?: Record<string, StoredTiered> };

export const SERVICE_TIERS = ["batch", "flex", "priority"] as const;

const imageVariant = z
  .string()
  .regex(
    /^[\w.:-]{1,32}(\/[\w.:-]{1,32})?$/,
    "must be a size such as 1024x1024, or a size and quality such as 1024x1024/high",
  );
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
    perImageVariant: z.record(imageVariant, amount).optional(),
  };
}

const tierField = { aboveInputTokens: z.int().min(0).max(1_000_000_000) };

type WrittenRateSet = z.infer<z.ZodObject<ReturnType<typeof rateFields<ReturnType<typeof usd>>>>>;

const tiersInput = z
  .array(z.strictObject({ ...tierField, ...rateFields(usd()) }))
  .max(10)
  .optional();
const tieredInput = z.strictObject({ ...rateFields(usd()), tiers: tiersInput });
type WrittenTiered = z.infer<typeof tieredInput>;

/** A price or cost in a request. Zero is a price; an absent class takes its parent's rate; a context tier and a service tier
 *  state what differs. */
export const ratesInput = tieredInput
  .extend({ serviceTiers: z.partialRecord(z.enum(SERVICE_TIERS), tieredInput).optional() })
  .refine(hasRate, "must hold at least one rate")
  .refine(({ tiers = [] }) => new Set(tiers.map((tier) => tier.aboveInputTokens)).size === tiers.length, {
    path: ["tiers"],
    message: "must not name the same aboveInputTokens twice",
  })
  .transform(({ serviceTiers, ...base }): StoredRates => ({ ...storeTiered(base), ...storeTiers(serviceTiers) }))
  .meta({ description: "USD per million tokens or characters, per image, second, request and tool call." });

const tieredOut = z.object({
  ...rateFields(usdOut),
  tiers: z.array(z.object({ ...tierField, ...rateFields(usdOut) })).optional(),
});

/** A price or cost in an answer. */
export const ratesOut = tieredOut.extend({ serviceTiers: z.record(z.string(), tieredOut).optional() });
export type WrittenRates = z.infer<typeof ratesOut>;

/** Stored rates as people write them. */
export function formatRates(stored: StoredRates): WrittenRates {
  return mapRates(stored, (rate, scale) => formatUsd(rate / scale));
}

/** Cost × (1 + margin), each rate rounded up to what can be written with 9 decimals.
 *  @param marginPercent decimal text with at most 4 decimals, above -100. */
export function withMargin(cost: StoredRates, marginPercent: string): StoredRates {
  const factor = 1_000_000n + parseMargin(marginPercent);
  const raise = (rate: Nano, scale: bigint) => {
    const divisor = 1_000_000n * scale;
    return (((rate * factor + divisor - 1n) / divisor) * scale).toString();
  };
  return mapRates(cost, raise);
}

/** "25.5" -> 255000n: hundredths of a basis point. */
function parseMargin(marginPercent: string): bigint {
  const match = /^(-?)(\d{1,6})(?:\.(\d{1,4}))?$/.exec(marginPercent);
  if (!match) throw new RangeError(`"${marginPercent}" is not a percentage with at most 4 decimals`);
  const [, sign, whole = "0", fraction = ""] = match;
  const value = BigInt(whole + fraction.padEnd(4, "0"));
  return sign ? -value : value;
}

function storeTiers(sets: Partial<Record<string, WrittenTiered>> | undefined): Pick<StoredRates, "serviceTiers"> {
  const named = Object.entries(sets ?? {}).flatMap(([name, set]) => (set ? [[name, storeTiered(set)] as const] : []));
  return named.length > 0 ? { serviceTiers: Object.fromEntries(named) } : {};
}

function storeTiered({ tiers, ...base }: WrittenTiered): StoredTiered {
  return {
    ...store(base),
    ...(tiers?.length && {
      tiers: tiers.map(({ aboveInputTokens, ...set }) => ({ aboveInputTokens, ...store(set) })),
    }),
  };
}

function store(set: WrittenRateSet): StoredRateSet {
  const stored: StoredRateSet = {};
  for (const name of RATE_NAMES) {
    const amountNano = set[name];
    if (amountNano !== undefined) stored[name] = (amountNano * SCALE[name]).toString();
  }
  for (const name of NAMED) {
    const amounts = set[name];
    if (amounts) stored[name] = mapValues(amounts, (amountNano) => (amountNano * SCALE[name]).toString());
  }
  return stored;
}

type MapRate = (rate: Nano, scale: bigint) => string;

function mapRates({ serviceTiers, ...rates }: StoredRates, map: MapRate): StoredRates {
  return {
    ...mapTiered(rates, map),
    ...(serviceTiers && { serviceTiers: mapValues(serviceTiers, (set) => mapTiered(set, map)) }),
  };
}

function mapTiered({ tiers, ...base }: StoredTiered, map: MapRate): StoredTiered {
  return {
    ...mapSet(base, map),
    ...(tiers && { tiers: tiers.map(({ aboveInputTokens, ...set }) => ({ aboveInputTokens, ...mapSet(set, map) })) }),
  };
}

function mapSet(set: StoredRateSet, map: MapRate): StoredRateSet {
  const mapped: StoredRateSet = {};
  for (const name of RATE_NAMES) {
    const rate = set[name];
    if (rate !== undefined) mapped[name] = map(BigInt(rate), SCALE[name]);
  }
  for (const name of NAMED) {
    const rates = set[name];
    if (rates) mapped[name] = mapValues(rates, (rate) => map(BigInt(rate), SCALE[name]));
  }
  return mapped;
}

function mapValues<From, To>(values: Record<string, From>, map: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, map(value)]));
}

function hasRate({ tiers: _tiers, serviceTiers: _services, ...base }: Partial<Record<string, unknown>>): boolean {
  return Object.values(base).some((value) => value !== undefined);
}
