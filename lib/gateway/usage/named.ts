import type { RawUsage } from "@/lib/gateway/usage/reading";

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
