export const RANGES = ["24h", "7d", "30d", "month"] as const;
export type RangeId = (typeof RANGES)[number];

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const DAYS = { "7d": 7, "30d": 30 };

/** Half-open and in the given zone. The days of a range are whole days, today's included; hours of the last 24. */
export function rangeOf(id: RangeId, now: Date, timeZone: string): { from: Date; step: "hour" | "day" } {
  if (id === "24h") {
    const hour = 60 * MINUTE_MS;
    return { from: new Date(Math.floor(now.getTime() / hour) * hour - 23 * hour), step: "hour" };
  }
  if (id === "month") return { from: monthStart(now, timeZone), step: "day" };
  return { from: dayStart(new Date(now.getTime() - (DAYS[id] - 1) * DAY_MS), timeZone), step: "day" };
}

/** Midnight of the first of this month in the zone. */
export function monthStart(now: Date, timeZone: string): Date {
  const [year = 0, month = 1] = localDate(now, timeZone);
  return midnight(year, month, 1, timeZone);
}

export function dayStart(now: Date, timeZone: string): Date {
  const [year = 0, month = 1, day = 1] = localDate(now, timeZone);
  return midnight(year, month, day, timeZone);
}

/** The names that sums by day or hour carry, from `from` to now without a gap: `2026-01-31` or `2026-01-31T15:00:00Z`. */
export function stepsOf({ from, step }: { from: Date; step: "hour" | "day" }, now: Date, timeZone: string): string[] {
  if (step === "hour") {
    const count = Math.floor((now.getTime() - from.getTime()) / (60 * MINUTE_MS)) + 1;
    return Array.from(
      { length: count },
      (_, n) => `${new Date(from.getTime() + n * 60 * MINUTE_MS).toISOString().slice(0, 19)}Z`,
    );
  }
  const last = dayName(now, timeZone);
  const names = [dayName(from, timeZone)];
  // in UTC a day has always 24 hours, so names are counted there
  for (let at = Date.parse(`${names[0]}T00:00:00Z`); names.at(-1) !== last && names.length < 400; ) {
    at += DAY_MS;
    names.push(new Date(at).toISOString().slice(0, 10));
  }
  return names;
}

function dayName(at: Date, timeZone: string): string {
  return localDate(at, timeZone)
    .map((part) => String(part).padStart(2, "0"))
    .join("-");
}

/** Year, month, day as the zone's calendar says. */
function localDate(at: Date, timeZone: string): number[] {
  return new Intl.DateTimeFormat("en-CA", { timeZone, year: "numeric", month: "2-digit", day: "2-digit" })
    .format(at)
    .split("-")
    .map(Number);
}

function midnight(year: number, month: number, day: number, timeZone: string): Date {
  const wanted = Date.UTC(year, month - 1, day);
  let guess = wanted - offsetMs(wanted, timeZone);
  // once more, as the offset may change between the two
  guess = wanted - offsetMs(guess, timeZone);
  return new Date(guess);
}

function offsetMs(at: number, timeZone: string): number {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  }).formatToParts(at);
  const part = (type: string) => Number(parts.find((one) => one.type === type)?.value);
  const local = Date.UTC(part("year"), part("month") - 1, part("day"), part("hour"), part("minute"), part("second"));
  return local - Math.floor(at / 1000) * 1000;
}
