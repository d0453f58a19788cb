import "@/e2e/support/property";
import fc from "fast-check";
import { test } from "vitest";
import {
  affordableOutputTokens,
  priceLines,
  priceUsage,
  type RateSet,
  type Rates,
  worstCase,
} from "@/lib/billing/pricing";
import { TOKEN_CLASSES, totalInputTokens, totalOutputTokens, UNIT_CLASSES, type Usage } from "@/lib/billing/usage";

const CLASSES = [...TOKEN_CLASSES, ...UNIT_CLASSES] as const;
const RATE_CLASSES = [
  ...TOKEN_CLASSES,
  "perImage",
  "perSecond",
  "perMillionCharacters",
  "perRequest",
] as const satisfies (keyof RateSet)[];

const units = fc.integer({ min: 0, max: 2_000_000 });
const rate = fc.bigInt({ min: 0n, max: 10n ** 13n });
const tools = <Value>(value: fc.Arbitrary<Value>) =>
  fc.dictionary(fc.constantFrom("search", "code"), value, { noNullPrototype: true });
const optionalRecord = <Name extends string, Value>(names: readonly Name[], value: fc.Arbitrary<Value>) =>
  fc.record(Object.fromEntries(names.map((name) => [name, value])), { requiredKeys: [], noNullPrototype: true });

const usages: fc.Arbitrary<Usage> = fc
  .tuple(optionalRecord(CLASSES, units), fc.option(tools(fc.integer({ min: 0, max: 50 })), { nil: undefined }))
  .map(([counts, toolCalls]) => ({ ...counts, ...(toolCalls && { toolCalls }) }));
const rateSets: fc.Arbitrary<RateSet> = fc
  .tuple(optionalRecord(RATE_CLASSES, rate), fc.option(tools(rate), { nil: undefined }))
  .map(([rates, perToolCall]) => ({ ...rates, ...(perToolCall && { perToolCall }) }));
const withTiers: fc.Arbitrary<Rates> = fc
  .tuple(
    rateSets,
    fc.uniqueArray(fc.tuple(fc.integer({ min: 0, max: 4_000_000 }), rateSets), {
      maxLength: 3,
      selector: ([above]) => above,
    }),
  )
  .map(([base, tiers]) => ({
    ...base,
    ...(tiers.length > 0 && {
      tiers: tiers
        .map(([aboveInputTokens, set]) => ({ ...set, aboveInputTokens }))
        .sort((a, b) => b.aboveInputTokens - a.aboveInputTokens),
    }),
  }));
const factor = fc.integer({ min: 0, max: 50_000 });

const sum = (a: Usage, b: Usage): Usage => {
  const total: Usage = {};
  for (const name of CLASSES) total[name] = (a[name] ?? 0) + (b[name] ?? 0);
  const names = new Set([...Object.keys(a.toolCalls ?? {}), ...Object.keys(b.toolCalls ?? {})]);
  total.toolCalls = Object.fromEntries(
    [...names].map((name) => [name, (a.toolCalls?.[name] ?? 0) + (b.toolCalls?.[name] ?? 0)]),
  );
  return total;
};

test("a price is never negative", () => {
  fc.assert(fc.property(usages, withTiers, factor, (usage, rates, bp) => priceUsage(usage, rates, bp) >= 0n));
});

test("more usage never costs less", () => {
  fc.assert(
    fc.property(
      usages,
      usages,
      rateSets,
      factor,
      (usage, more, rates, bp) => priceUsage(sum(usage, more), rates, bp) >= priceUsage(usage, rates, bp),
    ),
  );
});

test("two calls cost what one call of both would, or a nano more for the second rounding", () => {
  fc.assert(
    fc.property(usages, usages, rateSets, factor, (one, other, rates, bp) => {
      const surplus =
        priceUsage(one, rates, bp) + priceUsage(other, rates, bp) - priceUsage(sum(one, other), rates, bp);
      return surplus === 0n || surplus === 1n;
    }),
  );
});

test("the lines of a receipt add up to the price", () => {
  fc.assert(
    fc.property(usages, withTiers, factor, (usage, rates, bp) => {
      const total = priceLines(usage, rates).reduce((all, line) => all + line.nanoMillionths, 0n) * BigInt(bp);
      return (total + 10n ** 10n - 1n) / 10n ** 10n === priceUsage(usage, rates, bp);
    }),
  );
});

test("a line is its units times its rate", () => {
  fc.assert(
    fc.property(usages, withTiers, (usage, rates) =>
      priceLines(usage, rates).every(({ units, rate, nanoMillionths }) => BigInt(units) * rate === nanoMillionths),
    ),
  );
});

/** What a chat call can use: tokens of any class, and the one request that it is. */
const chatUsages: fc.Arbitrary<Usage> = optionalRecord(TOKEN_CLASSES, units).map((counts) => ({
  ...counts,
  requests: 1,
}));

test("no usage within its bound costs more than the worst case", () => {
  fc.assert(
    fc.property(chatUsages, withTiers, factor, units, units, (usage, rates, bp, spareInput, spareOutput) => {
      const bound = {
        inputTokens: totalInputTokens(usage) + spareInput,
        outputTokens: totalOutputTokens(usage) + spareOutput,
      };
      return worstCase(bound, rates, bp) >= priceUsage(usage, rates, bp);
    }),
    { numRuns: 500 },
  );
});

test("affordable output is what the worst case turns into the amount, and not a token more", () => {
  fc.assert(
    fc.property(
      withTiers,
      fc.integer({ min: 1, max: 50_000 }),
      units,
      units,
      (rates, bp, inputTokens, outputTokens) => {
        const amount = worstCase({ inputTokens, outputTokens }, rates, bp);
        const affordable = affordableOutputTokens(amount, inputTokens, rates, bp);
        if (affordable === Number.MAX_SAFE_INTEGER)
          return worstCase({ inputTokens, outputTokens: 1 }, rates, bp) === amount;
        return (
          worstCase({ inputTokens, outputTokens: affordable }, rates, bp) <= amount &&
          worstCase({ inputTokens, outputTokens: affordable + 1 }, rates, bp) >= amount
        );
      },
    ),
    { numRuns: 500 },
  );
});
