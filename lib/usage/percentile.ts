/** The value below which `share` of what a histogram counts lies, in milliseconds; null for an empty one. Bucket n ends at
 *  `bounds[n]`; the last has no end, so its beginning stands for it. Inside a bucket values are taken as evenly spread.
 *  Percentiles of several groups come from their added histograms, never from their percentiles. */
export function percentileMs(histogram: readonly bigint[], bounds: readonly number[], share: number): number | null {
  const counts = histogram.map(Number);
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total <= 0) return null;
  const wanted = share * total;
  let below = 0;
  for (const [bucket, count] of counts.entries()) {
    if (count > 0 && below + count >= wanted) {
      const from = bounds[bucket - 1] ?? 0;
      const to = bounds[bucket] ?? from;
      return Math.round(from + (to - from) * Math.max(0, (wanted - below) / count));
    }
    below += count;
  }
  return bounds.at(-1) ?? null;
}
