import "@/e2e/support/property";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileOrgPrice, type PriceVersionFacts } from "@/lib/catalog/org-prices";

const NOW = new Date("2026-11-21T12:00:00Z");
const day = (days: number) => new Date(NOW.getTime() + days * 86_400_000);

let ids = 0n;
function version(days: number, given: Partial<PriceVersionFacts> = {}): PriceVersionFacts {
  return { id: ++ids, effectiveFrom: day(days), rates: {}, factorBp: 10_000, kind: "authored", ...given };
}
const list = (days: number, input: string) => version(days, { rates: { input } });
const factor = (days: number, factorBp: number) => version(days, { factorBp });

describe("what is written out", () => {
  test("a factor over the list price, with the list version it was applied to", () => {
    const price = list(-5, "100");
    expect(compileOrgPrice({ list: [price], own: [factor(-1, 8_000)], defaults: [] }, NOW)).toEqual([
      { effectiveFrom: null, rates: { input: "100" }, factorBp: 8_000, listVersionId: price.id },
    ]);
  });

  test("the agreement for the model before the default, the default before the list price", () => {
    const sources = { list: [list(-5, "100")], defaults: [factor(-2, 9_000)] };
    expect(compileOrgPrice({ ...sources, own: [] }, NOW)).toMatchObject([{ factorBp: 9_000 }]);
    expect(compileOrgPrice({ ...sources, own: [factor(-1, 8_000)] }, NOW)).toMatchObject([{ factorBp: 8_000 }]);
    const full = version(-1, { rates: { input: "7" } });
    expect(compileOrgPrice({ ...sources, own: [full] }, NOW)).toEqual([]);
    const cleared = version(0, { kind: "cleared" });
    expect(compileOrgPrice({ ...sources, own: [full, cleared] }, NOW)).toMatchObject([
      { rates: { input: "100" }, factorBp: 9_000 },
    ]);
    expect(compileOrgPrice({ list: sources.list, own: [], defaults: [] }, NOW)).toEqual([]);
  });

  test("at every later moment at which a source changes", () => {
    const own = [factor(-1, 8_000), factor(4, 5_000), version(6, { kind: "cleared" })];
    const compiled = compileOrgPrice({ list: [list(-5, "100"), list(2, "200")], own, defaults: [] }, NOW);
    expect(compiled.map(({ effectiveFrom, rates, factorBp }) => [effectiveFrom, rates.input, factorBp])).toEqual([
      [null, "100", 8_000],
      [day(2), "200", 8_000],
      [day(4), "200", 5_000],
    ]);
  });

  test("no price where there is no list price to take a part of", () => {
    expect(compileOrgPrice({ list: [], own: [factor(-1, 8_000)], defaults: [] }, NOW)).toEqual([]);
  });
});

const days = fc.integer({ min: -5, max: 5 });
const lists = fc.array(
  fc.tuple(days, fc.constantFrom("1", "2")).map(([at, input]) => list(at, input)),
  { maxLength: 4 },
);
const factors = fc.array(
  fc
    .tuple(days, fc.constantFrom(0, 5_000, 10_000), fc.boolean())
    .map(([at, factorBp, isCleared]) => (isCleared ? version(at, { kind: "cleared" }) : factor(at, factorBp))),
  { maxLength: 4 },
);

test("compiling what was compiled adds nothing, and every moment has the price agreed for it", () => {
  fc.assert(
    fc.property(lists, factors, factors, (listed, own, defaults) => {
      const compiled = compileOrgPrice({ list: listed, own, defaults }, NOW);
      const appended = compiled.map(
        ({ effectiveFrom, rates, factorBp }): PriceVersionFacts => ({
          ...{ id: ++ids, effectiveFrom: effectiveFrom ?? NOW, rates, factorBp, kind: "compiled" },
        }),
      );
      expect(compileOrgPrice({ list: listed, own: [...own, ...appended], defaults }, NOW)).toEqual([]);
      for (let at = 0; at <= 5; at++) {
        const expected = agreed({ listed, own, defaults }, day(at));
        const current = latest([...own, ...appended], day(at));
        const isList = !current || Object.keys(current.rates).length === 0;
        expect(isList ? null : [current.rates.input, current.factorBp]).toEqual(expected);
      }
    }),
  );
});

/** The rule in words, once more: own factor, else default factor, over the list price; null for the list price itself. */
function agreed(
  { listed, own, defaults }: Record<"listed" | "own" | "defaults", PriceVersionFacts[]>,
  at: Date,
): [string | undefined, number] | null {
  const price = latest(listed, at);
  const agreement = [latest(own, at), latest(defaults, at)].find((one) => one && one.kind !== "cleared");
  return price && agreement ? [price.rates.input, agreement.factorBp] : null;
}

function latest(versions: PriceVersionFacts[], at: Date): PriceVersionFacts | undefined {
  return versions
    .filter(({ effectiveFrom }) => effectiveFrom <= at)
    .sort((a, b) => +a.effectiveFrom - +b.effectiveFrom || Number(a.id - b.id))
    .at(-1);
}
