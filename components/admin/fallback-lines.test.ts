import { expect, test } from "vitest";
import { fromFallbacks, toFallbacks } from "@/components/admin/fallback-lines";

test("what is shown reads back as it was, colons and all", () => {
  const fallbacks = { fast: ["openai/gpt-5-mini", "vendor/model:free"], "my:alias": ["a/b"] };
  expect(toFallbacks(fromFallbacks(fallbacks))).toEqual(fallbacks);
  expect(toFallbacks("")).toEqual({});
  expect(toFallbacks(" fast:  a  b ,c \n\n")).toEqual({ fast: ["a", "b", "c"] });
});

test("a line without an alias is not taken for one", () => {
  expect(toFallbacks("openai/gpt-5-mini")).toEqual({ "": ["openai/gpt-5-mini"] });
});
