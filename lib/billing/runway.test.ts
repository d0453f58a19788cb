import { expect, test } from "vitest";
import { daysLeft } from "@/lib/billing/runway";

test.each<[bigint, bigint, number, number | null]>([
  [7_000n, 7_000n, 7, 7],
  [6_999n, 7_000n, 7, 6],
  [1n, 7_000n, 7, 0],
  [0n, 7_000n, 7, 0],
  [-5n, 7_000n, 7, 0],
  [7_000n, 0n, 7, null],
])("%d available after %d in %d days: %d days", (available, spent, days, expected) => {
  expect(daysLeft(available, spent, days)).toBe(expected);
});
