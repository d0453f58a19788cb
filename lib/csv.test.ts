import { expect, test } from "vitest";
import { toCsv } from "@/lib/csv";

test.each([
  ["plain", "plain"],
  ["a,b", '"a,b"'],
  ['say "a"', '"say ""a"""'],
  ["two\nlines", '"two\nlines"'],
  ["密钥", "密钥"],
  ["=1+1", "'=1+1"],
  ["+1", "'+1"],
  ["@sum", "'@sum"],
  ["-a", "'-a"],
  ["\tx", "'\tx"],
  ["-0.000000001", "-0.000000001"],
  [12, "12"],
  [-3n, "-3"],
])("%s is written as %s", (value, written) => {
  expect(toCsv([[value, "x"]])).toBe(`${written},x\r\n`);
});

test("one line for each row", () => {
  expect(
    toCsv([
      ["a", "b"],
      [1, 2],
    ]),
  ).toBe("a,b\r\n1,2\r\n");
});
