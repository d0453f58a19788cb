import { describe, expect, test } from "vitest";
import { parseRates, priceUsage } from "@/lib/billing/pricing";
import { formatRates, ratesInput, withMargin } from "@/lib/catalog/rates";

describe("rates as written", () => {
  test("tokens are per million, the rest per piece", () => {
    const stored = ratesInput.parse({
      input: "0.25",
      output: 2,
      perRequest: "0.01",
      perImage: "0.04",
      perSecond: "0.006",
      perMillionCharacters: 15,
      perToolCall: { web_search: "0.01" },
      tiers: [{ aboveInputTokens: 200_000, input: "0.5" }],
    });
    expect(stored).toEqual({
      input: "250000000",
      output: "2000000000",
      perRequest: "10000000000000",
      perImage: "40000000000000",
      perSecond: "6000000000",
      perMillionCharacters: "15000000000",
      perToolCall: { web_search: "10000000000000" },
      tiers: [{ aboveInputTokens: 200_000, input: "500000000" }],
    });
    const rates = parseRates(stored);
    expect(priceUsage({ requests: 1 }, rates)).toBe(10_000_000n);
    expect(priceUsage({ images: 2 }, rates)).toBe(80_000_000n);
    expect(priceUsage({ milliseconds: 1_500 }, rates)).toBe(9_000_000n);
    expect(priceUsage({ characters: 1_000_000 }, rates)).toBe(15_000_000_000n);
    expect(priceUsage({ input: 1_000_000 }, parseRates({ input: stored.input }))).toBe(250_000_000n);
    expect(priceUsage({ toolCalls: { web_search: 3 } }, rates)).toBe(30_000_000n);
  });

  test("what is stored reads back as it was written", () => {
    const written = {
      input: "0.000000001",
      output: "1.5",
      perRequest: "0.000000001",
      perSecond: "0.25",
      tiers: [{ aboveInputTokens: 1, input: "3" }],
    };
    expect(formatRates(ratesInput.parse(written))).toEqual(written);
  });

  test("zero is a price", () => {
    expect(ratesInput.parse({ input: 0, output: "0" })).toEqual({ input: "0", output: "0" });
  });

  test.each([
    [{ input: -1 }, "input", "negative"],
    [{ input: "-0.5" }, "input", "negative"],
    [{ input: "1e-7" }, "input", "exponent"],
    [{ input: "0.1234567891" }, "input", "9 decimals"],
    [{ input: 0.1234567891 }, "input", "9 decimals"],
    [{ input: "NaN" }, "input", "USD"],
    [{ input: Number.NaN }, "input", "USD"],
    [{ input: null }, "input", "USD"],
    [{ input: "" }, "input", "USD"],
    [{ input: "1,5" }, "input", "USD"],
    [{ input: 1e21 }, "input", "USD"],
    [{ input: "99999999999999" }, "input", "billion"],
    [{ output: { a: 1 } }, "output", "USD"],
    [{ perToolCall: { search: "-1" } }, "perToolCall.search", "negative"],
    [{ input: 1, tiers: [{ aboveInputTokens: 5, input: "x" }] }, "tiers.0.input", "USD"],
    [{}, "", "at least one rate"],
    [{ input: 1, prompt: 2 }, "", "prompt"],
  ])("%j is refused, naming the field", (value, path, message) => {
    const parsed = ratesInput.safeParse(value);
    expect(parsed.success).toBe(false);
    const issue = parsed.error?.issues[0];
    expect(issue?.path.join(".")).toBe(path);
    expect(issue?.message).toContain(message);
  });

  test("JSON numbers in exponent form have a plain meaning", () => {
    expect(ratesInput.parse({ input: 1e-7 })).toEqual({ input: "100" });
  });
});

describe("margin", () => {
  const cost = ratesInput.parse({ input: "0.25", output: "2", perRequest: "0.000000001" });
  test("raises every rate", () => {
    expect(formatRates(withMargin(cost, "20"))).toEqual({ input: "0.3", output: "2.4", perRequest: "0.000000002" });
    expect(formatRates(withMargin(cost, "0"))).toEqual(formatRates(cost));
    expect(formatRates(withMargin(cost, "-50"))).toEqual({ input: "0.125", output: "1", perRequest: "0.000000001" });
    expect(formatRates(withMargin(cost, "33.3333"))).toMatchObject({ input: "0.33333325" });
  });
  test("never rounds below the cost plus its margin", () => {
    const odd = ratesInput.parse({ input: "0.000000003" });
    expect(formatRates(withMargin(odd, "10"))).toEqual({ input: "0.000000004" });
  });
});
