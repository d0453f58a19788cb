import { describe, expect, test } from "vitest";
import { readPublicCatalogue } from "@/lib/catalog/public-formats";
import { formatRates } from "@/lib/catalog/rates";

const TODAY = "2026-07-24";
const read = (catalogue: object | string) =>
  readPublicCatalogue(typeof catalogue === "string" ? catalogue : JSON.stringify(catalogue), TODAY);
const costs = (catalogue: object) =>
  Object.fromEntries(read(catalogue).models.map(({ id, cost }) => [id, cost && formatRates(cost)]));

describe("models.dev", () => {
  const model = (more: object) => ({
    ...{ name: "M", tool_call: true, reasoning: false, structured_output: true, release_date: "2026-04" },
    ...{ limit: { context: 1_050_000, output: 128_000 }, modalities: { input: ["text", "pdf"], output: ["text"] } },
    ...more,
  });

  test("costs are USD per million; tiers and audio are kept, what is absent stays absent", () => {
    const cost = { input: 2.5, output: 15, cache_read: 0.25, input_audio: 4, image: 3 };
    const tiers = [{ tier: { size: 272_000 }, input: 5, output: 22.5 }];
    const { format, models } = read({ openai: { models: { m: model({ cost: { ...cost, tiers } }), n: model({}) } } });
    expect(format).toBe("models.dev");
    expect(models[0]).toMatchObject({
      ...{ kind: "openai", id: "m", name: "M", type: "chat", contextWindow: 1_050_000, maxOutputTokens: 128_000 },
      ...{ input: ["text", "file"], output: ["text"], released: "2026-04-01", isRetired: false },
      capabilities: ["tools", "structured_output", "prompt_caching"],
    });
    expect(models[0]?.cost && formatRates(models[0].cost)).toEqual({
      ...{ input: "2.5", output: "15", cacheRead: "0.25", audioInput: "4" },
      tiers: [{ aboveInputTokens: 272_000, input: "5", output: "22.5" }],
    });
    expect(models[1]).toMatchObject({ id: "n", cost: null });
  });

  test("the older way to say a tier, other names of providers, and what is no longer offered", () => {
    const cost = { input: 1, output: 2, context_over_200k: { input: 2, output: 3 } };
    const { models } = read({
      providers: {
        "amazon-bedrock": { models: { "a.b": model({ cost }) } },
        unheard: { models: { x: model({}) } },
        xai: { models: { old: model({ status: "deprecated" }) } },
      },
    });
    expect(models.map(({ kind, id, isRetired }) => [kind, id, isRetired])).toEqual([
      ["bedrock", "a.b", false],
      ["xai", "old", true],
    ]);
    expect(models[0]?.cost && formatRates(models[0].cost)).toMatchObject({
      tiers: [{ aboveInputTokens: 200_000, input: "2", output: "3" }],
    });
  });
});

describe("LiteLLM", () => {
  const chat = { litellm_provider: "anthropic", mode: "chat", max_input_tokens: 200_000, max_output_tokens: 64_000 };

  test("costs are USD per token, read digit by digit", () => {
    const text = `{"sample_spec":{"litellm_provider":"one of https://…","mode":"one of: chat"},
      "claude":{"litellm_provider":"anthropic","mode":"chat","max_input_tokens":200000,"max_output_tokens":64000,
      "supports_function_calling":true,"supports_vision":true,"supports_pdf_input":true,
      "input_cost_per_token":3e-06,"output_cost_per_token":1.5e-05,"cache_read_input_token_cost":3.0000000000000004e-07,
      "cache_creation_input_token_cost":3.75e-06,"cache_creation_input_token_cost_above_1hr":6e-06,
      "input_cost_per_token_above_200k_tokens":6e-06,"output_cost_per_token_above_200k_tokens":2.25e-05,
      "input_cost_per_token_batches":1.5e-06,"input_cost_per_token_priority":6e-06,
      "input_cost_per_token_above_200k_tokens_priority":1.2e-05}}`;
    const { format, models } = read(text);
    expect(format).toBe("litellm");
    expect(models).toHaveLength(1);
    expect(models[0]).toMatchObject({
      ...{ kind: "anthropic", id: "claude", type: "chat", contextWindow: 200_000, maxOutputTokens: 64_000 },
      ...{ input: ["text", "image", "file"], output: ["text"], capabilities: ["tools"] },
    });
    expect(models[0]?.cost && formatRates(models[0].cost)).toEqual({
      ...{ input: "3", output: "15", cacheRead: "0.3", cacheWrite: "3.75", cacheWrite1h: "6" },
      tiers: [{ aboveInputTokens: 200_000, input: "6", output: "22.5" }],
      serviceTiers: {
        batch: { input: "1.5" },
        priority: { input: "6", tiers: [{ aboveInputTokens: 200_000, input: "12" }] },
      },
    });
  });

  test("what is charged by the piece is not charged by the token too", () => {
    const openai = (mode: string, more: object) => ({ litellm_provider: "openai", mode, ...more });
    expect(
      costs({
        whisper: openai("audio_transcription", { input_cost_per_second: 0.0001 }),
        transcribe: openai("audio_transcription", { input_cost_per_token: 2.5e-6, input_cost_per_second: 0.0001 }),
        tts: openai("audio_speech", { input_cost_per_character: 1.5e-5 }),
        image: openai("image_generation", { output_cost_per_image: 0.04 }),
        tokens: openai("image_generation", { output_cost_per_image_token: 4e-5, output_cost_per_image: 0.04 }),
        both: openai("image_generation", { output_cost_per_token: 3e-5, output_cost_per_image: 0.04 }),
        none: openai("chat", {}),
      }),
    ).toEqual({
      whisper: { perSecond: "0.0001" },
      transcribe: { input: "2.5" },
      tts: { perMillionCharacters: "15" },
      image: { perImage: "0.04" },
      tokens: { imageOutput: "40" },
      both: { output: "30" },
      none: null,
    });
  });

  test("a model's own name comes before a prefixed one, the Gemini API before Vertex; regions and sizes are no models", () => {
    const at = (litellm_provider: string, input_cost_per_token: number) => ({
      ...chat,
      litellm_provider,
      input_cost_per_token,
    });
    expect(
      costs({
        "deepseek/deepseek-chat": at("deepseek", 2e-6),
        "deepseek-chat": at("deepseek", 1e-6),
        "gemini-2.5-pro": at("vertex_ai-language-models", 9e-6),
        "gemini/gemini-2.5-pro": at("gemini", 1e-6),
        "bedrock/us-east-1/anthropic.claude": at("bedrock", 1e-6),
        "1024-x-1024/dall-e-2": { litellm_provider: "openai", mode: "image_generation" },
        "mistral/large": at("mistral", 1e-6),
      }),
    ).toEqual({ "deepseek-chat": { input: "1" }, "gemini-2.5-pro": { input: "1" } });
  });

  test("a date of deprecation that is over means it is gone", () => {
    const { models } = read({
      gone: { ...chat, deprecation_date: "2026-07-24" },
      going: { ...chat, deprecation_date: "2026-07-25" },
    });
    expect(models.map(({ id, isRetired }) => [id, isRetired])).toEqual([
      ["gone", true],
      ["going", false],
    ]);
  });
});

test.each([
  ["no JSON", "<html>", "not JSON"],
  ["a list", "[1]", "not a JSON object"],
  ["something else", '{"a":{"b":1}}', "neither"],
  ["nothing", "{}", "neither"],
])("%s is refused and told", (_, text, message) => {
  expect(() => read(text)).toThrow(message);
});
