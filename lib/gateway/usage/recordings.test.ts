import { describe, expect, it } from "vitest";
import type { Usage } from "@/lib/billing/usage";
import { anthropicMessagesUsage } from "@/lib/gateway/usage/anthropic-messages";
import { bedrockConverseUsage } from "@/lib/gateway/usage/bedrock-converse";
import { geminiUsage } from "@/lib/gateway/usage/gemini";
import { embeddingsUsage, imagesUsage, rerankUsage, speechUsage, transcriptionUsage } from "@/lib/gateway/usage/media";
import { ollamaUsage } from "@/lib/gateway/usage/ollama";
import { deepSeekUsage, openAIChatUsage, openRouterUsage, xaiUsage } from "@/lib/gateway/usage/openai-chat";
import { openAIResponsesUsage } from "@/lib/gateway/usage/openai-responses";
import { type ReadUsage, reportedCost } from "@/lib/gateway/usage/reading";

const chat = openAIChatUsage();

describe("providers that speak chat completions, each in its own way", () => {
  it.each<[string, ReadUsage, unknown, Usage]>([
    [
      "xAI counts reasoning beside the completion",
      xaiUsage,
      {
        prompt_tokens: 32,
        completion_tokens: 9,
        total_tokens: 135,
        prompt_tokens_details: { text_tokens: 32, audio_tokens: 0, image_tokens: 0, cached_tokens: 6 },
        completion_tokens_details: {
          reasoning_tokens: 94,
          audio_tokens: 0,
          accepted_prediction_tokens: 0,
          rejected_prediction_tokens: 0,
        },
        num_sources_used: 0,
      },
      { input: 26, cacheRead: 6, output: 9, reasoning: 94 },
    ],
    [
      "xAI where the completion holds the reasoning after all",
      xaiUsage,
      {
        prompt_tokens: 10,
        completion_tokens: 100,
        total_tokens: 110,
        completion_tokens_details: { reasoning_tokens: 90 },
      },
      { input: 10, output: 10, reasoning: 90 },
    ],
    [
      "xAI with cached input beside the prompt",
      xaiUsage,
      {
        prompt_tokens: 5,
        completion_tokens: 3,
        total_tokens: 268,
        prompt_tokens_details: { cached_tokens: 260 },
        completion_tokens_details: { reasoning_tokens: 0 },
      },
      { input: 5, cacheRead: 260, output: 3 },
    ],
    [
      "DeepSeek: prompt = hits + misses",
      deepSeekUsage,
      {
        prompt_tokens: 563,
        completion_tokens: 116,
        total_tokens: 679,
        prompt_cache_hit_tokens: 512,
        prompt_cache_miss_tokens: 51,
        completion_tokens_details: { reasoning_tokens: 60 },
      },
      { input: 51, cacheRead: 512, output: 56, reasoning: 60 },
    ],
    [
      "Doubao: reasoning inside the completion",
      chat,
      {
        completion_tokens: 413,
        prompt_tokens: 87,
        total_tokens: 500,
        prompt_tokens_details: { cached_tokens: 64 },
        completion_tokens_details: { reasoning_tokens: 300 },
      },
      { input: 23, cacheRead: 64, output: 113, reasoning: 300 },
    ],
    [
      "Poe",
      chat,
      {
        prompt_tokens: 18,
        completion_tokens: 7,
        total_tokens: 25,
        prompt_tokens_details: { cached_tokens: 0 },
        completion_tokens_details: { reasoning_tokens: 0 },
      },
      { input: 18, output: 7 },
    ],
    [
      "Ollama, its own last line",
      ollamaUsage,
      { total_duration: 5_043_500_667, load_duration: 5_025_959, prompt_eval_count: 26, eval_count: 290 },
      { input: 26, output: 290 },
    ],
    [
      "Ollama below /v1",
      ollamaUsage,
      { prompt_tokens: 26, completion_tokens: 12, total_tokens: 38 },
      { input: 26, output: 12 },
    ],
    [
      "cached audio is cached, and not audio once more",
      chat,
      {
        prompt_tokens: 100,
        completion_tokens: 1,
        total_tokens: 101,
        prompt_tokens_details: { cached_tokens: 60, audio_tokens: 80 },
      },
      { input: 0, cacheRead: 60, audioInput: 40, output: 1 },
    ],
  ])("%s", (_title, read, raw, usage) => {
    expect(read(raw)).toEqual({ usage, source: "reported", anomalies: [] });
  });

  it("takes an aggregator's cost once, however it is broken down", () => {
    const usage = {
      ...{ prompt_tokens: 14, completion_tokens: 4, total_tokens: 18, is_byok: false },
      cost: 0.000102,
      cost_details: { upstream_inference_cost: 0.000102, upstream_inference_prompt_cost: 4.2e-5 },
    };
    expect(openRouterUsage(usage)).toEqual({
      usage: { input: 14, output: 4 },
      source: "reported",
      anomalies: [],
      costNano: 102_000n,
    });
    const ticks = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2, cost_in_usd_ticks: 37_756_001 };
    expect(xaiUsage(ticks).costNano).toBe(3_775_601n);
  });

  it("flags a prompt that Ollama did not count", () => {
    expect(ollamaUsage({ eval_count: 5 })).toEqual({
      usage: { input: 0, output: 5 },
      source: "reported",
      anomalies: ["prompt_not_counted"],
    });
  });
});

