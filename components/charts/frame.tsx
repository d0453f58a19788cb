"use client";

import type { ReactNode } from "react";
import { colourOf, type Point, type Series } from "@/components/charts/palette";

export type ChartProps = {
  /** Read to assistive technology instead of the drawing. */
  label: string;
  series: readonly Series[];
  points: readonly Point[];
  /** A value as text, for ledger and table. Where the exact amount is known, look it up by point and series. */
  format: (value: number, at: { point: number; series: string }) => string;
  /** A value on the axis; compact. */
  formatAxis: (value: number) => string;
  heightPx?: number;
};

/** Drawing, names of the series, and the same figures as a table for whoever does not see the drawing. */
export function ChartFrame(props: ChartProps & { children: ReactNode; shape: "square" | "line" }) {
  const { label, series, points, format, children, shape, heightPx = 220 } = props;
  return (
    <figure data-slot="chart" aria-label={label} className="min-w-0">
      {series.length > 1 && (
        <ul className="mb-3 flex flex-wrap gap-x-5 gap-y-1 text-sm text-ink-2">
          {series.map(({ id, label: name }, index) => (
            <li key={id} className="flex min-w-0 items-center gap-2">
              <span
                aria-hidden
                className={shape === "line" ? "h-0.5 w-3 shrink-0" : "size-2.5 shrink-0"}
                style={{ background: colourOf(series, index) }}
              />
              <span className="truncate">{name}</span>
            </li>
          ))}
        </ul>
      )}
      {/* a drawing that has not taken its width yet must not widen the page */}
      <div aria-hidden className="figures overflow-hidden text-xs" style={{ height: heightPx }}>
        {children}
      </div>
      {/* a table is as wide as its words, whatever its class says: the box around it is what is hidden */}
      <div className="sr-only">
        <table>
          <caption>{label}</caption>
          <thead>
            <tr>
              <td />
              {series.map(({ id, label: name }) => (
                <th key={id} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {points.map((point, index) => (
              <tr key={point.label}>
                <th scope="row">{point.label}</th>
                {series.map(({ id }) => (
                  <td key={id}>{format(point.values[id] ?? 0, { point: index, series: id })}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </figure>
  );
}

/** The exact values under the crosshair, set like a small ledger. */
export function ChartLedger({
  at,
  series,
  points,
  format,
}: Pick<ChartProps, "series" | "points" | "format"> & { at: number | undefined }) {
  const point = at === undefined ? undefined : points[at];
  if (!point) return null;
  const shown = series.filter(({ id }) => point.values[id] || series.length === 1);
  return (
    <div className="figures min-w-40 border border-line-strong bg-surface px-3 py-2 text-xs text-ink shadow-floating">
      <p className="mb-1 font-medium">{point.label}</p>
      <dl className="grid grid-cols-[1fr_auto] gap-x-6 gap-y-0.5">
        {shown.map(({ id, label }) => (
          <div key={id} className="contents">
            <dt className="flex min-w-0 items-center gap-2 text-ink-2">
              <span
                aria-hidden
                className="size-2 shrink-0"
                style={{
                  background: colourOf(
                    series,
                    series.findIndex((one) => one.id === id),
                  ),
                }}
              />
              <span className="truncate">{label}</span>
            </dt>
            <dd className="text-right">{format(point.values[id] ?? 0, { point: at ?? 0, series: id })}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}

/** Recharts puts the index of the hovered row here as text. */
export function indexOf(activeLabel: unknown): number | undefined {
  const index = Number(activeLabel);
  return Number.isInteger(index) ? index : undefined;
}
