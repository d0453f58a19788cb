import { formatUsd, parseUsd } from "@/lib/money";
import { monthStart } from "@/lib/time-range";

const MONTHS_SHOWN = 13;

/** A month of the organisation's calendar, half-open: `2026-11`, from midnight of its first day to that of the next. */
export type CostMonth = { id: string; from: Date; to: Date };

/** This month and the twelve before, newest first. */
export function costMonths(now: Date, timeZone: string): [CostMonth, ...CostMonth[]] {
  const [year = 0, month = 1] = new Intl.DateTimeFormat("en-CA", { timeZone, year: "numeric", month: "2-digit" })
    .format(now)
    .split("-")
    .map(Number);
  // the middle of a month lies in it whatever the zone
  const start = (back: number) => monthStart(new Date(Date.UTC(year, month - 1 - back, 15)), timeZone);
  const months = Array.from({ length: MONTHS_SHOWN }, (_, back) => ({
    id: new Date(Date.UTC(year, month - 1 - back, 15)).toISOString().slice(0, 7),
    from: start(back),
    to: start(back - 1),
  }));
  // safe because MONTHS_SHOWN is not 0
  return months as [CostMonth, ...CostMonth[]];
}

export type CostSum = {
  calls: number;
  inputTokens: number;
  outputTokens: number;
  priceUsd: string;
  costUsd: string;
};
export type CostLine = CostSum & { id: string; label: string };

/** Lines with the same id become one; exact sums, the costliest first. */
export function mergeLines(lines: readonly CostLine[]): CostLine[] {
  return [...Map.groupBy(lines, ({ id }) => id)]
    .map(([id, own]) => ({ ...sumLines(own), id, label: own[0]?.label ?? id }))
    .sort((a, b) => byAmount(b.costUsd, a.costUsd) || byAmount(b.priceUsd, a.priceUsd) || b.calls - a.calls);
}

export function sumLines(lines: readonly CostSum[]): CostSum {
  const count = (of: (line: CostSum) => number) => lines.reduce((sum, line) => sum + of(line), 0);
  const usd = (of: (line: CostSum) => string) => formatUsd(lines.reduce((sum, line) => sum + parseUsd(of(line)), 0n));
  return {
    calls: count(({ calls }) => calls),
    inputTokens: count(({ inputTokens }) => inputTokens),
    outputTokens: count(({ outputTokens }) => outputTokens),
    priceUsd: usd(({ priceUsd }) => priceUsd),
    costUsd: usd(({ costUsd }) => costUsd),
  };
}

function byAmount(a: string, b: string): number {
  const difference = parseUsd(a) - parseUsd(b);
  return difference === 0n ? 0 : difference > 0n ? 1 : -1;
}