describe("usage nobody has told us about", () => {
  it("is taken out of the total it is part of, and flagged", () => {
    const raw = {
      prompt_tokens: 100,
      completion_tokens: 40,
      total_tokens: 140,
      prompt_tokens_details: { hologram_tokens: 30 },
      completion_tokens_details: { smell_tokens: 10 },
    };
    expect(chat(raw)).toEqual({
      usage: { input: 70, otherInput: 30, output: 30, otherOutput: 10 },
      source: "reported",
      anomalies: [
        "unpriced_usage:prompt_tokens_details.hologram_tokens",
        "unpriced_usage:completion_tokens_details.smell_tokens",
      ],
    });
  });

  it("comes on top where the total says so", () => {
    const raw = { prompt_tokens: 100, completion_tokens: 40, total_tokens: 165, orchestration_tokens: 25 };
    expect(chat(raw)).toMatchObject({ usage: { input: 100, otherInput: 25, output: 40 } });
    expect(chat({ ...raw, total_tokens: 140 })).toMatchObject({ usage: { input: 75, otherInput: 25, output: 40 } });
  });

  it.each([
    ["a word", { prompt_tokens: 10, completion_tokens: 5, dream_tokens: Number.POSITIVE_INFINITY }],
    ["negative parts", { prompt_tokens: 10, completion_tokens: 5, prompt_tokens_details: { cached_tokens: -1 } }],
    ["a total that is not there", { completion_tokens: 5 }],
  ])("spoils the report where it cannot be true: %s", (_title, raw) => {
    expect(chat(raw)).toMatchObject({
      usage: {},
      source: "unknown",
      anomalies: [expect.stringMatching(/^anomalous:/)],
    });
  });

  it.each<[string, ReadUsage]>([
    ["chat", chat],
    ["responses", openAIResponsesUsage],
    ["messages", anthropicMessagesUsage],
    ["gemini", geminiUsage],
    ["bedrock", bedrockConverseUsage],
    ["ollama", ollamaUsage],
    ["embeddings", embeddingsUsage],
    ["images", imagesUsage],
    ["transcription", transcriptionUsage],
    ["rerank", rerankUsage],
  ])("is unknown and never zero where %s says nothing", (_title, read) => {
    for (const nothing of [undefined, null, {}, [], "12", 5])
      expect(read(nothing)).toEqual({ usage: {}, source: "unknown", anomalies: [] });
  });
});

