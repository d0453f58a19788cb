import { useFormatter, useTranslations } from "next-intl";
import type { StatusDay } from "@/lib/health/queries";
import { cn } from "@/lib/utils";

type Level = "none" | "good" | "fair" | "poor";

const GOOD_SHARE = 0.995;
const FAIR_SHARE = 0.95;
const DAY_MS = 24 * 60 * 60_000;

/** Height says the same as colour. */
const LOOK: Record<Level, string> = {
  none: "h-1.5 bg-line-strong",
  good: "h-6 bg-positive",
  fair: "h-4.5 bg-warning",
  poor: "h-3 bg-danger",
};

/** One bar a day, oldest first; a day on which nobody asked is a grey stub. `until` is the last one's date. */
export function UptimeStrip({ days, until }: { days: readonly (StatusDay | null)[]; until: string }) {
  const t = useTranslations("status");
  const format = useFormatter();
  const uptime = uptimeOf(days);
  const known = days.filter((day) => day !== null).length;
  const label = uptime === null ? t("stripEmpty") : t("strip", { uptime: format.number(uptime, PERCENT), days: known });
  const dateOf = (index: number) => new Date(Date.parse(until) - (days.length - 1 - index) * DAY_MS);
  const describe = (day: StatusDay | null, index: number) => {
    const date = format.dateTime(dateOf(index), { dateStyle: "medium", timeZone: "UTC" });
    if (!day) return t("dayEmpty", { date });
    return t("day", { date, uptime: format.number(shareOf(day), PERCENT), calls: day.ok + day.failed });
  };
  return (
    <div role="img" aria-label={label} className="flex h-6 min-w-0 items-end gap-px sm:gap-0.5">
      {days.map((day, index) => (
        <span
          key={dateOf(index).getTime()}
          title={describe(day, index)}
          className={cn("min-w-px flex-1", LOOK[levelOf(day)])}
        />
      ))}
    </div>
  );
}

export const PERCENT = { style: "percent", maximumFractionDigits: 2 } as const;

/** Rounded down, so that nothing with a failure is 100 %; null without data. */
export function uptimeOf(days: readonly (StatusDay | null)[]): number | null {
  const sum = { ok: 0, failed: 0 };
  for (const day of days) {
    sum.ok += day?.ok ?? 0;
    sum.failed += day?.failed ?? 0;
  }
  return sum.ok + sum.failed > 0 ? shareOf(sum) : null;
}

function shareOf({ ok, failed }: StatusDay): number {
  return Math.floor((ok / Math.max(1, ok + failed)) * 10_000) / 10_000;
}

function levelOf(day: StatusDay | null): Level {
  if (!day) return "none";
  const share = shareOf(day);
  return share >= GOOD_SHARE ? "good" : share >= FAIR_SHARE ? "fair" : "poor";
}
