"use client";

import { CartesianGrid, LineChart as Drawing, Line, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";
import { ChartFrame, ChartLedger, type ChartProps, indexOf } from "@/components/charts/frame";
import { colourOf } from "@/components/charts/palette";

type Drawn = Readonly<Record<string, number>>;

/** A line needs two ends: a value between two gaps would not be seen without a mark. */
function isAlone(rows: readonly Drawn[], id: string, at: number): boolean {
  return [rows[at]?.[id] !== undefined, rows[at - 1]?.[id] === undefined, rows[at + 1]?.[id] === undefined].every(
    Boolean,
  );
}

/** Rates and percentiles: straight lines without dots; a gap where there is no value. */
export function LineChart(props: ChartProps) {
  const { series, points, format, formatAxis } = props;
  const rows: Drawn[] = points.map(({ values }, index) => ({ index, ...values }));
  return (
    <ChartFrame {...props} shape="line">
      <ResponsiveContainer width="100%" height="100%" initialDimension={{ width: 640, height: 220 }}>
        <Drawing data={rows} margin={{ top: 4, right: 28, bottom: 0, left: 0 }} accessibilityLayer={false}>
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
            domain={[0, "auto"]}
          />
          <Tooltip
            isAnimationActive={false}
            cursor={{ stroke: "var(--control-line)" }}
            content={({ active, label }) =>
              active ? <ChartLedger at={indexOf(label)} series={series} points={points} format={format} /> : null
            }
          />
          {series.map(({ id }, index) => (
            <Line
              key={id}
              dataKey={id}
              stroke={colourOf(series, index)}
              strokeWidth={1.5}
              dot={({ index: at, cx, cy, key }) =>
                isAlone(rows, id, at) ? (
                  <circle key={key} cx={cx} cy={cy} r={2} fill={colourOf(series, index)} />
                ) : (
                  <g key={key} />
                )
              }
              activeDot={false}
              isAnimationActive={false}
            />
          ))}
        </Drawing>
      </ResponsiveContainer>
    </ChartFrame>
  );
}
