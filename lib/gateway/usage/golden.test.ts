import fs from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { priceLines, type Rates } from "@/lib/billing/pricing";
import { INPUT_CLASSES, totalInputTokens, totalOutputTokens, type Usage } from "@/lib/billing/usage";
import { anthropicMessagesUsage } from "@/lib/gateway/usage/anthropic-messages";
import { bedrockConverseUsage } from "@/lib/gateway/usage/bedrock-converse";
import { geminiUsage } from "@/lib/gateway/usage/gemini";
import { MISSING_RATES, OTHER_NAMES, TOOL_FEES } from "@/lib/gateway/usage/golden-rates";
import { embeddingsUsage } from "@/lib/gateway/usage/media";
import { openAIChatUsage, openRouterUsage } from "@/lib/gateway/usage/openai-chat";
import { openAIResponsesUsage } from "@/lib/gateway/usage/openai-responses";
import type { ReadUsage, UsageReading } from "@/lib/gateway/usage/reading";
import { parseUsd } from "@/lib/money";

const folder = path.resolve(import.meta.dirname, "../../..", process.env.HUB_REFERENCE_DATA ?? "../shared/data");
const recorded = path.join(folder, "genai-prices/usages.json");
const listed = path.join(folder, "models.dev/models.dev.ten-providers.json");
const isThere = fs.existsSync(recorded) && fs.existsSync(listed);
const skipped = isThere ? "" : ` (skipped: no reference data in ${folder}; HUB_REFERENCE_DATA names the folder)`;

type Extractor = {
  provider_id: string;
  api_flavor: string;
  input_price?: string;
  output_price?: string;
  total_price?: string;
};
type Body = { file: string; usage?: Record<string, unknown>; usageMetadata?: Record<string, unknown> };
type Recording = {
  body: Body;
  model?: string;
  extracted: { usage: Record<string, number>; extractors: Extractor[] }[];
};
type Home = { provider: string; flavour: string; read: ReadUsage; raw: unknown };

/** Bodies whose recorded expectation leaves something out, with what they really hold. */
const EXCEPTIONS: Record<string, { why: string; usage: Usage }> = {
  "models/cassettes/test_anthropic/test_anthropic_compaction_usage_with_cache.yaml": {
    why: "a compaction iteration of the same model stands beside the totals",
    usage: { input: 280, cacheWrite: 55_096, output: 90 },
  },
  "models/cassettes/test_anthropic/test_anthropic_advisor_tool_redacted.yaml": {
    why: "an advisor iteration of another model stands beside the totals, at the dearest rates of the call",
    usage: { input: 2_482, output: 95, reasoning: 71, otherInput: 2_564, otherOutput: 99 },
  },
  "models/cassettes/test_openrouter/test_openrouter_binary_content_video_public_api.yaml": {
    why: "the body counts video tokens, which the recording's reader does not know",
    usage: { input: 12, videoInput: 258, output: 28 },
  },
};

