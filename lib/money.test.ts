import "@/e2e/support/property";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { formatUsd, parseUsd, shareOf, toNano, toUsdNumber } from "@/lib/money";

describe("parseUsd", () => {
  it.each([
    ["12.5", 12_500_000_000n],
    ["0", 0n],
    ["0.000000001", 1n],
    ["-0.01", -10_000_000n],
    [" 7 ", 7_000_000_000n],
    ["007.10", 7_100_000_000n],
    ["9223372036.854775807", 2n ** 63n - 1n],
    [12.5, 12_500_000_000n],
    [0.1, 100_000_000n],
    [1e-7, 100n],
    [1e-9, 1n],
  ])("%s is %s nano-USD", (text, nano) => {
    expect(parseUsd(text)).toBe(nano);
  });

  it.each([
    "",
    " ",
    "abc",
    "1e3",
    "1E-7",
    "1,5",
    "1_000",
    ".5",
    "5.",
    "+1",
    "--1",
    "0x10",
    "NaN",
    "Infinity",
    "$1",
    "1.0000000000",
    "0.0000000001",
    Number.NaN,
    Number.POSITIVE_INFINITY,
    1e-10,
    1e21,
    0.1 + 0.2,
  ])("refuses %s", (text) => {
    expect(() => parseUsd(text)).toThrow(RangeError);
  });
});

test("any amount survives being written and read again", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }), (nano) => parseUsd(formatUsd(nano)) === nano),
  );
});

test("an amount is written plainly: no exponent, no needless zero, no sign on nothing", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (nano) =>
      /^(0|-?(0|[1-9]\d*)(\.\d{0,8}[1-9])?)$/.test(formatUsd(nano)),
    ),
  );
  expect(formatUsd(0n)).toBe("0");
  expect(formatUsd(-1n)).toBe("-0.000000001");
});

test("the JSON number of a price reads back as the same price", () => {
  fc.assert(fc.property(fc.bigInt({ min: 0n, max: 10n ** 15n }), (nano) => parseUsd(toUsdNumber(nano)) === nano));
});

test("a database value becomes an amount only if it is exact", () => {
  expect(toNano("9223372036854775807")).toBe(2n ** 63n - 1n);
  expect(toNano(5)).toBe(5n);
  expect(() => toNano(2 ** 53)).toThrow(RangeError);
  expect(() => toNano(0.5)).toThrow(RangeError);
});

test.each([
  [0n, 10n, 0],
  [1n, 3n, 0.333],
  [12n, 10n, 1.2],
  [0n, 0n, 1],
])("of %i, %i are the whole: a share of %d", (part, whole, share) => {
  expect(shareOf(part, whole)).toBe(share);
});
