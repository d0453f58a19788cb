/** Money is a bigint of nano-USD (1e-9 USD). This file is the only place where it meets text or numbers. */
export type Nano = bigint;

const NANO_DIGITS = 9;
const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?$/;

/** "12.5" or 12.5 (USD) -> 12500000000n. At most nine decimals, no exponent, no NaN: anything else throws RangeError. */
export function parseUsd(value: string | number): Nano {
  const text = typeof value === "number" ? numberToDecimal(value) : value.trim();
  const match = DECIMAL.exec(text);
  if (!match) throw new RangeError(`"${text}" is not a decimal amount of USD such as "12.50"`);
  const [, sign, whole = "", fraction = ""] = match;
  if (fraction.length > NANO_DIGITS) throw new RangeError(`"${text}" has more than ${NANO_DIGITS} decimals`);
  const nano = BigInt(whole + fraction.padEnd(NANO_DIGITS, "0"));
  return sign ? -nano : nano;
}

/** 12500000000n -> "12.5": exact, trailing zeros dropped, never an exponent. */
export function formatUsd(nano: Nano): string {
  const digits = (nano < 0n ? -nano : nano).toString().padStart(NANO_DIGITS + 1, "0");
  const whole = digits.slice(0, -NANO_DIGITS);
  const fraction = digits.slice(-NANO_DIGITS).replace(/0+$/, "");
  return `${nano < 0n ? "-" : ""}${whole}${fraction ? `.${fraction}` : ""}`;
}

/** Database BIGINT (string from `pg`, bigint from Prisma, safe integer from JSON) -> Nano. */
export function toNano(value: string | number | bigint): Nano {
  if (typeof value === "number" && !Number.isSafeInteger(value)) throw new RangeError("not an exact integer");
  return BigInt(value);
}

/** How much of `wholeNano` is used, to a thousandth, for a bar: no amount is made from it. All of nothing is used. */
export function shareOf(partNano: Nano, wholeNano: Nano): number {
  return wholeNano === 0n ? 1 : Number((partNano * 1000n) / wholeNano) / 1000;
}

/** As a JSON number in USD, for fields whose wire contract demands a number (`usage.cost`). */
export function toUsdNumber(nano: Nano): number {
  return Number(formatUsd(nano));
}

/** JSON numbers in exponent form (1e-7) still have a plain decimal meaning. */
function numberToDecimal(value: number): string {
  if (!Number.isFinite(value)) throw new RangeError("not a finite number");
  const text = String(value);
  if (!text.includes("e")) return text;
  const fixed = value
    .toFixed(NANO_DIGITS + 3)
    .replace(/0+$/, "")
    .replace(/\.$/, "");
  if (Number(fixed) !== value) throw new RangeError(`"${text}" has more than ${NANO_DIGITS} decimals`);
  return fixed;
}