describe.skipIf(!isThere)(`recorded usage${skipped}`, () => {
  const bodies = (JSON.parse(isThere ? fs.readFileSync(recorded, "utf8") : "[]") as Recording[]).flatMap(
    (recording) => {
      const home = homeOf(recording.body);
      const expected = home && expectationOf(recording, home);
      return home && expected ? [{ ...expected, recording, home, reading: home.read(home.raw) }] : [];
    },
  );
  const exceptional = (file: string) => file in EXCEPTIONS;

  test("normalises exactly, body by body", () => {
    expect(bodies).toHaveLength(787);
    const differing = bodies.flatMap(({ recording, reading, usage }) => {
      const { file } = recording.body;
      const own = inclusive(reading, recording.body);
      const wrong = Object.keys({ ...usage, ...own }).filter((name) => (usage[name] ?? 0) !== (own[name] ?? 0));
      return wrong.length === 0 || exceptional(file) ? [] : [{ file, wrong, usage, own }];
    });
    expect(differing).toEqual([]);
    const flagged = bodies.filter(
      ({ recording, reading }) => reading.anomalies.length > 0 && !exceptional(recording.body.file),
    );
    expect(flagged.map(({ reading }) => reading.anomalies)).toEqual([]);
    expect(bodies.every(({ reading }) => reading.source === "reported")).toBe(true);
  });

  test.each(Object.entries(EXCEPTIONS))("%s holds more than was expected", (file, { usage }) => {
    const own = bodies.filter(({ recording }) => recording.body.file === file).map(({ reading }) => reading.usage);
    expect(own).toContainEqual(usage);
  });

  test("prices exactly, before the ceiling", () => {
    const rates = readRates();
    const priced = bodies.filter(({ extractor }) => extractor.input_price !== undefined);
    expect(priced).toHaveLength(565);
    const differing = priced.flatMap(({ recording, home, reading, extractor }) => {
      const model = recording.model ?? "";
      const { input, output, tools } = priceByDirection(reading.usage, rates(home.provider, model) ?? {});
      const expected = {
        input: exact(extractor.input_price ?? "0"),
        output: exact(extractor.output_price ?? "0"),
        total: exact(extractor.total_price ?? "0"),
      };
      const total = extractor.total_price === undefined ? 0n : input + output + tools;
      const isSame = input === expected.input && output === expected.output && total === expected.total;
      if (isSame || exceptional(recording.body.file)) return [];
      return [{ model, usage: reading.usage, own: { input, output, total }, expected }];
    });
    expect(differing).toEqual([]);
  });
});

function homeOf(body: Body): Home | null {
  const { usageMetadata, usage = {} } = body;
  const home = (provider: string, flavour: string, read: ReadUsage, raw: unknown = usage) => ({
    provider,
    flavour,
    read,
    raw,
  });
  if (usageMetadata) return home("google", "default", geminiUsage, usageMetadata);
  if ("prompt_tokens" in usage && "completion_tokens" in usage)
    return "cost" in usage ? home("openrouter", "chat", openRouterUsage) : home("openai", "chat", openAIChatUsage());
  if ("input_tokens_details" in usage) return home("openai", "responses", openAIResponsesUsage);
  if ("inputTokens" in usage) return home("aws", "default", bedrockConverseUsage);
  if ("cache_creation_input_tokens" in usage) return home("anthropic", "default", anthropicMessagesUsage);
  return "prompt_tokens" in usage ? home("openai", "embeddings", embeddingsUsage) : null;
}

function expectationOf({ extracted }: Recording, { provider, flavour }: Home) {
  for (const { usage, extractors } of extracted) {
    const extractor = extractors.find((one) => one.provider_id === provider && one.api_flavor === flavour);
    if (extractor) return { usage, extractor };
  }
  return null;
}

/** Our exclusive classes as the recording's inclusive ones. What the classes do not keep (which cached tokens were images,
 *  which prompt tokens a tool's) is taken from the body. */
function inclusive({ usage }: UsageReading, body: Body): Record<string, number> {
  const meta = body.usageMetadata as Record<string, { modality: string; tokenCount: number }[]> | undefined;
  const modality = (list: string, ...kinds: string[]) =>
    (meta?.[list] ?? []).reduce((sum, part) => sum + (kinds.includes(part.modality) ? (part.tokenCount ?? 0) : 0), 0);
  const cachedImages = modality("cacheTokensDetails", "IMAGE", "DOCUMENT");
  const toolPrompt = Number(body.usageMetadata?.toolUsePromptTokenCount ?? 0);
  return {
    input_tokens: totalInputTokens(usage),
    output_tokens: totalOutputTokens(usage),
    cache_read_tokens: usage.cacheRead ?? 0,
    cache_write_tokens: (usage.cacheWrite ?? 0) + (usage.cacheWrite1h ?? 0),
    cache_write_5m_tokens: hasSplit(body) ? (usage.cacheWrite ?? 0) : 0,
    output_reasoning_tokens: usage.reasoning ?? 0,
    input_audio_tokens: usage.audioInput ?? 0,
    input_video_tokens: usage.videoInput ?? 0,
    input_image_tokens: (usage.imageInput ?? 0) + cachedImages,
    output_image_tokens: usage.imageOutput ?? 0,
    input_tool_tokens: toolPrompt,
    input_text_tool_tokens: modality("toolUsePromptTokensDetails", "TEXT"),
    cache_image_read_tokens: cachedImages,
    cache_text_read_tokens: modality("cacheTokensDetails", "TEXT"),
    input_text_tokens: modality("promptTokensDetails", "TEXT") + modality("toolUsePromptTokensDetails", "TEXT"),
    output_text_tokens: modality("candidatesTokensDetails", "TEXT"),
    web_searches: usage.toolCalls?.web_search ?? 0,
  };
}

