import type { Nano } from "@/lib/money";

/** Whole days until `availableNano` is gone at the mean daily spend of some full days; null where nothing was spent, since
 *  then it lasts for ever. */
export function daysLeft(availableNano: Nano, spentNano: Nano, days: number): number | null {
  if (spentNano <= 0n) return null;
  if (availableNano <= 0n) return 0;
  return Number((availableNano * BigInt(days)) / spentNano);
}
