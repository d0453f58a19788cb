import { parseRates } from "@/lib/billing/pricing";
import { arithmeticOf } from "@/lib/billing/receipt";
import type { Usage } from "@/lib/billing/usage";
import { db } from "@/lib/db";
import { adjustmentsOf } from "@/lib/usage/admin-adjustments";
import type { Receipt } from "@/lib/usage/schema";
import { restoredUsage } from "@/lib/usage/stored-usage";
import type { UsageEvent } from "@/prisma/generated/client";

/** The metered units of a call and, where it had a price, the lines that add up to it. */
export async function readPrice(event: UsageEvent): Promise<Pick<Receipt, "usage" | "price">> {
  const usage = usageOf(event, ...((await adjustmentsOf([event])).get(event.id) ?? []));
  const flat = flatten(usage);
  const version = event.priceVersionId && (await db().priceVersion.findUnique({ where: { id: event.priceVersionId } }));
  if (!version) return { usage: flat, price: null };
  return {
    usage: flat,
    price: {
      versionId: version.id.toString(),
      effectiveFrom: version.effectiveFrom.toISOString(),
      factorBp: version.factorBp,
      ...arithmeticOf(usage, parseRates(version.rates), version.factorBp),
    },
  };
}

/** The classes that were counted, without those that are zero; the counts of late adjustments are differences. */
export function usageOf(...events: [UsageEvent, ...UsageEvent[]]): Usage {
  const [first, ...more] = events.map(countsOf) as [Counts, ...Counts[]];
  const counts = more.reduce((total, own) => mapCounts(total, (name) => total[name] + own[name]), first);
  const used = Object.fromEntries(Object.entries(counts).filter(([, units]) => units !== 0));
  const named = events.findLast(({ toolCalls }) => toolCalls)?.toolCalls;
  // safe because settle_batch writes {name: count} or nothing
  return restoredUsage({ ...used, ...(named ? { toolCalls: named as Record<string, number> } : {}) });
}

type Counts = ReturnType<typeof countsOf>;

function mapCounts(counts: Counts, map: (name: keyof Counts) => number): Counts {
  // safe because the names are those of `counts`
  return Object.fromEntries((Object.keys(counts) as (keyof Counts)[]).map((name) => [name, map(name)])) as Counts;
}

function countsOf(event: UsageEvent) {
  return {
    input: event.inputTokens,
    cacheRead: event.cacheReadTokens,
    cacheWrite: event.cacheWriteTokens,
    cacheWrite1h: event.cacheWrite1hTokens,
    audioInput: event.audioInputTokens,
    imageInput: event.imageInputTokens,
    videoInput: event.videoInputTokens,
    output: event.outputTokens,
    reasoning: event.reasoningTokens,
    audioOutput: event.audioOutputTokens,
    imageOutput: event.imageOutputTokens,
    images: event.images,
    milliseconds: Number(event.milliseconds),
    characters: Number(event.characters),
    requests: event.requests,
  };
}

/** One count per name: `toolCall:web_search`, `image:1024x1024/high`. */
function flatten({ toolCalls = {}, imageVariants = {}, serviceTier: _tier, ...units }: Usage): Record<string, number> {
  return {
    ...units,
    ...Object.fromEntries(Object.entries(toolCalls).map(([name, n]) => [`toolCall:${name}`, n])),
    ...Object.fromEntries(Object.entries(imageVariants).map(([name, n]) => [`image:${name}`, n])),
  };
}
