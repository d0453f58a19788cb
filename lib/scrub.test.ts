import { expect, it } from "vitest";
import { scrub } from "@/lib/scrub";

it("removes the secrets that were sent, whatever they look like", () => {
  expect(scrub('no access with "hunter22", hunter22', { apiKey: "hunter22", region: "eu" })).toBe(
    'no access with "…", …',
  );
});

it.each([
  "sk-proj-abcDEF123456_7890",
  "sk-ant-api03-abcdefghijkl",
  "xai-abcdefghijklmnop",
  `AIza${"a".repeat(35)}`,
  "AKIAIOSFODNN7EXAMPLE",
  `aigne_sk_${"a".repeat(49)}`,
  "Bearer abcdefgh1234",
])("removes what looks like a key: %s", (key) => {
  expect(scrub(`Incorrect API key provided: ${key}.`)).toMatch(/^Incorrect API key provided: …\.?$/);
});

it("leaves prose alone, within bounds", () => {
  const sentence = "This model's maximum context length is 128000 tokens; ask-for-less or task-specific_models.";
  expect(scrub(sentence)).toBe(sentence);
  expect(scrub("x ".repeat(5_000))).toHaveLength(1_000);
});
