import { describe, expect, it } from "vitest";
import { countTokens, estimatePromptTokens } from "@/lib/gateway/meter/tokens";

describe("countTokens", () => {
  it("counts ordinary text exactly", () => {
    expect(countTokens("")).toBe(0);
    expect(countTokens("The quick brown fox jumps over the lazy dog.")).toBe(10);
    expect(countTokens("<|endoftext|>")).toBeGreaterThan(1);
  });

  it("goes on by proportion beyond its limit", () => {
    const sentence = "The quick brown fox jumps over the lazy dog. ";
    const exact = countTokens(sentence.repeat(2_000));
    expect(countTokens(sentence.repeat(20_000)) / exact).toBeCloseTo(10, 2);
  });

  // Uncut, the first of these took 36 s.
  it.each([
    ["letters", "中"],
    ["symbols", "!"],
    ["emoji", "😀"],
    ["spaces", " "],
    ["line ends and slashes", "\n/"],
  ])("is not held up by an unbroken run of %s", (_name, unit) => {
    const started = performance.now();
    const tokens = countTokens(unit.repeat(5_000_000 / unit.length));
    expect(performance.now() - started).toBeLessThan(2_000);
    expect(tokens).toBeGreaterThan(0);
  });
});

describe("estimatePromptTokens", () => {
  it("adds the framing of each message", () => {
    const message = { role: "user", content: "The quick brown fox jumps over the lazy dog." };
    expect(estimatePromptTokens([message])).toBe(16);
    expect(estimatePromptTokens([message, message])).toBe(29);
  });

  it("is bounded over all messages, not one by one", () => {
    const message = { role: "user", content: "中".repeat(2_000) };
    const started = performance.now();
    const tokens = estimatePromptTokens(Array.from({ length: 10_000 }, () => message));
    expect(performance.now() - started).toBeLessThan(2_000);
    expect(tokens / estimatePromptTokens([message])).toBeCloseTo(10_000, -3);
  });
});
