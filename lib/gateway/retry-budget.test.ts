import { expect, test } from "vitest";
import { RetryBudget } from "@/lib/gateway/retry-budget";

test.each([
  [0, 3],
  [15, 3],
  [20, 4],
  [1_000, 200],
])("of %i calls in flight %i may retry; what is released may be taken again", (inFlight, allowed) => {
  const budget = new RetryBudget(() => inFlight);
  for (let taken = 0; taken < allowed; taken++) expect(budget.take()).toBe(true);
  expect(budget.take()).toBe(false);
  budget.release();
  expect(budget.take()).toBe(true);
  expect(budget.take()).toBe(false);
});
