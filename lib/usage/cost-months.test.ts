import { expect, test } from "vitest";
import { type CostLine, costMonths, mergeLines } from "@/lib/usage/cost-months";

test("months are those of the organisation's calendar and join without a gap", () => {
  // the first of December has begun in Tokyo, not in New York
  const now = new Date("2026-11-30T20:00:00Z");
  const [tokyo, before] = costMonths(now, "Asia/Tokyo");
  expect(tokyo).toEqual({
    id: "2026-12",
    from: new Date("2026-11-30T15:00:00Z"),
    to: new Date("2026-12-31T15:00:00Z"),
  });
  expect(before?.to).toEqual(tokyo.from);
  expect(costMonths(now, "America/New_York")[0]).toEqual({
    id: "2026-11",
    from: new Date("2026-11-01T04:00:00Z"),
    to: new Date("2026-12-01T05:00:00Z"),
  });
  expect(costMonths(now, "UTC").map(({ id }) => id)).toEqual([
    ...Array.from({ length: 11 }, (_, n) => `2026-${String(11 - n).padStart(2, "0")}`),
    ...["2025-12", "2025-11"],
  ]);
});

const line = (id: string, costUsd: string): CostLine => ({
  id,
  label: id,
  calls: 1,
  inputTokens: 2,
  outputTokens: 3,
  priceUsd: "0.1",
  costUsd,
});

test("lines of one name are added exactly, the costliest first", () => {
  expect(mergeLines([line("a", "0.1"), line("b", "0.25"), line("a", "0.2")])).toEqual([
    { ...line("a", "0.3"), calls: 2, inputTokens: 4, outputTokens: 6, priceUsd: "0.2" },
    line("b", "0.25"),
  ]);
});
