import { tierOf } from "@/lib/gateway/usage/named";
import { NOTHING_REPORTED, RawUsage, type UsageReading } from "@/lib/gateway/usage/reading";

/** `usageMetadata`: the prompt includes cached tokens, tool-use prompt tokens come on top; candidates exclude thoughts.
 *  Cached media are cache reads, so only the rest of their modality counts as media. */
export function geminiUsage(usageMetadata: unknown): UsageReading {
  const raw = RawUsage.of(usageMetadata);
  if (!raw) return NOTHING_REPORTED;
  const prompt = raw.find("promptTokenCount");
  const candidates = raw.find("candidatesTokenCount");
  const thoughts = raw.count("thoughtsTokenCount");
  if (prompt === null && candidates === null && raw.anomalies.length === 0) return NOTHING_REPORTED;
  const cacheRead = raw.count("cachedContentTokenCount");
  const toolPrompt = raw.count("toolUsePromptTokenCount");
  const total = raw.find("totalTokenCount");
  const prompted = modalities(raw, "promptTokensDetails");
  const tool = modalities(raw, "toolUsePromptTokensDetails");
  const cached = modalities(raw, "cacheTokensDetails");
  const answered = modalities(raw, "candidatesTokensDetails");
  const media = {
    audioInput: prompted.audio + tool.audio - cached.audio,
    imageInput: prompted.image + tool.image - cached.image,
    videoInput: prompted.video + tool.video - cached.video,
  };
  const input = (prompt ?? 0) + toolPrompt;
  const serviceTier = tierOf(raw.at("serviceTier"));
  return raw.reading(
    {
      ...media,
      input: input - cacheRead - media.audioInput - media.imageInput - media.videoInput,
      cacheRead,
      output: (candidates ?? 0) - answered.audio - answered.image,
      reasoning: thoughts,
      audioOutput: answered.audio,
      imageOutput: answered.image,
      ...(serviceTier && { serviceTier }),
    },
    { insideTotals: total !== null && total === input + (candidates ?? 0) + thoughts },
  );
}

function modalities(raw: RawUsage, path: string): { audio: number; image: number; video: number } {
  const sums = { audio: 0, image: 0, video: 0 };
  const details = raw.at(path);
  if (!Array.isArray(details)) return sums;
  for (const detail of details) {
    const part = RawUsage.of(detail);
    const kind = MODALITIES[String(part?.at("modality"))];
    const units = part?.count("tokenCount") ?? 0;
    if (part && part.anomalies.length > 0) raw.spoil(path);
    if (kind) sums[kind] += units;
  }
  return sums;
}

/** A page of a document is billed as an image. Text is what remains. */
const MODALITIES: Record<string, "audio" | "image" | "video"> = {
  AUDIO: "audio",
  IMAGE: "image",
  DOCUMENT: "image",
  VIDEO: "video",
};
