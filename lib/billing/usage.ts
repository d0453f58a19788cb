/** What one call consumed, in exclusive classes: a token is counted in exactly one of them. Absent means zero.
 *  Source of the classes: the normalisation table of the wire contract (provider totals are split before they get here). */
export const TOKEN_CLASSES = [
  "input",
  "cacheRead",
  "cacheWrite",
  "cacheWrite1h",
  "audioInput",
  "imageInput",
  "videoInput",
  "output",
  "reasoning",
  "audioOutput",
  "imageOutput",
  "otherInput",
  "otherOutput",
] as const;
export type TokenClass = (typeof TOKEN_CLASSES)[number];

export const UNIT_CLASSES = ["images", "milliseconds", "characters", "requests"] as const;
export type UnitClass = (typeof UNIT_CLASSES)[number];

/** `otherInput` and `otherOutput` are tokens of kinds we do not know: charged at the dearest rate of their direction.
 *  `toolCalls` counts calls of provider-hosted tools by name; `imageVariants` says of which `size/quality` the images are;
 *  `serviceTier` names the rate set the provider confirmed. */
export type Usage = Partial<Record<TokenClass | UnitClass, number>> & {
  toolCalls?: Record<string, number>;
  imageVariants?: Record<string, number>;
  serviceTier?: string;
};

/** reported: the provider said so · estimated: our own count of what passed · unknown: neither was possible. */
export type UsageSource = "reported" | "estimated" | "unknown";

export const INPUT_CLASSES = [
  "input",
  "cacheRead",
  "cacheWrite",
  "cacheWrite1h",
  "audioInput",
  "imageInput",
  "videoInput",
  "otherInput",
] as const;
export const OUTPUT_CLASSES = ["output", "reasoning", "audioOutput", "imageOutput", "otherOutput"] as const;

/** All input tokens, cached ones and media included: what providers call prompt tokens. */
export function totalInputTokens(usage: Usage): number {
  return sum(usage, INPUT_CLASSES);
}

/** All output tokens, reasoning included: what providers call completion tokens. */
export function totalOutputTokens(usage: Usage): number {
  return sum(usage, OUTPUT_CLASSES);
}

function sum(usage: Usage, classes: readonly TokenClass[]): number {
  let total = 0;
  for (const name of classes) total += usage[name] ?? 0;
  return total;
}
