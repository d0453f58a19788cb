import { expect, test } from "vitest";
import { readReport, withoutMoney } from "@/lib/usage/reported";

test("a report is what the attempt kept; older rows have none", () => {
  const reported = { prompt_tokens: 1 };
  expect(readReport({ input: 1, reported, anomalies: ["zero_output"] })).toEqual({
    reported,
    anomalies: ["zero_output"],
  });
  expect(readReport({ input: 1 })).toEqual({ reported: null, anomalies: [] });
  expect(readReport(null)).toEqual({ reported: null, anomalies: [] });
});

test("a tenant sees the counts and nothing of what the provider charges", () => {
  const report = {
    ...{ prompt_tokens: 14, cost: 0.0001, is_byok: false, cost_in_usd_ticks: 5 },
    cost_details: { upstream_inference_cost: 0.0001 },
    completion_tokens_details: { reasoning_tokens: 2, cost_usd: "1" },
  };
  expect(withoutMoney(report)).toEqual({ prompt_tokens: 14, completion_tokens_details: { reasoning_tokens: 2 } });
});
