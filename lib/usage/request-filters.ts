import { parseUsd } from "@/lib/money";
import { isTimeZone, RANGES, type RangeId, rangeOf } from "@/lib/time-range";
import type { ListedRequests } from "@/lib/usage/admin-requests";

/** What an address says, by name. A list of one value is that value. */
export type Parameters = Readonly<Record<string, string | string[] | undefined>>;

/** What a tenant may group by: never by credential. */
export const USAGE_GROUPS = ["model", "app", "key", "member", "endpoint", "provider"] as const;
export type UsageGroup = (typeof USAGE_GROUPS)[number];

export const SLOW_MS = 30_000;
export const OUTCOME_FILTERS = ["ok", "failed", "refused", "stopped", "slow"] as const;
export type OutcomeFilter = (typeof OUTCOME_FILTERS)[number];

/** The names that a request list reads from its address; the export of the list reads the same. */
export const REQUEST_FILTERS = [
  ...["range", "zone", "outcome", "key", "app", "model", "member", "endpoint", "stream"],
  ...["min", "max", "search"],
] as const;

export type ActivityRange = { id: RangeId; timeZone: string; from: Date; to?: Date; step: "hour" | "day" };

/** Range and zone of an address; seven days in the organisation's zone where it says nothing usable. */
export function activityRange(parameters: Parameters, now: Date, orgZone: string): ActivityRange {
  const id = RANGES.find((range) => range === parameters.range) ?? "7d";
  const zone = text(parameters, "zone");
  const timeZone = zone && isTimeZone(zone) ? zone : orgZone;
  return { id, timeZone, ...rangeOf(id, now, timeZone) };
}

/** The filters of a request list. What cannot be read is left out, as no address may break a page. */
export function requestFilters(parameters: Parameters): Omit<ListedRequests, "limit" | "cursor" | "keyIds"> {
  const outcome = OUTCOME_FILTERS.find((one) => one === parameters.outcome);
  const named = {
    keyId: text(parameters, "key"),
    appId: text(parameters, "app"),
    model: text(parameters, "model"),
    memberId: text(parameters, "member"),
    endpoint: text(parameters, "endpoint"),
    search: text(parameters, "search"),
    minPriceNano: amount(text(parameters, "min")),
    maxPriceNano: amount(text(parameters, "max")),
  };
  return {
    ...Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined)),
    ...(outcome === "ok" && { outcome: "ok" }),
    ...(outcome === "stopped" && { outcome: "client_gone" }),
    ...(outcome === "refused" && { outcome: "refused" }),
    ...(outcome === "failed" && { failed: true }),
    ...(outcome === "slow" && { slowerThanMs: SLOW_MS }),
    ...(parameters.stream === "yes" && { stream: true }),
    ...(parameters.stream === "no" && { stream: false }),
  };
}

/** Whether anything but the range is chosen. */
export function isFiltered(parameters: Parameters): boolean {
  return Object.keys(requestFilters(parameters)).length > 0;
}

function text(parameters: Parameters, name: string): string | undefined {
  const value = parameters[name];
  return typeof value === "string" && value.trim() !== "" ? value.trim().slice(0, 300) : undefined;
}

function amount(value: string | undefined): bigint | undefined {
  if (value === undefined) return undefined;
  try {
    return parseUsd(value);
  } catch {
    return undefined;
  }
}
