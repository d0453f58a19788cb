import type { Usage } from "@/lib/billing/usage";

/** What has no column of its own rides in the named counts of `tool_calls`, under names no tool can have. */
const NAMED = { imageVariants: "image:", serviceTier: "tier:", otherInput: "other:input", otherOutput: "other:output" };

/** A usage as the money functions store it: tokens of unknown kinds count into the plain columns, so that sums stay whole. */
export function storedUsage(usage: Usage): Usage {
  const { imageVariants, serviceTier, otherInput = 0, otherOutput = 0, ...rest } = usage;
  if (!imageVariants && !serviceTier && !otherInput && !otherOutput) return rest;
  const named: Record<string, number> = { ...rest.toolCalls };
  for (const [variant, units] of Object.entries(imageVariants ?? {})) named[NAMED.imageVariants + variant] = units;
  if (serviceTier) named[NAMED.serviceTier + serviceTier] = 1;
  if (otherInput) named[NAMED.otherInput] = otherInput;
  if (otherOutput) named[NAMED.otherOutput] = otherOutput;
  return {
    ...rest,
    ...(otherInput && { input: (rest.input ?? 0) + otherInput }),
    ...(otherOutput && { output: (rest.output ?? 0) + otherOutput }),
    toolCalls: named,
  };
}

/** Column of `usage_event` -> class. */
const COLUMNS = {
  input_tokens: "input",
  cache_read_tokens: "cacheRead",
  cache_write_tokens: "cacheWrite",
  cache_write_1h_tokens: "cacheWrite1h",
  audio_input_tokens: "audioInput",
  image_input_tokens: "imageInput",
  video_input_tokens: "videoInput",
  output_tokens: "output",
  reasoning_tokens: "reasoning",
  audio_output_tokens: "audioOutput",
  image_output_tokens: "imageOutput",
  images: "images",
  milliseconds: "milliseconds",
  characters: "characters",
  requests: "requests",
} as const;

/** The usage of a call from the rows of its event and, if there is one, its late adjustment (whose counts are differences). */
export function usageOfRows(rows: readonly Record<string, unknown>[]): Usage {
  const stored: Usage = {};
  for (const [column, name] of Object.entries(COLUMNS) as [string, (typeof COLUMNS)[keyof typeof COLUMNS]][]) {
    const units = rows.reduce((total, row) => total + Number(row[column] ?? 0), 0);
    if (units !== 0) stored[name] = units;
  }
  // the last row knows best, and names whole counts
  const named = rows.findLast((row) => row.tool_calls)?.tool_calls;
  // safe because only storedUsage makes what settle_batch writes there
  return named ? restoredUsage({ ...stored, toolCalls: named as Record<string, number> }) : stored;
}

/** The inverse of `storedUsage`. */
export function restoredUsage(stored: Usage): Usage {
  const { toolCalls: named, ...rest } = stored;
  if (!named) return stored;
  const usage: Usage = rest;
  for (const [name, units] of Object.entries(named)) {
    if (name === NAMED.otherInput) {
      usage.otherInput = units;
      usage.input = (rest.input ?? 0) - units;
    } else if (name === NAMED.otherOutput) {
      usage.otherOutput = units;
      usage.output = (rest.output ?? 0) - units;
    } else if (name.startsWith(NAMED.serviceTier)) usage.serviceTier = name.slice(NAMED.serviceTier.length);
    else if (name.startsWith(NAMED.imageVariants))
      usage.imageVariants = { ...usage.imageVariants, [name.slice(NAMED.imageVariants.length)]: units };
    else usage.toolCalls = { ...usage.toolCalls, [name]: units };
  }
  return usage;
}
