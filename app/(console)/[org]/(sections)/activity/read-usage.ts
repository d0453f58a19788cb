import type { ActivityNames } from "@/app/(console)/[org]/(sections)/activity/names";
import type { UsageCell } from "@/components/activity/usage-chart";
import type { UsageLine } from "@/components/activity/usage-table";
import type { OrgScope } from "@/lib/auth/require-org";
import { formatUsd, parseUsd } from "@/lib/money";
import { type OrgUsage, orgLatencies, sumOrgUsage } from "@/lib/usage/queries";
import type { ActivityRange, UsageGroup } from "@/lib/usage/request-filters";

type Usage = {
  /** Largest first. */
  lines: UsageLine[];
  cells: UsageCell[];
  total: { p50Ms: number | null; p95Ms: number | null };
};

const MAX_ROWS = 10_000;

/** Sums of a range by one dimension, with the same sums over time. Ids of one name are one line: the playground makes a key
 *  every quarter of an hour. */
export async function readUsage(
  scope: OrgScope,
  { from, to, step, timeZone }: ActivityRange,
  group: UsageGroup,
  filter: { appId?: string },
  names: ActivityNames,
): Promise<Usage> {
  const query = { ...filter, from, ...(to && { to }), timeZone, limit: MAX_ROWS };
  const [sums, cells, latencies, [total]] = await Promise.all([
    sumOrgUsage(scope, { ...query, groupBy: [group, "status"] }),
    sumOrgUsage(scope, { ...query, groupBy: [step, group, "status"] }),
    orgLatencies(scope, { ...query, groupBy: [group] }),
    orgLatencies(scope, { ...query, groupBy: [] }),
  ]);
  const labelOf = (sum: OrgUsage) => names.nameOf(group, keyOf(sum)[group] ?? null);
  const lines = [...Map.groupBy(sums, labelOf)].map(([label, own]): UsageLine => {
    const ids = new Set(own.map((sum) => keyOf(sum)[group] ?? null));
    // percentiles of several ids cannot be put together from theirs
    const [latency] = ids.size === 1 ? latencies.filter(({ key }) => ids.has(key)) : [];
    const add = (read: (sum: OrgUsage) => number) => own.reduce((all, sum) => all + read(sum), 0);
    return {
      id: label,
      label,
      calls: add(({ calls }) => calls),
      inputTokens: add(({ inputTokens }) => inputTokens),
      cacheReadTokens: add(({ cacheReadTokens }) => cacheReadTokens),
      outputTokens: add(({ outputTokens }) => outputTokens),
      errors: add(errorsOf),
      priceUsd: formatUsd(own.reduce((all, { priceUsd }) => all + parseUsd(priceUsd), 0n)),
      p50Ms: latency?.p50Ms ?? null,
      p95Ms: latency?.p95Ms ?? null,
    };
  });
  return {
    lines: lines.sort(bySize),
    cells: cells.map((sum) => ({
      step: String(keyOf(sum)[step]),
      group: labelOf(sum),
      priceUsd: sum.priceUsd,
      calls: sum.calls,
      tokens: sum.inputTokens + sum.outputTokens,
      errors: errorsOf(sum),
    })),
    total: { p50Ms: total?.p50Ms ?? null, p95Ms: total?.p95Ms ?? null },
  };
}

function keyOf({ key }: OrgUsage): Record<string, string | null> {
  // safe because sums by several dimensions are keyed by their names
  return key as Record<string, string | null>;
}

/** Whoever ended the call themselves had no error. */
function errorsOf(sum: OrgUsage): number {
  const { status } = keyOf(sum);
  return status === "ok" || status === "client_gone" ? 0 : sum.calls;
}

function bySize(a: UsageLine, b: UsageLine): number {
  const difference = parseUsd(b.priceUsd) - parseUsd(a.priceUsd);
  return difference === 0n ? b.calls - a.calls : difference > 0n ? 1 : -1;
}
