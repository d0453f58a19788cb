import { describe, expect, test } from "vitest";
import { Decimal, parseExactJson, scaledUsd, wholeNumber } from "@/lib/catalog/exact-json";

describe("numbers of JSON", () => {
  test("keep their digits, wherever they stand", () => {
    const text = '{"a":[0.1,{"b":1.10}],"c":3.000000000000000001,"d":"0.1","e":true,"f":null}';
    expect(parseExactJson(text)).toEqual({
      a: [new Decimal("0.1"), { b: new Decimal("1.10") }],
      ...{ c: new Decimal("3.000000000000000001"), d: "0.1", e: true, f: null },
    });
  });

  test("reach no prototype", () => {
    expect(parseExactJson('{"__proto__":{"x":1},"a":{"constructor":2}}')).toEqual({ a: {} });
    expect(({} as { x?: unknown }).x).toBeUndefined();
  });

  test("are refused where they are none", () => expect(() => parseExactJson("{a:1}")).toThrow(SyntaxError));
});

describe("amounts", () => {
  test.each([
    ["2.5e-07", 6, "0.25"],
    ["5E-7", 6, "0.5"],
    ["0.00000015", 6, "0.15"],
    ["3e-05", 6, "30"],
    // what floats of others left behind
    ["1.5000000000000002e-06", 6, "1.5"],
    ["2.9999999999999997e-07", 6, "0.3"],
    ["0.1", 0, "0.1"],
    ["15", 0, "15"],
    ["0", 6, "0"],
    ["0.0", 0, "0"],
    ["123456789.123456789", 0, "123456789.123456789"],
  ])("%s × 10^%i is %s USD exactly", (text, shift, expected) => {
    expect(scaledUsd(new Decimal(text), shift)).toBe(expected);
    expect(scaledUsd(text, shift)).toBe(expected);
  });

  test.each([["-1"], ["1e-30"], ["1e300"], ["one"], [""], ["1,5"], ["0x10"]])("%s is none", (text) => {
    expect(scaledUsd(text)).toBeNull();
  });

  test("that are absent stay absent", () => {
    for (const absent of [undefined, null, true, {}, []]) expect(scaledUsd(absent)).toBeNull();
  });
});

test("a count is a whole number above zero", () => {
  const counts = ["128000", "2.56e5", "0", "1.5", "-3", "1e30"].map((text) => wholeNumber(new Decimal(text)));
  expect(counts).toEqual([128_000, 256_000, null, null, null, null]);
});
