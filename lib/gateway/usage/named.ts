import type { RawUsage, UsageReading } from "@/lib/gateway/usage/reading";

/** Service tiers that are billed at rates of their own; any other word means the ordinary one. */
const TIERS: Record<string, string> = { batch: "batch", flex: "flex", priority: "priority", scale: "priority" };

/** The service tier a provider confirms, as rate sets name it; null for the ordinary one. */
export function tierOf(value: unknown): string | null {
  return typeof value === "string" ? (TIERS[value.toLowerCase()] ?? null) : null;
}

/** Calls of tools that the provider hosts: `{web_search_requests: 2}` at `path` -> `{web_search: 2}`. Null for none. */
export function serverTools(raw: RawUsage, path: string): Record<string, number> | null {
  const used = raw.at(path);
  if (typeof used !== "object" || used === null) return null;
  const calls: Record<string, number> = {};
  for (const name of Object.keys(used)) {
    const units = raw.count(`${path}.${name}`);
    if (units > 0) calls[name.replace(/_requests$/, "").slice(0, 64)] = units;
  }
  return Object.keys(calls).length > 0 ? calls : null;
}

/** A report together with what its protocol shows elsewhere: calls of hosted tools, the service tier. */
export function withFacts(
  reading: UsageReading,
  { toolCalls, serviceTier }: { toolCalls: Readonly<Record<string, number>> | null; serviceTier: string | null },
): UsageReading {
  if (reading.source !== "reported") return reading;
  const hasCalls = toolCalls && Object.keys(toolCalls).length > 0;
  if (!hasCalls && serviceTier === null) return reading;
  const usage = {
    ...reading.usage,
    ...(hasCalls && { toolCalls: { ...toolCalls } }),
    ...(serviceTier !== null && { serviceTier }),
  };
  return { ...reading, usage };
}

/** The tier that an answer is charged at: the one asked for and held for, where the upstream says that it was that. */
export function confirmedTier(asked: string | undefined, said: unknown): string | null {
  return asked !== undefined && tierOf(said) === asked ? asked : null;
}

/** `["web_search", "web_search"]` -> `{web_search: 2}`; null for none. */
export function countNames(names: readonly string[]): Record<string, number> | null {
  if (names.length === 0) return null;
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
