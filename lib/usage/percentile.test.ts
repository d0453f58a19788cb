import { expect, test } from "vitest";
import { percentileMs } from "@/lib/usage/percentile";

const BOUNDS = [10, 100, 1_000];

test.each<[string, bigint[], number, number | null]>([
  ["nothing is no number", [0n, 0n, 0n, 0n], 0.5, null],
  ["the middle of one bucket", [0n, 4n, 0n, 0n], 0.5, 55],
  ["the first bucket begins at zero", [2n, 0n, 0n, 0n], 0.5, 5],
  ["the bucket where the share is reached", [90n, 0n, 10n, 0n], 0.95, 550],
  ["the last bucket has no end", [0n, 0n, 0n, 5n], 0.95, 1_000],
  ["all of it is the end of the last one counted", [1n, 1n, 0n, 0n], 1, 100],
])("%s", (_title, histogram, share, expected) => {
  expect(percentileMs(histogram, BOUNDS, share)).toBe(expected);
});

test("of unequal groups is that of all their calls, not the mean of theirs", () => {
  const [many, few] = [
    [1_000n, 0n, 0n, 0n],
    [0n, 0n, 10n, 0n],
  ] as const;
  const added = many.map((count, bucket) => count + (few[bucket] ?? 0n));
  const mean = ((percentileMs(many, BOUNDS, 0.95) ?? 0) + (percentileMs(few, BOUNDS, 0.95) ?? 0)) / 2;
  expect(percentileMs(added, BOUNDS, 0.95)).toBe(10);
  expect(mean).toBeGreaterThan(400);
});
