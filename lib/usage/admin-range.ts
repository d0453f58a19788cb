const DAY_MS = 24 * 60 * 60_000;

export const RANGES = ["today", "7d", "30d", "month"] as const;
export type RangeName = (typeof RANGES)[number];
export type Range = { name: RangeName; from: Date; to: Date };

/** A range of whole UTC days up to and including today, half-open; what is not known becomes 30 days. */
export function parseRange(value: string | string[] | undefined, now = Date.now()): Range {
  const name = RANGES.find((range) => range === value) ?? "30d";
  const today = Math.floor(now / DAY_MS) * DAY_MS;
  const monthBegan = new Date(today);
  monthBegan.setUTCDate(1);
  const from = { today, "7d": today - 6 * DAY_MS, "30d": today - 29 * DAY_MS, month: monthBegan.getTime() }[name];
  return { name, from: new Date(from), to: new Date(today + DAY_MS) };
}

/** Its UTC days as YYYY-MM-DD, the ones without usage too. */
export function daysOf({ from, to }: Pick<Range, "from" | "to">): string[] {
  const count = Math.round((to.getTime() - from.getTime()) / DAY_MS);
  return Array.from({ length: count }, (_, day) => new Date(from.getTime() + day * DAY_MS).toISOString().slice(0, 10));
}
