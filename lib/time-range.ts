export const RANGES = ["today", "24h", "7d", "30d", "month", "lastMonth"] as const;
export type RangeId = (typeof RANGES)[number];
export type Step = "hour" | "day";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const DAYS = { "7d": 7, "30d": 30 };

/** Half-open and in the given zone; `to` is absent where the range goes on. The days of a range are whole days, today's
 *  included; hours of today and of the last 24. */
export function rangeOf(id: RangeId, now: Date, timeZone: string): { from: Date; to?: Date; step: Step } {
  if (id === "24h")
    return { from: new Date(Math.floor(now.getTime() / HOUR_MS) * HOUR_MS - 23 * HOUR_MS), step: "hour" };
  if (id === "today") return { from: dayStart(now, timeZone), step: "hour" };
  if (id === "month") return { from: monthStart(now, timeZone), step: "day" };
  if (id === "lastMonth") {
    const to = monthStart(now, timeZone);
    return { from: monthStart(new Date(to.getTime() - DAY_MS), timeZone), to, step: "day" };
  }
  return { from: dayStart(new Date(now.getTime() - (DAYS[id] - 1) * DAY_MS), timeZone), step: "day" };
}

export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
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

/** The names that sums by day or hour carry, from `from` to the range's end or now without a gap: `2026-01-31` or
 *  `2026-01-31T15:00:00Z`. */
export function stepsOf(range: { from: Date; to?: Date; step: Step }, now: Date, timeZone: string): string[] {
  const { from, to, step } = range;
  const end = to ? new Date(to.getTime() - 1) : now;
  if (step === "hour") {
    const count = Math.floor((end.getTime() - from.getTime()) / HOUR_MS) + 1;
    return Array.from(
      { length: count },
      (_, n) => `${new Date(from.getTime() + n * HOUR_MS).toISOString().slice(0, 19)}Z`,
    );
  }
  const last = dayName(end, timeZone);
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
