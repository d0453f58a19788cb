import { describe, expect, test } from "vitest";
import type { z } from "zod";
import type { ModelFigures } from "@/lib/catalog/figures";
import { ratesInput, type StoredRates } from "@/lib/catalog/rates";
import { compareCatalogue, type ServedOffer } from "@/lib/catalog/sync-diff";

type Written = z.input<typeof ratesInput>;
const PROVIDER = { slug: "oa", kind: "openai" };
const stored = (rates: Written): StoredRates => ratesInput.parse(rates);
const offer = (cost: Written | null, more: Partial<ServedOffer> = {}): ServedOffer => ({
  ...{ id: "off_1", provider: "oa", kind: "openai", upstreamModel: "m", model: "openai/m", isEnabled: true },
  ...{ isCustom: false, fixedPrice: null },
  cost: cost === null ? null : stored(cost),
  ...more,
});
const figures = (cost: Written | null, more: Partial<ModelFigures> = {}): ModelFigures => ({
  ...{ kind: "openai", id: "m", name: null, type: "chat", contextWindow: null, maxOutputTokens: null },
  ...{ input: ["text"], output: ["text"], capabilities: [], released: null, isRetired: false },
  cost: cost === null ? null : stored(cost),
  ...more,
});
const source = (name: string, ...models: ModelFigures[]) => ({ name, models });
const compare = (offers: ServedOffer[], ...sources: ReturnType<typeof source>[]) =>
  compareCatalogue({ offers, providers: [PROVIDER] }, sources, (provider, id) => `${provider.kind}/${id}`);
const one = (...all: Parameters<typeof compare>) => {
  const rows = compare(...all);
  expect(rows).toHaveLength(1);
  return rows[0] as NonNullable<(typeof rows)[0]>;
};

test("what is the same is not mentioned, however it is written", () => {
  expect(compare([offer({ input: "1.0", output: 2 })], source("a", figures({ output: "2.00", input: "1" })))).toEqual(
    [],
  );
});

test("a change is told rate by rate, ticked, and nothing of it is a float", () => {
  const row = one(
    [offer({ input: "0.1", output: "0.2", tiers: [{ aboveInputTokens: 200_000, input: "0.2" }] })],
    source("a", figures({ input: "0.12", output: "0.2", tiers: [{ aboveInputTokens: 200_000, input: "0.3" }] })),
  );
  expect(row).toMatchObject({ group: "changed", effect: "cost", isPreselected: true, reasons: [], source: "a" });
  expect(row.changes).toEqual([
    { rate: "input", before: "0.1", after: "0.12", changePercent: "+20.0" },
    { rate: "tiers.200000.input", before: "0.2", after: "0.3", changePercent: "+50.0" },
  ]);
});

test("a first cost of an offer is a change from nothing, not from zero", () => {
  const row = one([offer(null)], source("a", figures({ input: "1" })));
  expect(row).toMatchObject({ group: "changed", before: null, after: { input: "1" }, isPreselected: true });
  expect(row.changes).toEqual([{ rate: "input", before: null, after: "1", changePercent: null }]);
});

