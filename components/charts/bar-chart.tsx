"use client";

import { Bar, CartesianGrid, BarChart as Drawing, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";
import { ChartFrame, ChartLedger, type ChartProps, indexOf } from "@/components/charts/frame";
import { colourOf } from "@/components/charts/palette";

/** Sums: bars from zero, several series on top of each other. */
export function BarChart(props: ChartProps) {
  const { series, points, format, formatAxis } = props;
  // without anything to draw, an axis of invented amounts says nothing
  const isFlat = points.every(({ values }) => series.every(({ id }) => !values[id]));
  const rows = points.map(({ values }, index) => ({ index, ...values }));
  return (
    <ChartFrame {...props} shape="square">
      <ResponsiveContainer width="100%" height="100%" initialDimension={{ width: 640, height: 220 }}>
        <Drawing
          data={rows}
          // the last label may be wider than its bar
          margin={{ top: 4, right: 16, bottom: 0, left: 0 }}
          barCategoryGap="18%"
          accessibilityLayer={false}
        >
          <CartesianGrid vertical={false} stroke="var(--line)" />
          <XAxis
            dataKey="index"
            tickFormatter={(index: number) => points[index]?.label ?? ""}
            tick={{ fill: "var(--ink-2)" }}
            axisLine={{ stroke: "var(--line-strong)" }}
            tickLine={false}
            minTickGap={24}
          />
          <YAxis
            tickFormatter={formatAxis}
            tick={{ fill: "var(--ink-2)" }}
            axisLine={false}
            tickLine={false}
            width="auto"
            tickCount={4}
            {...(isFlat && { domain: [0, 1], ticks: [0] })}
          />
          <Tooltip
            isAnimationActive={false}
            cursor={{ fill: "var(--ink)", fillOpacity: 0.05 }}
            content={({ active, label }) =>
              active ? <ChartLedger at={indexOf(label)} series={series} points={points} format={format} /> : null
            }
          />
          {series.map(({ id }, index) => (
            <Bar
              key={id}
              dataKey={id}
              stackId="sum"
              fill={colourOf(series, index)}
              isAnimationActive={false}
              maxBarSize={40}
            />
          ))}
        </Drawing>
      </ResponsiveContainer>
    </ChartFrame>
  );
}
