import { expect, it } from "vitest";
import { isListed, listedOf, readPatterns } from "@/lib/model-patterns";

it.each<[string[], string, boolean]>([
  [[], "openai/gpt-5", true],
  [["openai/gpt-5"], "openai/gpt-5", true],
  [["openai/gpt-5"], "openai/gpt-5-mini", false],
  [["openai/*"], "openai/gpt-5", true],
  [["openai/*"], "anthropic/claude", false],
  [["openai/*"], "openai", false],
  [["anthropic/x", "sandbox/*"], "sandbox/chat", true],
  [["*"], "anything", true],
  [["a.c"], "abc", false],
  [["type:chat"], "openai/gpt-5", true],
  [["type:image", "type:cha"], "openai/gpt-5", false],
  [["type:*"], "openai/gpt-5", false],
])("%j allows the chat model %s: %s", (patterns, id, expected) => {
  expect(isListed(patterns, { id, type: "chat" })).toBe(expected);
});

it("says what a list allows, and what in it is idle", () => {
  const models = ["a/1", "a/2", "b", "c/x"].map((id) => ({ id, type: id === "b" ? "image" : "chat" }));
  const idsOf = (text: string) => {
    const { allowed, idle } = listedOf(readPatterns(text), models);
    return [allowed.map(({ id }) => id), idle];
  };
  expect(idsOf("a/*,\n c/x  gone")).toEqual([["a/1", "a/2", "c/x"], ["gone"]]);
  expect(idsOf("type:image type:video")).toEqual([["b"], ["type:video"]]);
  expect(idsOf("")).toEqual([["a/1", "a/2", "b", "c/x"], []]);
});
