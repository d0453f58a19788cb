import type { LanguageModelV4CallOptions } from "@ai-sdk/provider";
import { expect, test } from "vitest";
import { sentByModule } from "@/e2e/support/sent-by-module";
import { anthropic } from "@/lib/gateway/providers/anthropic";
import { bedrock } from "@/lib/gateway/providers/bedrock";
import { google } from "@/lib/gateway/providers/google";

type Asked = Partial<LanguageModelV4CallOptions>;

const NOVA = "us.amazon.nova-2-lite-v1:0";
const budgetOf = (budgetTokens: number) => ({ type: "enabled", budgetTokens });

test.each<[string, Asked, object]>([
  ["a share by effort", { maxOutputTokens: 5_000, reasoning: "high" }, { budget: 3_000, most: 5_000 }],
  ["the rest needs room", { maxOutputTokens: 3_000, reasoning: "max" }, { budget: 1_976, most: 3_000 }],
  ["at least what Claude takes", { maxOutputTokens: 3_000, reasoning: "low" }, { budget: 1_024, most: 3_000 }],
  ["none where there is no room", { maxOutputTokens: 2_000, reasoning: "high" }, { budget: undefined, most: 2_000 }],
  [
    "as many as the client lets it",
    {
      ...{ maxOutputTokens: 9_000, reasoning: "high" },
      providerOptions: {
        anthropic: { thinking: budgetOf(2_000) },
        amazonBedrock: { reasoningConfig: budgetOf(2_000) },
      },
    },
    { budget: 2_000, most: 9_000 },
  ],
])("thoughts of Claude are part of a call's limit: %s", async (_title, asked, expected) => {
  const { thinking, max_tokens: most } = await sentByModule(anthropic, "claude-sonnet-4-5", asked);
  expect({ budget: thinking?.budget_tokens, most }).toEqual(expected);
  const converse = await sentByModule(bedrock, "anthropic.claude-sonnet-4-5-v1:0", asked);
  const { maxTokens } = converse.inferenceConfig;
  expect({ budget: converse.additionalModelRequestFields?.thinking?.budget_tokens, most: maxTokens }).toEqual(expected);
});

test("models that are asked by effort keep to the limit themselves, whatever budget a client names", async () => {
  const asked: Asked = {
    ...{ maxOutputTokens: 5_000, reasoning: "high" },
    providerOptions: { anthropic: { thinking: budgetOf(2_000) } },
  };
  expect(await sentByModule(anthropic, "claude-opus-4-6", asked)).toMatchObject({
    ...{ max_tokens: 5_000, thinking: { type: "adaptive" }, output_config: { effort: "high" } },
  });
});

test("Nova thinks no harder than its limit allows", async () => {
  const limitOf = async (reasoning: "medium" | "high", maxOutputTokens?: number) => {
    const asked = { reasoning, ...(maxOutputTokens && { maxOutputTokens }) };
    const { inferenceConfig, additionalModelRequestFields: more } = await sentByModule(bedrock, NOVA, asked);
    return [inferenceConfig?.maxTokens, more?.reasoningConfig?.maxReasoningEffort];
  };
  expect(await limitOf("medium", 500)).toEqual([500, "medium"]);
  expect(await limitOf("high", 500)).toEqual([500, "medium"]);
  expect(await limitOf("high")).toEqual([undefined, "high"]);
});

test("Gemini gets a client's budget where the model takes one", async () => {
  const asked: Asked = {
    reasoning: "low",
    providerOptions: { google: { thinkingConfig: { thinkingBudget: 2_000 } } },
  };
  const configOf = async (model: string) => (await sentByModule(google, model, asked)).generationConfig.thinkingConfig;
  expect(await configOf("gemini-2.5-flash")).toEqual({ thinkingBudget: 2_000, includeThoughts: true });
  expect(await configOf("gemini-3-pro-preview")).toEqual({ thinkingLevel: "low", includeThoughts: true });
  const { generationConfig } = await sentByModule(google, "gemini-2.5-flash", { ...asked, reasoning: "none" });
  expect(generationConfig.thinkingConfig).toEqual({ thinkingBudget: 0 });
});