describe("suspicious, and never ticked", () => {
  test.each([
    ["a rise of more than half", { input: "1" }, { input: "1.500000001" }, "jump"],
    ["a fall of more than half", { input: "1" }, { input: "0.49" }, "jump"],
    ["a price where it was free", { input: "0" }, { input: "0.01" }, "jump"],
    ["a zero where there was a price", { input: "1", output: "2" }, { input: "1", output: "0" }, "zero"],
    ["a class that is missing beside a change", { input: "1", cacheRead: "0.1" }, { input: "1.1" }, "missing"],
  ])("%s", (_, before, after, reason) => {
    const row = one([offer(before)], source("a", figures(after)));
    expect(row).toMatchObject({ group: "suspicious", effect: "cost", isPreselected: false, reasons: [{ reason }] });
  });

  test("a jump of exactly half is an ordinary change", () => {
    expect(one([offer({ input: "1" })], source("a", figures({ input: "1.5" }))).group).toBe("changed");
  });

  test("a class that is missing keeps its figure; alone it changes nothing", () => {
    const rates = { input: "1", cacheRead: "0.1" };
    const beside = one([offer(rates)], source("a", figures({ input: "1.1" })));
    expect(beside.after).toEqual({ input: "1.1", cacheRead: "0.1" });
    const alone = one([offer(rates)], source("a", figures({ input: "1" })));
    expect(alone).toMatchObject({ group: "suspicious", effect: "none", changes: [] });
    expect(alone.reasons).toEqual([{ reason: "missing", rates: ["cacheRead"] }]);
  });

  test("two sources more than 2 % apart; up to that the first one speaks", () => {
    const offers = [offer({ input: "1" })];
    const apart = one(offers, source("a", figures({ input: "1.1" })), source("b", figures({ input: "1.13" })));
    expect(apart).toMatchObject({ group: "suspicious", reasons: [{ reason: "disputed", rates: ["input"] }] });
    const near = one(offers, source("a", figures({ input: "1.1" })), source("b", figures({ input: "1.12" })));
    expect(near).toMatchObject({ group: "changed", after: { input: "1.1" } });
  });

  test("a cost above a price that does not follow it", () => {
    const fixedPrice = stored({ input: "1.2", output: "2" });
    const row = one(
      [offer({ input: "1", output: "1" }, { fixedPrice })],
      source("a", figures({ input: "1.3", output: "1" })),
    );
    expect(row.reasons).toEqual([{ reason: "below_price", rates: ["input"] }]);
  });
});

test("what one source leaves open is taken from another that agrees with it", () => {
  const [a, b] = [figures({ input: "2" }), figures({ input: "2", cacheWrite1h: "4" }, { contextWindow: 9 })];
  expect(one([offer({ input: "1.5" })], source("a", a), source("b", b)).after).toEqual({
    input: "2",
    cacheWrite1h: "4",
  });
  const contradicting = figures({ input: "3", cacheWrite1h: "4" });
  expect(one([offer({ input: "1.5" })], source("a", a), source("b", contradicting)).after).toEqual({ input: "2" });
});

describe("removed", () => {
  test("is what a source that knows its provider does not list, or calls retired", () => {
    const other = figures({ input: "1" }, { id: "other" });
    const rows = compare([offer({ input: "1" })], source("a", other));
    expect(rows[0]).toMatchObject({ group: "removed", effect: "disable", isPreselected: false });
    const retired = one([offer({ input: "1" })], source("a", figures({ input: "1" }, { isRetired: true })));
    expect(retired.group).toBe("removed");
  });

  test("is nothing of a provider no source knows, and nothing that is switched off", () => {
    const google = figures({ input: "1" }, { kind: "google", id: "g" });
    expect(compare([offer({ input: "1" })], source("a", google))).toEqual([]);
    const other = figures({ input: "1" }, { id: "other", isRetired: true });
    expect(compare([offer({ input: "1" }, { isEnabled: false })], source("a", other))).toEqual([]);
  });
});

describe("new", () => {
  test("is what a connected provider could serve, once for each of them", () => {
    const rows = compareCatalogue(
      { offers: [offer({ input: "1" })], providers: [PROVIDER, { slug: "oa-2", kind: "openai" }] },
      [source("a", figures({ input: "1" }), figures({ input: "3" }, { id: "n" }))],
      (provider, id) => `${provider.kind}/${id}`,
    );
    expect(rows.map(({ key, group, effect, isPreselected }) => [key, group, effect, isPreselected])).toEqual([
      ["new:oa:n", "new", "add", false],
      ["new:oa-2:m", "new", "add", false],
      ["new:oa-2:n", "new", "add", false],
    ]);
    expect(rows[0]).toMatchObject({ model: "openai/n", after: { input: "3" }, before: null });
  });

  test("without a cost, with a zero, or disputed it is suspicious", () => {
    const reasons = (...sources: ReturnType<typeof source>[]) => {
      const row = one([], ...sources);
      expect(row).toMatchObject({ group: "suspicious", effect: "add", isPreselected: false });
      return row.reasons.map(({ reason }) => reason);
    };
    expect(reasons(source("a", figures(null)))).toEqual(["unpriced"]);
    expect(reasons(source("a", figures({ input: "0", output: "0" })))).toEqual(["zero"]);
    expect(reasons(source("a", figures({ input: "1" })), source("b", figures({ input: "2" })))).toEqual(["disputed"]);
  });
});
