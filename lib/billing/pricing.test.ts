import { describe, expect, it, test } from "vitest";
import { usdRates } from "@/e2e/support/gateway-values";
import {
  affordableOutputTokens,
  dearestRate,
  parseRates,
  priceLines,
  priceUsage,
  type Rates,
  worstCase,
} from "@/lib/billing/pricing";
import { TOKEN_CLASSES, type Usage } from "@/lib/billing/usage";
import { parseUsd } from "@/lib/money";

const usd = (text: string) => parseUsd(text);

describe("worked examples", () => {
  it.each<[string, Usage, Rates, number, string]>([
    ["1,000 in at $1/M", { input: 1_000 }, usdRates({ input: "1" }), 10_000, "0.001"],
    ["in and out", { input: 1_200, output: 350 }, usdRates({ input: "0.25", output: "2" }), 10_000, "0.001"],
    ["20 % off", { input: 1_000_000 }, usdRates({ input: "3" }), 8_000, "2.4"],
    ["a factor of nothing is free", { input: 1_000_000 }, usdRates({ input: "3" }), 0, "0"],
    ["double", { output: 10 }, usdRates({ output: "15" }), 20_000, "0.0003"],
    ["an absent class is not charged", { output: 10 }, usdRates({ input: "15" }), 10_000, "0"],
    ["no usage", {}, usdRates({ input: "15", output: "60", perRequest: "1" }), 10_000, "0"],
    [
      "cached tokens at their own rates",
      { input: 100, cacheRead: 1_000, cacheWrite: 200, cacheWrite1h: 50, output: 10 },
      usdRates({ input: "3", cacheRead: "0.3", cacheWrite: "3.75", cacheWrite1h: "6", output: "15" }),
      10_000,
      "0.0018", // 300 + 300 + 750 + 300 + 150 micro-USD
    ],
  ])("%s", (_title, usage, rates, factorBp, price) => {
    expect(priceUsage(usage, rates, factorBp)).toBe(usd(price));
  });

  test("units: a request, an image, a second, a million characters, a tool call", () => {
    const rates: Rates = {
      perRequest: usd("0.01") * 1_000_000n,
      perImage: usd("0.04") * 1_000_000n,
      perSecond: usd("0.006") * 1_000n, // metered in milliseconds
      perMillionCharacters: usd("15"),
      perToolCall: { search: usd("0.01") * 1_000_000n },
    };
    expect(priceUsage({ requests: 1 }, rates)).toBe(usd("0.01"));
    expect(priceUsage({ images: 3 }, rates)).toBe(usd("0.12"));
    expect(priceUsage({ milliseconds: 1_500 }, rates)).toBe(usd("0.009"));
    expect(priceUsage({ characters: 1_000 }, rates)).toBe(usd("0.015"));
    // a tool without a price of its own takes the dearest one: never nothing
    expect(priceUsage({ toolCalls: { search: 2, other: 7 } }, rates)).toBe(usd("0.09"));
    expect(priceUsage({ requests: 1, images: 1, toolCalls: { search: 1 } }, rates)).toBe(usd("0.06"));
  });
});

describe("rounding", () => {
  test("a fraction of a nano is rounded up", () => {
    expect(priceUsage({ input: 1 }, { input: 1n })).toBe(1n);
    expect(priceUsage({ input: 1_000_000 }, { input: 1n })).toBe(1n);
    expect(priceUsage({ input: 1_000_001 }, { input: 1n })).toBe(2n);
  });

  test("once per call, after the factor, not once per part", () => {
    const rates: Rates = { input: 400_000n, output: 400_000n, cacheRead: 200_000n };
    expect(priceUsage({ input: 1, output: 1, cacheRead: 1 }, rates)).toBe(1n);
    // 10 × 0.1 nano × 0.5 = 0.5 nano: rounding before the factor would give 1 × 0.5, rounding each part ten
    expect(priceUsage({ input: 10, output: 10 }, { input: 100_000n, output: 100_000n }, 5_000)).toBe(1n);
  });

  test("amounts beyond 2^53 stay exact", () => {
    expect(priceUsage({ input: 9_007_199_254_740_991 }, { input: 1_000_001n })).toBe(9_007_208_261_940_246n);
  });
});

