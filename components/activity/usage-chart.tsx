"use client";

import { useFormatter, useLocale, useTranslations } from "next-intl";
import { BarChart } from "@/components/charts/bar-chart";
import { MAX_SERIES, type Series } from "@/components/charts/palette";
import { useMoment } from "@/components/ui/use-moment";
import { formatMoney } from "@/lib/format-money";
import { parseUsd } from "@/lib/money";

export type Metric = "spend" | "calls" | "tokens" | "errors";
/** One sum: the step it falls into, the group it belongs to. */
export type UsageCell = {
  step: string;
  group: string;
  priceUsd: string;
  calls: number;
  tokens: number;
  errors?: number;
};

type UsageChartProps = {
  metric: Metric;
  /** `2026-01-31` or `2026-01-31T15:00:00Z`, without a gap. */
  steps: readonly string[];
  /** Largest first; colours follow this order. */
  groups: readonly { id: string; label: string }[];
  cells: readonly UsageCell[];
};

const OTHER = "other";

export function UsageChart({ metric, steps, groups, cells }: UsageChartProps) {
  const t = useTranslations("activity");
  const locale = useLocale();
  const format = useFormatter();
  const stepLabel = useStepLabel();
  const own = groups.length > MAX_SERIES ? groups.slice(0, MAX_SERIES - 1) : groups;
  const named = new Set(own.map(({ id }) => id));
  const series: Series[] = [
    ...own,
    ...(own.length < groups.length ? [{ id: OTHER, label: t("others"), muted: true }] : []),
  ];
  // exact sums for the ledger; the drawing takes a float
  const sums = new Map<string, bigint>();
  for (const cell of cells) {
    const id = `${cell.step} ${named.has(cell.group) ? cell.group : OTHER}`;
    sums.set(id, (sums.get(id) ?? 0n) + amountOf(cell, metric));
  }
  const points = steps.map((step) => ({
    label: stepLabel(step),
    values: Object.fromEntries(series.map(({ id }) => [id, drawn(sums.get(`${step} ${id}`) ?? 0n, metric)])),
  }));
  return (
    <BarChart
      label={t("chart", { metric: t(`metrics.${metric}`) })}
      series={series}
      points={points}
      format={(_, at) => {
        const amount = sums.get(`${steps[at.point]} ${at.series}`) ?? 0n;
        return metric === "spend" ? formatMoney(amount, locale) : format.number(amount);
      }}
      formatAxis={(value) =>
        format.number(value, {
          notation: "compact",
          // three, or steps of 4.5 would seem uneven
          maximumSignificantDigits: 3,
          ...(metric === "spend" && { style: "currency", currency: "USD", currencyDisplay: "narrowSymbol" }),
        })
      }
    />
  );
}

/** The name of a step, which is a UTC hour or a day of the chosen zone. */
export function useStepLabel(): (step: string) => string {
  const format = useFormatter();
  const writeMoment = useMoment();
  return (step) =>
    step.includes("T")
      ? writeMoment(step, "hour")
      : format.dateTime(new Date(`${step}T00:00:00Z`), { month: "short", day: "numeric", timeZone: "UTC" });
}

function amountOf({ priceUsd, calls, tokens, errors = 0 }: UsageCell, metric: Metric): bigint {
  if (metric === "spend") return parseUsd(priceUsd);
  return BigInt({ calls, tokens, errors }[metric]);
}

function drawn(amount: bigint, metric: Metric): number {
  return metric === "spend" ? Number(amount) / 1e9 : Number(amount);
}