function hasSplit({ usage }: Body): boolean {
  return usage !== undefined && "cache_creation" in usage;
}

/** Millionths of a nano-USD. */
function priceByDirection(usage: Usage, rates: Rates) {
  const sums = { input: 0n, output: 0n, tools: 0n };
  for (const line of priceLines(usage, rates)) {
    const isInput = (INPUT_CLASSES as readonly string[]).includes(line.class);
    const part = line.class.startsWith("toolCall:") ? "tools" : isInput ? "input" : "output";
    sums[part] += line.nanoMillionths;
  }
  return sums;
}

/** Decimal USD -> millionths of a nano-USD, exactly. */
function exact(decimal: string): bigint {
  const [mantissa = "", exponent = "0"] = decimal.toUpperCase().split("E");
  const [whole = "", fraction = ""] = mantissa.split(".");
  const shift = 15 + Number(exponent) - fraction.length;
  const digits = BigInt(whole + fraction);
  if (shift >= 0) return digits * 10n ** BigInt(shift);
  if (digits % 10n ** BigInt(-shift) !== 0n) throw new RangeError(`${decimal} is finer than a millionth of a nano-USD`);
  return digits / 10n ** BigInt(-shift);
}

type ListedCost = Record<string, number> & { tiers?: (Record<string, number> & { tier: { size: number } })[] };

function readRates(): (provider: string, model: string) => Rates | null {
  const { providers } = JSON.parse(fs.readFileSync(listed, "utf8")) as {
    providers: Record<string, { models: Record<string, { cost?: ListedCost }> }>;
  };
  const perToolCall = Object.fromEntries(
    Object.entries(TOOL_FEES).map(([tool, usd]) => [tool, parseUsd(usd) * 1_000_000n]),
  );
  return (provider, model) => {
    const name = OTHER_NAMES[model] ?? model;
    const models = providers[provider]?.models ?? {};
    const cost = models[name]?.cost ?? models[name.replace(/-\d{4}-\d{2}-\d{2}$/, "")]?.cost;
    const extra = Object.entries(MISSING_RATES[model] ?? {}).map(([rate, usd]) => [rate, parseUsd(usd)]);
    if (!cost && extra.length === 0) return null;
    return { ...(cost && toRates(cost)), ...Object.fromEntries(extra), perToolCall };
  };
}

const LISTED_RATES = {
  input: "input",
  output: "output",
  cache_read: "cacheRead",
  cache_write: "cacheWrite",
  reasoning: "reasoning",
  input_audio: "audioInput",
} as const;

function toRates({ tiers = [], ...cost }: ListedCost): Rates {
  const set = (values: Record<string, unknown>) =>
    Object.fromEntries(
      Object.entries(LISTED_RATES).flatMap(([theirs, ours]) =>
        typeof values[theirs] === "number" ? [[ours, parseUsd(values[theirs])]] : [],
      ),
    );
  return {
    ...set(cost),
    ...(tiers.length > 0 && { tiers: tiers.map(({ tier, ...own }) => ({ ...set(own), aboveInputTokens: tier.size })) }),
  };
}