describe("a class without a rate takes its parent's", () => {
  const rates: Rates = { input: 3_000_000n, output: 7_000_000n, cacheWrite: 4_000_000n };
  it.each([
    ["cacheRead", 3n, "input"],
    ["cacheWrite", 4n, undefined],
    ["cacheWrite1h", 4n, "cacheWrite"],
    ["audioInput", 3n, "input"],
    ["imageInput", 3n, "input"],
    ["videoInput", 3n, "input"],
    ["reasoning", 7n, "output"],
    ["audioOutput", 7n, "output"],
    ["imageOutput", 7n, "output"],
  ] as const)("%s", (name, price, ratedAs) => {
    expect(priceUsage({ [name]: 1 }, rates)).toBe(price);
    expect(priceLines({ [name]: 1 }, rates)[0]?.ratedAs).toBe(ratedAs);
  });

  test("through two steps where the parent has none either", () => {
    expect(priceUsage({ cacheWrite1h: 1 }, { input: 3_000_000n })).toBe(3n);
  });

  test("a rate of zero is a price, not an absence", () => {
    expect(priceUsage({ reasoning: 1_000 }, { output: 7_000_000n, reasoning: 0n })).toBe(0n);
    expect(priceUsage({ cacheRead: 1_000 }, { input: 7_000_000n, cacheRead: 0n })).toBe(0n);
  });

  test("every token class is charged", () => {
    for (const name of TOKEN_CLASSES)
      expect(priceUsage({ [name]: 1 }, { input: 1_000_000n, output: 1_000_000n }), name).toBe(1n);
  });
});

describe("tiers", () => {
  const rates = parseRates({
    input: "1000000",
    output: "2000000",
    cacheRead: "500000",
    tiers: [
      { aboveInputTokens: 100, input: "3000000" },
      { aboveInputTokens: 1_000, input: "5000000", output: "9000000" },
    ],
  });

  test("begin strictly above their limit and then hold for the whole call", () => {
    expect(priceUsage({ input: 100 }, rates)).toBe(100n);
    expect(priceUsage({ input: 101 }, rates)).toBe(303n);
    expect(priceUsage({ input: 1_000 }, rates)).toBe(3_000n);
    expect(priceUsage({ input: 1_001, output: 1 }, rates)).toBe(5_014n);
  });

  test("count all input: cached, written and media too, but no output", () => {
    expect(priceUsage({ input: 1, cacheRead: 100 }, rates)).toBe(3n + 50n);
    expect(priceUsage({ input: 1, imageInput: 50, cacheWrite: 50 }, rates)).toBe(303n);
    expect(priceUsage({ input: 1, output: 1_000 }, rates)).toBe(1n + 2_000n);
  });

  test("say only what differs; the rest is the base's", () => {
    expect(priceUsage({ input: 101, output: 1 }, rates)).toBe(303n + 2n);
  });

  test("the hold uses the dearest tier that its input bound can reach", () => {
    expect(dearestRate(rates, "input", 100)).toBe(1_000_000n);
    expect(dearestRate(rates, "input", 101)).toBe(3_000_000n);
    expect(dearestRate(rates, "output", 1_001)).toBe(9_000_000n);
    expect(worstCase({ inputTokens: 1_001, outputTokens: 10 }, rates)).toBe(5_005n + 90n);
  });
});

test("the worst case includes the fee per request", () => {
  const rates: Rates = { input: 1_000_000n, output: 1_000_000n, perRequest: 5_000_000n };
  expect(worstCase({ inputTokens: 10, outputTokens: 2 }, rates)).toBe(17n);
  expect(affordableOutputTokens(17n, 10, rates)).toBe(2);
  expect(affordableOutputTokens(14n, 10, rates)).toBe(0);
});

test("free output is affordable without end", () => {
  expect(affordableOutputTokens(0n, 10, { output: 0n })).toBe(Number.MAX_SAFE_INTEGER);
});

describe("stored rates", () => {
  it.each(["1.5", "-1", "1e3", "", " 1", 5, null, true])("refuse %s", (rate) => {
    expect(() => parseRates({ input: rate })).toThrow(RangeError);
    expect(() => parseRates({ tiers: [{ aboveInputTokens: 1, input: rate }] })).toThrow(RangeError);
    expect(() => parseRates({ perToolCall: { search: rate } })).toThrow(RangeError);
  });

  test("read as whole numbers of any size", () => {
    expect(parseRates({ input: "9007199254740993", perToolCall: { search: "7" } })).toEqual({
      input: 9_007_199_254_740_993n,
      perToolCall: { search: 7n },
    });
  });
});
