import { describe, expect, it, test } from "vitest";
import { composerKey } from "@/components/playground/composer-keys";
import {
  chatCall,
  NO_PARAMETERS,
  needsCharge,
  newAnswer,
  type Turn,
  withCharge,
  withEvent,
} from "@/components/playground/conversation";

const answer = newAnswer("1", "openai/gpt-5");

describe("an answer", () => {
  it("collects text and remembers when the first of it came", () => {
    const first = withEvent(answer, { type: "text", text: "a" }, 412);
    const second = withEvent(first, { type: "text", text: "b" }, 900);
    expect(second).toMatchObject({ text: "ab", firstTokenMs: 412, state: "streaming" });
  });

  it.each([
    [1e-7, "0.0000001"],
    [0.000041, "0.000041"],
    [12.5, "12.5"],
    [0, "0"],
    [null, null],
  ])("shows the ledger's charge of %s as %s, digit by digit", (costUsd, shown) => {
    const usage = { inputTokens: 1, outputTokens: 2, cachedTokens: 0, reasoningTokens: 0 };
    expect(withEvent(answer, { type: "usage", usage, costUsd }, 1).chargeUsd).toBe(shown);
  });

  test("only what ended early, and reached the hub, needs the ledger", () => {
    const stopped = { ...answer, state: "stopped", requestId: "req_1" } as const;
    const failure = { kind: "provider", message: "", code: null, retryAfterMs: null } as const;
    expect(needsCharge(stopped)).toBe(true);
    expect(needsCharge({ ...stopped, requestId: null })).toBe(false);
    expect(needsCharge({ ...stopped, state: "done" })).toBe(false);
    expect(needsCharge({ ...stopped, state: "failed", failure: { ...failure, charged: null } })).toBe(true);
    expect(needsCharge({ ...stopped, state: "failed", failure: { ...failure, charged: false } })).toBe(false);
    expect(needsCharge(withCharge(stopped, { priceUsd: "0.1", inputTokens: 1, outputTokens: 2 }))).toBe(false);
  });
});

describe("the request", () => {
  const turns: Turn[] = [
    { id: "1", role: "user", text: "Hi" },
    { ...answer, text: "Hello" },
    { id: "3", role: "user", text: "More" },
  ];

  it("holds what was said, and only the parameters that were set", () => {
    expect(chatCall("m", NO_PARAMETERS, turns)).toEqual({
      model: "m",
      messages: [
        { role: "user", content: "Hi" },
        { role: "assistant", content: "Hello" },
        { role: "user", content: "More" },
      ],
    });
    const parameters = { system: "Be brief.", temperature: "0", topP: "0.5", maxTokens: "64" };
    expect(chatCall("m", parameters, [])).toEqual({
      model: "m",
      messages: [{ role: "system", content: "Be brief." }],
      temperature: 0,
      top_p: 0.5,
      max_tokens: 64,
    });
  });

  it("leaves out answers that never came and numbers that are none", () => {
    const call = chatCall("m", { ...NO_PARAMETERS, temperature: "-", system: "  " }, [turns[0] as Turn, answer]);
    expect(call).toEqual({ model: "m", messages: [{ role: "user", content: "Hi" }] });
  });
});

describe("a key in the composer", () => {
  const key = (name: string, more = {}) => composerKey({ key: name, shiftKey: false, isComposing: false, ...more });

  it.each([
    ["Enter sends", key("Enter"), "send"],
    ["Shift+Enter breaks the line", key("Enter", { shiftKey: true }), null],
    ["Enter that chooses a word does not send", key("Enter", { isComposing: true }), null],
    ["nor where Safari has ended the composition before it", key("Enter", { keyCode: 229 }), null],
    ["Esc stops", key("Escape"), "stop"],
    ["Esc that closes the list of words does not stop", key("Escape", { isComposing: true }), null],
    ["letters do nothing", key("a"), null],
  ])("%s", (_title, meaning, expected) => {
    expect(meaning).toBe(expected);
  });
});
