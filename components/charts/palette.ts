/** At most this many series have a colour of their own; the rest is "Other". */
export const MAX_SERIES = 8;

export type Series = {
  id: string;
  label: string;
  /** Grey: the previous period, or what has been summed up as "Other". */
  muted?: boolean;
};

/** One moment or group: its name, and a value for each series. Exact amounts are shown through `format`, so a value here
 *  only has to be good enough to draw. */
export type Point = { label: string; values: Readonly<Record<string, number>> };

/** A colour belongs to an entity for the whole page: pass the series in the same order to every chart. */
export function colourOf(series: readonly Series[], index: number): string {
  const coloured = series.slice(0, index + 1).filter(({ muted }) => !muted).length;
  return series[index]?.muted || coloured > MAX_SERIES ? "var(--chart-other)" : `var(--chart-${coloured})`;
}
