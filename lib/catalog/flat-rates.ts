import type { StoredRates, WrittenRates } from "@/lib/catalog/rates";
import type { Nano } from "@/lib/money";

/** Rates as one list of figures, so that two of them can be compared: `input`, `tiers.200000.output`,
 *  `serviceTiers.flex.input`, `perToolCall.web_search`. */
export function flatRates(rates: StoredRates): Map<string, Nano> {
  return new Map([...flatTexts(rates)].map(([path, text]) => [path, BigInt(text)]));
}

/** The same for rates as they are written. */
export function flatTexts(rates: StoredRates | WrittenRates): Map<string, string> {
  const flat = new Map<string, string>();
  const put = (value: unknown, path: string) => {
    if (typeof value === "string") flat.set(path, value);
    else if (Array.isArray(value))
      // safe because tiers are the only list in rates
      for (const { aboveInputTokens, ...tier } of value as { aboveInputTokens: number }[])
        put(tier, join(path, String(aboveInputTokens)));
    else if (typeof value === "object" && value !== null)
      for (const [name, inner] of Object.entries(value)) put(inner, join(path, name));
  };
  put(rates, "");
  return flat;
}

/** Whether two rates are further apart than so many hundredths of a per cent of the first; of zero everything else is. */
export function isApart(from: Nano, to: Nano, limitBp: bigint): boolean {
  return apartOf(from, to) * 10_000n > limitBp * from;
}

/** By how much the second is above the first, such as "-12.5", in per cent of the first; null of zero. */
export function changePercent(from: Nano, to: Nano): string | null {
  if (from === 0n) return null;
  const tenths = (apartOf(from, to) * 2_000n + from) / (from * 2n);
  return `${to < from ? "-" : "+"}${tenths / 10n}.${tenths % 10n}`;
}

function apartOf(one: Nano, other: Nano): Nano {
  return one > other ? one - other : other - one;
}

/** Figures that both state and on which they are more than 2 % of the lower one apart. */
export function disputes(one: StoredRates, other: StoredRates): string[] {
  const others = flatRates(other);
  return [...flatRates(one)].flatMap(([path, rate]) => {
    const stated = others.get(path);
    return stated !== undefined && isDisputed(rate, stated) ? [path] : [];
  });
}

const DISPUTE_BP = 200n;

function isDisputed(one: Nano, other: Nano): boolean {
  return one < other ? isApart(one, other, DISPUTE_BP) : isApart(other, one, DISPUTE_BP);
}

function join(path: string, name: string): string {
  return path ? `${path}.${name}` : name;
}
