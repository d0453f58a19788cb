import { parseRates, priceLines } from "@/lib/billing/pricing";
import type { Usage } from "@/lib/billing/usage";
import { db } from "@/lib/db";
import { formatUsd } from "@/lib/money";
import type { Receipt } from "@/lib/usage/schema";
import { restoredUsage } from "@/lib/usage/stored-usage";
import type { UsageEvent } from "@/prisma/generated/client";

/** The metered units of a call and, where it had a price, the lines that add up to it. */
export async function readPrice(event: UsageEvent): Promise<Pick<Receipt, "usage" | "price">> {
  const usage = usageOf(event);
  const flat = flatten(usage);
  const version = event.priceVersionId && (await db().priceVersion.findUnique({ where: { id: event.priceVersionId } }));
  if (!version) return { usage: flat, price: null };
  const lines = priceLines(usage, parseRates(version.rates)).map((line) => ({
    class: line.class,
    ratedAs: line.ratedAs ?? null,
    units: line.units,
    usdPerMillion: formatUsd(line.rate),
    exactNano: millionths(line.nanoMillionths),
  }));
  return { usage: flat, price: { versionId: version.id.toString(), factorBp: version.factorBp, lines } };
}

/** The classes that were counted, without those that are zero. */
export function usageOf(event: UsageEvent): Usage {
  const counts = {
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
  const used = Object.fromEntries(Object.entries(counts).filter(([, units]) => units !== 0));
  // safe because settle_batch writes {name: count} or nothing
  return restoredUsage({
    ...used,
    ...(event.toolCalls ? { toolCalls: event.toolCalls as Record<string, number> } : {}),
  });
}

/** One count per name: `toolCall:web_search`, `image:1024x1024/high`. */
function flatten({ toolCalls = {}, imageVariants = {}, serviceTier: _tier, ...units }: Usage): Record<string, number> {
  return {
    ...units,
    ...Object.fromEntries(Object.entries(toolCalls).map(([name, n]) => [`toolCall:${name}`, n])),
    ...Object.fromEntries(Object.entries(imageVariants).map(([name, n]) => [`image:${name}`, n])),
  };
}

/** 1234500000n -> "1234.5" */
function millionths(value: bigint): string {
  const digits = value.toString().padStart(7, "0");
  const fraction = digits.slice(-6).replace(/0+$/, "");
  return digits.slice(0, -6) + (fraction && `.${fraction}`);
}