describe("media", () => {
  it("counts images that came, by size and quality, beside their tokens", () => {
    const body = {
      data: [{ b64_json: "" }, { b64_json: "" }],
      size: "1024x1024",
      quality: "high",
      usage: {
        input_tokens: 50,
        output_tokens: 8_320,
        total_tokens: 8_370,
        input_tokens_details: { text_tokens: 10, image_tokens: 40 },
      },
    };
    expect(imagesUsage(body)).toEqual({
      usage: { input: 10, imageInput: 40, imageOutput: 8_320, images: 2, imageVariants: { "1024x1024/high": 2 } },
      source: "reported",
      anomalies: [],
    });
    expect(imagesUsage({ data: [{ url: "https://x" }] }, { size: "512x512" }).usage).toEqual({
      images: 1,
      imageVariants: { "512x512/auto": 1 },
    });
  });

  it("meters transcriptions in milliseconds, rounded up, or in tokens", () => {
    expect(transcriptionUsage({ text: "", usage: { type: "duration", seconds: 7.0001 } }).usage).toEqual({
      milliseconds: 7_001,
    });
    expect(transcriptionUsage({ text: "", duration: 2.5 }).usage).toEqual({ milliseconds: 2_500 });
    const tokens = { type: "tokens", input_tokens: 14, input_token_details: { text_tokens: 0, audio_tokens: 14 } };
    expect(transcriptionUsage({ usage: { ...tokens, output_tokens: 45, total_tokens: 59 } }).usage).toEqual({
      input: 0,
      audioInput: 14,
      output: 45,
    });
    expect(transcriptionUsage({ duration: -1 })).toMatchObject({
      source: "unknown",
      anomalies: ["anomalous:duration"],
    });
  });

  it("bills speech by what was spoken, and reranking by searches or tokens", () => {
    expect(speechUsage(undefined, "héllo 👋").usage).toEqual({ characters: 7 });
    expect(rerankUsage({ meta: { billed_units: { search_units: 2 } } }).usage).toEqual({ toolCalls: { search: 2 } });
    expect(rerankUsage({ usage: { total_tokens: 12 } }).usage).toEqual({ input: 12 });
  });
});

describe("details of single providers", () => {
  it("splits Bedrock's cache writes by their life", () => {
    const usage = {
      ...{ inputTokens: 3, outputTokens: 61, cacheReadInputTokens: 2_074, cacheWriteInputTokens: 300 },
      cacheDetails: [
        { ttl: "5m", inputTokens: 100 },
        { ttl: "1h", inputTokens: 200 },
      ],
      totalTokens: 2_438,
    };
    expect(bedrockConverseUsage(usage).usage).toEqual({
      ...{ input: 3, output: 61, cacheRead: 2_074, cacheWrite: 100, cacheWrite1h: 200 },
    });
  });

  it("names hosted tools and the confirmed service tier", () => {
    const usage = {
      ...{ input_tokens: 5, output_tokens: 6, service_tier: "priority" },
      server_tool_use: { web_search_requests: 2, web_fetch_requests: 0 },
    };
    expect(anthropicMessagesUsage(usage).usage).toEqual({
      ...{ input: 5, output: 6, toolCalls: { web_search: 2 }, serviceTier: "priority" },
    });
    expect(geminiUsage({ promptTokenCount: 1, candidatesTokenCount: 1, serviceTier: "standard" }).usage).toEqual({
      input: 1,
      output: 1,
    });
  });

  it.each<[unknown, bigint | null]>([
    [0.00015, 150_000n],
    ["0.0000000001", 1n],
    [4.2e-5, 42_000n],
    [0, 0n],
    [-1, null],
    [Number.NaN, null],
    ["free", null],
    [undefined, null],
  ])("reads a reported cost of %s", (value, nano) => {
    expect(reportedCost(value)).toBe(nano);
  });
});
