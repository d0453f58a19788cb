import type { LanguageModelV4Message } from "@ai-sdk/provider";
import { describe, expect, it, test } from "vitest";
import { AppError } from "@/lib/errors";
import { settled } from "@/lib/gateway/dialects/settled-prompt";

const user = (...texts: string[]): LanguageModelV4Message => ({
  role: "user",
  content: texts.map((text) => ({ type: "text", text })),
});
const system = (content: string): LanguageModelV4Message => ({ role: "system", content });
const calls = (...ids: string[]): LanguageModelV4Message => ({
  role: "assistant",
  content: ids.map((toolCallId, at) => ({ type: "tool-call", toolCallId, toolName: `tool${at}`, input: {} })),
});
const results = (...given: [string, string][]): LanguageModelV4Message => ({
  role: "tool",
  content: given.map(([toolCallId, value]) => ({
    ...{ type: "tool-result", toolCallId, toolName: "" },
    output: { type: "text", value },
  })),
});
/** Roles; for calls and results the ids, and the results' words. */
const told = (...prompt: LanguageModelV4Message[]) =>
  settled(prompt, "input").map((message) => {
    if (message.role === "assistant")
      return message.content.map((part) => (part.type === "tool-call" ? part.toolCallId : part.type));
    if (message.role !== "tool") return message.role;
    return message.content.map((part) =>
      part.type === "tool-result" && part.output.type === "text"
        ? `${part.toolCallId} ${part.toolName} ${part.output.value}`
        : "",
    );
  });

describe("results", () => {
  test("come in the order of their calls, right behind them", () => {
    expect(told(user("hi"), calls("a", "b"), user("hurry"), results(["b", "B"]), results(["a", "A"]))).toEqual([
      "user",
      ["a", "b"],
      ["a tool0 A", "b tool1 B"],
      "user",
    ]);
  });

  test("of calls with the same id go to one after the other, also over turns", () => {
    const turn = [calls("a", "a"), results(["a", "1"], ["a", "2"])];
    expect(told(user("hi"), ...turn, ...turn)).toEqual([
      "user",
      ["a", "a_2"],
      ["a tool0 1", "a_2 tool1 2"],
      ["a_3", "a_4"],
      ["a_3 tool0 1", "a_4 tool1 2"],
    ]);
  });

  test("with illegal or blank ids keep to their calls", () => {
    expect(told(user("hi"), calls("functions.f:0", ""), results(["", "2"], ["functions.f:0", "1"]))).toEqual([
      "user",
      ["functions_f_0", "call"],
      ["functions_f_0 tool0 1", "call tool1 2"],
    ]);
  });

  it.each<[string, LanguageModelV4Message[]]>([
    ["missing at the end", [calls("a", "b"), results(["a", "A"])]],
    ["missing before the next turn", [calls("a"), calls("b"), results(["b", "B"])]],
    ["without a call", [user("hi"), results(["a", "A"])]],
    ["twice for one call", [calls("a"), results(["a", "A"], ["a", "A"])]],
  ])("%s: refused by name", (_name, prompt) => {
    expect(() => settled(prompt, "input")).toThrow(AppError);
    expect(() => settled(prompt, "input")).toThrow(expect.objectContaining({ details: { param: "input" } }));
  });
});

test("system messages inside the conversation become words of the user", () => {
  expect(settled([system("be kind"), user("hi"), system("be brief")], "input")).toEqual([
    system("be kind"),
    user("hi"),
    user("be brief"),
  ]);
});

test("instructions alone: the last is the question", () => {
  expect(settled([system("be kind"), system("say hi")], "input")).toEqual([system("be kind"), user("say hi")]);
});

test("blank texts are left out, and messages without anything else", () => {
  const blank: LanguageModelV4Message = { role: "assistant", content: [{ type: "text", text: "\n" }] };
  expect(settled([user(" ", "hi"), blank, user("go on")], "input")).toEqual([user("hi"), user("go on")]);
  expect(() => settled([blank], "input")).toThrow("nothing that could be answered");
});
