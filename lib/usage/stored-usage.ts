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
