import { openAIResponsesUsage } from "@/lib/gateway/usage/openai-responses";
import { NOTHING_REPORTED, RawUsage, type UsageReading } from "@/lib/gateway/usage/reading";

/** Embeddings report `{prompt_tokens, total_tokens}`, or their total alone: all of it is input. */
export function embeddingsUsage(usage: unknown): UsageReading {
  const raw = RawUsage.of(usage);
  if (!raw) return NOTHING_REPORTED;
  const input = raw.find("prompt_tokens") ?? raw.find("total_tokens");
  if (input === null) return raw.anomalies.length > 0 ? raw.reading({}) : NOTHING_REPORTED;
  raw.ignore("total_tokens", "completion_tokens", "prompt_tokens_details.*");
  return raw.reading({ input });
}

/** An image answer: the images that came, by size and quality, and the tokens where the provider counts them.
 *  @param requested what the client asked for, used where the answer does not repeat it. */
export function imagesUsage(body: unknown, requested: { size?: string; quality?: string } = {}): UsageReading {
  const raw = RawUsage.of(body);
  const data = raw?.at("data");
  const images = Array.isArray(data) ? data.length : 0;
  const tokens = openAIResponsesUsage(raw?.at("usage"));
  if (images === 0 && tokens.source === "unknown") return { ...NOTHING_REPORTED, anomalies: tokens.anomalies };
  const size = text(raw?.at("size")) ?? requested.size ?? "auto";
  const quality = text(raw?.at("quality")) ?? requested.quality ?? "auto";
  const { output, ...rest } = tokens.usage;
  return {
    usage: {
      ...rest,
      // what an image model puts out is an image
      ...(output && { imageOutput: output + (rest.imageOutput ?? 0) }),
      ...(images && { images, imageVariants: { [`${size}/${quality}`]: images } }),
    },
    source: "reported",
    anomalies: tokens.anomalies,
  };
}

/** A transcription: tokens, or the seconds of audio; `duration` of the verbose form counts where `usage` is absent. */
export function transcriptionUsage(body: unknown): UsageReading {
  const raw = RawUsage.of(body);
  const usage = RawUsage.of(raw?.at("usage"));
  if (usage && usage.at("type") !== "duration") return openAIResponsesUsage(raw?.at("usage"));
  const seconds = usage ? usage.at("seconds") : raw?.at("duration");
  if (seconds === undefined || seconds === null) return NOTHING_REPORTED;
  const isTrue = typeof seconds === "number" && Number.isFinite(seconds) && seconds >= 0 && seconds <= LONGEST_SECONDS;
  if (!isTrue) return { ...NOTHING_REPORTED, anomalies: [`anomalous:${usage ? "usage.seconds" : "duration"}`] };
  return { usage: { milliseconds: Math.ceil(seconds * 1000) }, source: "reported", anomalies: [] };
}

/** Speech: token usage where the provider reports any, else the characters that were spoken, which we know exactly. */
export function speechUsage(usage: unknown, input: string): UsageReading {
  const reported = openAIResponsesUsage(usage);
  if (reported.source === "reported") {
    const { output, ...rest } = reported.usage;
    return { ...reported, usage: { ...rest, ...(output && { audioOutput: output + (rest.audioOutput ?? 0) }) } };
  }
  return { usage: { characters: [...input].length }, source: "reported", anomalies: reported.anomalies };
}

/** Rerank: `meta.billed_units.search_units` (Cohere) or `usage.total_tokens` (Jina). */
export function rerankUsage(body: unknown): UsageReading {
  const raw = RawUsage.of(body);
  if (!raw) return NOTHING_REPORTED;
  const searches = raw.find("meta.billed_units.search_units");
  if (searches !== null) return raw.reading({ toolCalls: { search: searches } });
  const input = raw.find("usage.prompt_tokens") ?? raw.find("usage.total_tokens");
  if (input === null) return raw.anomalies.length > 0 ? raw.reading({}) : NOTHING_REPORTED;
  raw.ignore("usage.*", "meta.*");
  return raw.reading({ input });
}

const LONGEST_SECONDS = 100_000;

function text(value: unknown): string | null {
  return typeof value === "string" && /^[\w.:-]{1,32}$/.test(value) ? value : null;
}
