import type { LanguageModelV4Prompt } from "@ai-sdk/provider";
import { expect, test } from "vitest";
import { sentByModule } from "@/e2e/support/sent-by-module";
import { cacheHint } from "@/lib/gateway/dialects/cache-hint";
import { bedrock } from "@/lib/gateway/providers/bedrock";
import { openrouter } from "@/lib/gateway/providers/openrouter";
import { poe } from "@/lib/gateway/providers/poe";

const hint = { type: "ephemeral", ttl: "1h" };
const hinted = (text: string) => ({ type: "text" as const, text, ...cacheHint({ cache_control: hint }) });
const prompt: LanguageModelV4Prompt = [
  { role: "system", content: "sys", ...cacheHint({ cache_control: hint }) },
  { role: "user", content: [hinted("one")] },
  { role: "assistant", content: [{ type: "text", text: "yes" }] },
  { role: "user", content: [{ type: "text", text: "two" }, hinted("three")] },
];

test("OpenRouter gets hints for caches in parts, as Anthropic spells them; other chat upstreams get none", async () => {
  const part = (text: string) => ({ type: "text", text, cache_control: hint });
  const { messages } = await sentByModule(openrouter, "anthropic/claude-sonnet-4.5", { prompt });
  expect(messages).toEqual([
    { role: "system", content: [part("sys")] },
    { role: "user", content: [part("one")] },
    { role: "assistant", content: "yes" },
    { role: "user", content: [{ type: "text", text: "two" }, part("three")] },
  ]);
  expect(JSON.stringify(await sentByModule(poe, "m", { prompt }))).not.toContain("ephemeral");
});

test("Bedrock gets hints for models that have a cache alone: others refuse the call", async () => {
  const points = async (model: string) =>
    JSON.stringify(await sentByModule(bedrock, model, { prompt })).split('"cachePoint"').length - 1;
  expect(await points("eu.anthropic.claude-sonnet-4-5-v1:0")).toBe(3);
  expect(await points("amazon.nova-pro-v1:0")).toBe(3);
  expect(await points("meta.llama3-3-70b-instruct-v1:0")).toBe(0);
});
