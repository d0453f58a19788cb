import { describe, expect, it } from "vitest";
import { percentOf } from "@/lib/percent";
import { marginsOf } from "@/lib/usage/margins";

const SUMS = {
  calls: 3n,
  unpriced: 0n,
  paidNano: 6_000_000_000n,
  promoNano: 2_000_000_000n,
  costNano: 5_000_000_000n,
  wasteNano: 500_000_000n,
  promoCostNano: 1_250_000_000n,
};

describe("margins", () => {
  it("leave out what promotion paid and funded, and keep what nobody paid for", () => {
    expect(marginsOf(SUMS)).toMatchObject({ revenueUsd: "6", costUsd: "5", marginUsd: "2.25", marginPercent: "37.5" });
  });

  it("have a gap instead of a percentage where there is no revenue", () => {
    expect(marginsOf({ ...SUMS, paidNano: 0n })).toMatchObject({ marginUsd: "-3.75", marginPercent: null });
  });
});

describe("percentOf", () => {
  it.each([
    [1n, 3n, "33.3"],
    [2n, 3n, "66.7"],
    [-1n, 3n, "-33.3"],
    [-1n, 100_000n, "0.0"],
    [5n, 1n, "500.0"],
    [1n, 0n, null],
  ])("%s of %s is %s", (part, whole, percent) => expect(percentOf(part, whole)).toBe(percent));
});
