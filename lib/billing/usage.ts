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

/** Both together. A tier is of a whole call, so that of the first counts. */
export function addUsage(first: Usage, second: Usage | undefined): Usage {
  if (!second) return first;
  const { toolCalls, imageVariants, serviceTier } = first;
  const tier = serviceTier ?? second.serviceTier;
  return {
    ...addCounts<TokenClass | UnitClass>([...TOKEN_CLASSES, ...UNIT_CLASSES], first, second),
    ...((toolCalls || second.toolCalls) && { toolCalls: addNamed(toolCalls, second.toolCalls) }),
    ...((imageVariants || second.imageVariants) && { imageVariants: addNamed(imageVariants, second.imageVariants) }),
    ...(tier !== undefined && { serviceTier: tier }),
  };
}

type Counts = Readonly<Record<string, number>>;

function addNamed(first: Counts = {}, second: Counts = {}): Record<string, number> {
  return addCounts([...new Set([...Object.keys(first), ...Object.keys(second)])], first, second);
}

function addCounts<Name extends string>(
  names: readonly Name[],
  first: Partial<Record<Name, number>>,
  second: Partial<Record<Name, number>>,
): Record<Name, number> {
  const counted = names.flatMap((name) => {
    const count = (first[name] ?? 0) + (second[name] ?? 0);
    return count === 0 ? [] : [[name, count] as const];
  });
  return Object.fromEntries(counted) as Record<Name, number>;
}

function sum(usage: Usage, classes: readonly TokenClass[]): number {
  let total = 0;
  for (const name of classes) total += usage[name] ?? 0;
  return total;
}
