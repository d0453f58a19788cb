import { formatUsd, type Nano } from "@/lib/money";

/** JSON whose numbers are kept as they are written: a price that became a float once is no longer the price. */

/** A number of JSON as its own digits, such as `2.5e-07`. */
export class Decimal {
  constructor(readonly text: string) {}
}

const POLLUTING = new Set(["__proto__", "constructor", "prototype"]);
type Reviver = (key: string, value: unknown, context: { source?: string }) => unknown;

/** Numbers come as `Decimal`. Throws SyntaxError. */
export function parseExactJson(text: string): unknown {
  const revive: Reviver = (key, value, { source }) => {
    if (POLLUTING.has(key)) return undefined;
    return typeof value === "number" ? new Decimal(source ?? String(value)) : value;
  };
  // safe because V8 gives the source text of primitives as a third argument, of which the library types know nothing yet
  return JSON.parse(text, revive as (key: string, value: unknown) => unknown);
}

const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d{1,3}))?$/i;
const NANO_DIGITS = 9;

/** USD × 10^shift as decimal text with at most 9 decimals: what lies beyond is what floats of others left behind, and is
 *  rounded to the nearest. Null for what is no amount, is negative, or would be rounded to nothing. */
export function scaledUsd(value: unknown, shift = 0): string | null {
  const match = NUMBER.exec(value instanceof Decimal ? value.text : typeof value === "string" ? value.trim() : "");
  if (!match || match[1]) return null;
  const [, , whole = "", fraction = "", exponent = "0"] = match;
  const digits = BigInt(whole + fraction);
  const places = NANO_DIGITS + shift + Number(exponent) - fraction.length;
  if (places > 60) return null;
  const nano: Nano = places >= 0 ? digits * 10n ** BigInt(places) : divideRounded(digits, 10n ** BigInt(-places));
  return nano === 0n && digits !== 0n ? null : formatUsd(nano);
}

/** A count of tokens; null for anything but a whole number above zero. */
export function wholeNumber(value: unknown): number | null {
  const amount = scaledUsd(value);
  const count = amount === null ? Number.NaN : Number(amount);
  return Number.isSafeInteger(count) && count > 0 ? count : null;
}

function divideRounded(value: bigint, divisor: bigint): bigint {
  return (value * 2n + divisor) / (divisor * 2n);
}
