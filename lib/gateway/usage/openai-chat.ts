import type { Usage } from "@/lib/billing/usage";
import type { JsonObject } from "@/lib/gateway/json-body";
import { NOTHING_REPORTED, RawUsage, type ReadUsage, reportedCost } from "@/lib/gateway/usage/reading";
import type { Nano } from "@/lib/money";

/** How a provider departs from OpenAI's own chat usage. */
export type OpenAIChatUsage = {
  /** The field that counts cached prompt tokens, where `prompt_tokens_details.cached_tokens` is absent. */
  cacheRead?: string;
  /** Reasoning, and at times cached input, may be counted beside the totals: `total_tokens` tells (xAI). */
  partsMayBeOutside?: boolean;
  /** What the provider charges us, read from its usage object. */
  cost?: (usage: Record<string, unknown>) => Nano | null;
};

/** Chat usage: `prompt_tokens` includes cached, written, audio, image and video tokens, `completion_tokens` includes
 *  reasoning, audio and images. Text completions and embeddings have the same shape with fewer fields. */
export function openAIChatUsage(provider: OpenAIChatUsage = {}): ReadUsage {
  return (usage) => {
    const raw = RawUsage.of(usage);
    if (!raw) return NOTHING_REPORTED;
    const prompt = raw.find("prompt_tokens");
    const completion = raw.find("completion_tokens");
    if (prompt === null && completion === null && raw.anomalies.length === 0) return NOTHING_REPORTED;
    if (prompt === null) raw.spoil("prompt_tokens");
    const totals = { prompt: prompt ?? 0, completion: completion ?? 0, total: raw.find("total_tokens") };
    const parts = readParts(raw, provider);
    const inclusive = provider.partsMayBeOutside ? bringInside(totals, parts) : totals;
    ignoreBreakdowns(raw);
    return raw.reading(split(inclusive, parts), {
      // a total that is met without them already holds them
      insideTotals: totals.total !== null && totals.total === inclusive.prompt + inclusive.completion,
      // safe because RawUsage.of saw an object
      costNano: provider.cost?.(usage as Record<string, unknown>) ?? null,
    });
  };
}

/** OpenRouter: `cost` is in USD credits, and what it lists in `cost_details` is the same money again. */
export const openRouterUsage = openAIChatUsage({ cost: ({ cost }) => reportedCost(cost) });
/** DeepSeek: prompt = cache hits + misses. */
export const deepSeekUsage = openAIChatUsage({ cacheRead: "prompt_cache_hit_tokens" });
/** xAI: a tick is a ten-billionth of a USD. */
export const xaiUsage = openAIChatUsage({
  partsMayBeOutside: true,
  cost: ({ cost_in_usd_ticks: ticks }) =>
    typeof ticks === "number" && Number.isSafeInteger(ticks) && ticks >= 0 ? (BigInt(ticks) + 9n) / 10n : null,
});

/** xAI's usage as OpenAI counts: what stands beside a total is brought inside it, so that clients add up what was charged. */
export function inclusiveUsage(usage: JsonObject): JsonObject {
  const raw = RawUsage.of(usage);
  const prompt = raw?.find("prompt_tokens") ?? null;
  const completion = raw?.find("completion_tokens") ?? null;
  if (!raw || prompt === null || completion === null) return usage;
  const inside = bringInside({ prompt, completion, total: raw.find("total_tokens") }, readParts(raw, {}));
  return {
    ...usage,
    prompt_tokens: inside.prompt,
    completion_tokens: inside.completion,
    total_tokens: inside.prompt + inside.completion,
  };
}

type Totals = { prompt: number; completion: number; total: number | null };
type Parts = ReturnType<typeof readParts>;

function readParts(raw: RawUsage, { cacheRead }: OpenAIChatUsage) {
  const own = cacheRead === undefined ? null : raw.find(cacheRead);
  return {
    cacheRead: raw.find("prompt_tokens_details.cached_tokens") ?? own ?? 0,
    cacheWrite: raw.count("prompt_tokens_details.cache_write_tokens"),
    audioInput: raw.count("prompt_tokens_details.audio_tokens"),
    imageInput: raw.count("prompt_tokens_details.image_tokens"),
    videoInput: raw.count("prompt_tokens_details.video_tokens"),
    reasoning: raw.count("completion_tokens_details.reasoning_tokens"),
    audioOutput: raw.count("completion_tokens_details.audio_tokens"),
    imageOutput: raw.count("completion_tokens_details.image_tokens"),
  };
}

function ignoreBreakdowns(raw: RawUsage): void {
  raw.ignore(
    "cached_tokens",
    "num_cached_tokens",
    "prompt_cache_hit_tokens",
    "prompt_cache_miss_tokens",
    "prompt_tokens_details.text_tokens",
    "prompt_tokens_details.cached_tokens_details.*",
    "completion_tokens_details.text_tokens",
    "completion_tokens_details.accepted_prediction_tokens",
    "completion_tokens_details.rejected_prediction_tokens",
    "cost_details.*",
  );
}

/** Whichever reading adds up to `total_tokens`: reasoning beside the completion first, as xAI documents it. */
function bringInside(totals: Totals, { cacheRead, reasoning }: Parts): Totals {
  const readings = [
    { ...totals, completion: totals.completion + reasoning },
    totals,
    { ...totals, prompt: totals.prompt + cacheRead, completion: totals.completion + reasoning },
    { ...totals, prompt: totals.prompt + cacheRead },
  ];
  const isPossible = ({ prompt, completion }: Totals) => cacheRead <= prompt && reasoning <= completion;
  const fitting = readings.find(
    (reading) => isPossible(reading) && reading.prompt + reading.completion === totals.total,
  );
  return fitting ?? readings.find(isPossible) ?? totals;
}

function split(totals: Totals, parts: Parts): Usage {
  const media = parts.audioInput + parts.imageInput + parts.videoInput;
  const input = totals.prompt - parts.cacheRead - parts.cacheWrite - media;
  const output = totals.completion - parts.reasoning - parts.audioOutput - parts.imageOutput;
  // cached audio stands in both counts: it is cached, and so is not counted as audio again
  const overlap = input < 0 && -input <= Math.min(parts.audioInput, parts.cacheRead) ? -input : 0;
  return { ...parts, input: input + overlap, audioInput: parts.audioInput - overlap, output };
}
