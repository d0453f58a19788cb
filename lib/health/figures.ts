import { percentileMs } from "@/lib/usage/percentile";

/** Sums of some routes over some time, as the database adds them. */
export type RouteSums = {
  ok: number;
  failed: number;
  limited: number;
  refused: number;
  neutral: number;
  outputTokens: number;
  generationMs: number;
  latency: readonly number[];
  firstToken: readonly number[];
};

export type Figures = {
  attempts: number;
  /** Of the attempts that say something about the route; null where there are none. */
  successShare: number | null;
  limited: number;
  p50Ms: number | null;
  p95Ms: number | null;
  firstTokenP50Ms: number | null;
  firstTokenP95Ms: number | null;
  /** While streams ran. */
  tokensPerSecond: number | null;
};

/** Figures of several routes together: histograms are added, percentiles never are. */
export function figuresOf(rows: readonly RouteSums[], bounds: readonly number[]): Figures {
  const sum = (pick: (row: RouteSums) => number) => rows.reduce((total, row) => total + pick(row), 0);
  const histogram = (pick: (row: RouteSums) => readonly number[]) =>
    Array.from({ length: bounds.length + 1 }, (_, bucket) => BigInt(sum((row) => pick(row)[bucket] ?? 0)));
  const ok = sum((row) => row.ok);
  const limited = sum((row) => row.limited);
  const telling = ok + limited + sum(({ failed, refused }) => failed + refused);
  const generationMs = sum((row) => row.generationMs);
  const latency = histogram((row) => row.latency);
  const firstToken = histogram((row) => row.firstToken);
  return {
    attempts: telling + sum((row) => row.neutral),
    successShare: telling > 0 ? ok / telling : null,
    limited,
    p50Ms: percentileMs(latency, bounds, 0.5),
    p95Ms: percentileMs(latency, bounds, 0.95),
    firstTokenP50Ms: percentileMs(firstToken, bounds, 0.5),
    firstTokenP95Ms: percentileMs(firstToken, bounds, 0.95),
    tokensPerSecond: generationMs > 0 ? (sum((row) => row.outputTokens) * 1000) / generationMs : null,
  };
}
