import { expect, test } from "vitest";
import { makeModelValue, makeOfferValue, makeProviderValue, priced } from "@/e2e/support/gateway-values";
import { takesStarterCredit } from "@/lib/gateway/starter-models";
import { parseUsd } from "@/lib/money";

const bound = parseUsd("5");
const model = makeModelValue();
const cheap = priced({ input: "1", output: "5" });

test("the dearest rate decides, with its factor", () => {
  expect(takesStarterCredit(model, cheap, bound)).toBe(true);
  expect(takesStarterCredit(model, priced({ input: "1", output: "5.000001" }), bound)).toBe(false);
  expect(takesStarterCredit(model, priced({ input: "6", output: "1" }), bound)).toBe(false);
  expect(takesStarterCredit(model, { ...cheap, factorBp: 10_001 }, bound)).toBe(false);
});

test("so do context tiers, service tiers and images", () => {
  const withMore = (more: object) => ({ ...cheap, rates: { ...cheap.rates, ...more } });
  const dear = parseUsd("6");
  expect(takesStarterCredit(model, withMore({ tiers: [{ aboveInputTokens: 200_000, output: dear }] }), bound)).toBe(
    false,
  );
  expect(takesStarterCredit(model, withMore({ serviceTiers: { priority: { output: dear } } }), bound)).toBe(false);
  expect(takesStarterCredit(model, withMore({ perImageVariant: { "1024x1024": dear } }), bound)).toBe(false);
  expect(takesStarterCredit(model, withMore({ serviceTiers: { batch: { output: 1n } } }), bound)).toBe(true);
  const searching = withMore({ perToolCall: { web_search: parseUsd("10000"), web_fetch: 0n } });
  expect(takesStarterCredit(model, searching, bound)).toBe(true);
  expect(takesStarterCredit(model, searching, bound, ["web_fetch"])).toBe(true);
  expect(takesStarterCredit(model, searching, bound, ["web_search"])).toBe(false);
});

test("the sandbox is open to it whatever it costs, an unpriced model is not", () => {
  const sandbox = makeModelValue({ offers: [makeOfferValue({ provider: makeProviderValue({ kind: "sandbox" }) })] });
  expect(takesStarterCredit(sandbox, priced({ output: "100" }), bound)).toBe(true);
  expect(takesStarterCredit(model, null, bound)).toBe(false);
  expect(takesStarterCredit(makeModelValue({ offers: [] }), priced({ output: "100" }), bound)).toBe(false);
});
