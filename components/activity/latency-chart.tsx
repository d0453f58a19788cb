"use client";

import { useFormatter, useTranslations } from "next-intl";
import { useStepLabel } from "@/components/activity/usage-chart";
import { LineChart } from "@/components/charts/line-chart";
import type { Series } from "@/components/charts/palette";

export type LatencyPoint = { step: string; p50Ms: number | null; p95Ms: number | null; firstTokenP50Ms: number | null };

/** Percentiles over time, from added histograms; a gap where nothing was called. */
export function LatencyChart({ points }: { points: readonly LatencyPoint[] }) {
  const t = useTranslations("activity");
  const format = useFormatter();
  const stepLabel = useStepLabel();
  const series: Series[] = [
    { id: "p95Ms", label: t("p95") },
    { id: "p50Ms", label: t("p50") },
    { id: "firstTokenP50Ms", label: t("firstToken50") },
  ];
  return (
    <LineChart
      label={t("chart", { metric: t("metrics.latency") })}
      series={series}
      points={points.map(({ step, ...values }) => ({
        label: stepLabel(step),
        values: Object.fromEntries(
          Object.entries(values).flatMap(([id, value]) => (value === null ? [] : [[id, value]])),
        ),
      }))}
      format={(value, { point, series: id }) => {
        const known = points[point]?.[id as keyof Omit<LatencyPoint, "step">];
        return known === null || known === undefined ? "—" : t("msValue", { value: format.number(value) });
      }}
      formatAxis={(value) => t("msValue", { value: format.number(value) })}
    />
  );
}
