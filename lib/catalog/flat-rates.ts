import type { StoredRates } from "@/lib/catalog/rates";
import type { Nano } from "@/lib/money";

/** Rates as one list of figures, so that two of them can be compared: `input`, `tiers.200000.output`,
 *  `serviceTiers.flex.input`, `perToolCall.web_search`. */
export function flatRates(rates: StoredRates): Map<string, Nano> {
  const flat = new Map<string, Nano>();
  const put = (value: unknown, path: string) => {
    if (typeof value === "string") flat.set(path, BigInt(value));
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

/** How far apart two rates are, in hundredths of a per cent of the first; null where the first is zero and the second is not. */
export function distanceBp(from: Nano, to: Nano): bigint | null {
  if (from === to) return 0n;
  if (from === 0n) return null;
  const apart = to > from ? to - from : from - to;
  return (apart * 10_000n) / from;
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
  const [low, high] = one < other ? [one, other] : [other, one];
  const apart = distanceBp(low, high);
  return apart === null || apart > DISPUTE_BP;
}

function join(path: string, name: string): string {
  return path ? `${path}.${name}` : name;
}
