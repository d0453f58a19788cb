import { expect, it } from "vitest";
import { isListed, listedOf, readPatterns } from "@/lib/model-patterns";

it.each([
  [[], "a/b", true],
  [["a/b"], "a/b", true],
  [["a/*"], "a/b", true],
  [["a/b"], "a/bc", false],
  [["b/*", "*"], "a/b", true],
])("%j holds %s: %s", (patterns, model, expected) => {
  expect(isListed(patterns, model)).toBe(expected);
});

it("says what a list allows, and what in it is idle", () => {
  const patterns = readPatterns("a/*,\n c/x  gone");
  expect(listedOf(patterns, ["a/1", "a/2", "b", "c/x"])).toEqual({ allowed: ["a/1", "a/2", "c/x"], idle: ["gone"] });
  expect(listedOf([], ["a", "b"])).toEqual({ allowed: ["a", "b"], idle: [] });
});
