import { describe, expect, it } from "vitest";
import { openai } from "@/lib/gateway/providers/openai";

const reported = { prompt_tokens: 10, completion_tokens: 5 };

describe("usage that a provider reports", () => {
  it("is read", () => {
    expect(openai.usage(reported)).toEqual({ usage: { input: 10, output: 5 }, source: "reported", anomalies: [] });
  });

  it.each([
    ["more cached than sent", { ...reported, prompt_tokens_details: { cached_tokens: 1_000 } }],
    ["a negative count", { ...reported, completion_tokens: -5 }],
    ["a fraction", { ...reported, prompt_tokens: 1.5 }],
    ["infinity, as 1e999 reads", { ...reported, prompt_tokens: Number.POSITIVE_INFINITY }],
    ["more than a column holds", { ...reported, prompt_tokens: 3_000_000_000 }],
    ["a word", { ...reported, completion_tokens: "many" }],
  ])("counts as not reported: %s", (_name, usage) => {
    expect(openai.usage(usage)).toMatchObject({
      usage: {},
      source: "unknown",
      anomalies: [expect.stringMatching(/^anomalous:/)],
    });
  });
});
