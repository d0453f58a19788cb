import type { Nano } from "@/lib/money";

/** `part` of `whole` in percent with one decimal, half away from zero; null where the whole is 0. */
export function percentOf(part: Nano, whole: Nano): string | null {
  if (whole === 0n) return null;
  const sign = part !== 0n && part < 0n !== whole < 0n ? "-" : "";
  const tenths = ((abs(part) * 10_000n) / abs(whole) + 5n) / 10n;
  return `${tenths === 0n ? "" : sign}${tenths / 10n}.${tenths % 10n}`;
}

function abs(value: bigint): bigint {
  return value < 0n ? -value : value;
}
