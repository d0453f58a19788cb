"use client";

import { BarChart } from "@/components/charts/bar-chart";
import { LineChart } from "@/components/charts/line-chart";
import { POINTS, SERIES, WORDS } from "@/components/design/samples";

export function ChartSamples() {
  const chart = { label: WORDS.spend, points: POINTS, format: String, formatAxis: String };
  const muted = SERIES.map((series, index) => ({ ...series, muted: index === SERIES.length - 1 }));
  return (
    <div className="flex flex-col gap-8">
      <BarChart {...chart} series={SERIES} />
      <BarChart {...chart} series={SERIES.slice(0, 1)} heightPx={120} />
      <LineChart {...chart} series={muted} />
    </div>
  );
}
