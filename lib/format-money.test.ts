import { describe, expect, it } from "vitest";
import { formatExactUsd, formatMoney } from "@/lib/format-money";
import { LOCALES } from "@/lib/locale";
import { parseUsd } from "@/lib/money";

const shown = (usd: string) => formatMoney(parseUsd(usd), "en");

describe("formatMoney", () => {
  it.each([
    ["1234.567", "$1,234.57"],
    ["1", "$1.00"],
    ["0.5", "$0.50"],
    ["0.12345", "$0.1235"],
    ["0.01", "$0.01"],
    ["0.0041234", "$0.0041"],
    ["0.000041", "$0.000041"],
    ["0.000000001", "$0.000000001"],
    ["0", "$0.00"],
    ["-2.5", "\u2212$2.50"],
  ])("%s is shown as %s", (usd, text) => {
    expect(shown(usd)).toBe(text);
  });

  it("never lets what is left look like more than it is", () => {
    expect(formatMoney(parseUsd("4.999999999"), "en", "toward-zero")).toBe("$4.99");
  });

  it.each(LOCALES)("shows the smallest paid amount in %s", (locale) => {
    expect(formatMoney(1n, locale)).toContain("0.000000001");
  });

  it("keeps every digit of large amounts", () => {
    expect(formatExactUsd(9_007_199_254_740_993_123_456_789n, "en")).toBe("$9,007,199,254,740,993.123456789");
  });
});
