import { encode } from "gpt-tokenizer/encoding/o200k_base";
import { expect, test } from "vitest";
import { countPromptTokens, words } from "./words.ts";

test.each([false, true])("n words are exactly n o200k tokens (more than one byte per character: %s)", (wide) => {
  for (const count of [0, 1, 2, 7, 79, 80, 81, 200, 1_000])
    expect(encode([...words(count, wide)].join("")).length).toBe(count);
});

test("no word merges with its neighbour wherever a stream is cut", () => {
  const tokens = [...words(170)];
  for (let end = 0; end <= tokens.length; end++) expect(encode(tokens.slice(0, end).join("")).length).toBe(end);
});

test("prompt tokens are three per message, one per word and three for the answer", () => {
  expect(countPromptTokens([{ role: "user", content: "one two" }])).toBe(8);
  expect(countPromptTokens([{ role: "user", content: [{ type: "text", text: "one two" }] }], "be kind")).toBe(10);
});
