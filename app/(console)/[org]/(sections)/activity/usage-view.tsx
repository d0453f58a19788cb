import { getTranslations } from "next-intl/server";
import type { Filters } from "@/app/(console)/[org]/(sections)/activity/page";
import { RangeFilter } from "@/components/activity/range-filter";
import { UsageChart } from "@/components/activity/usage-chart";
import { UsageTable } from "@/components/activity/usage-table";
import { EmptyState } from "@/components/shell/empty-state";
import { FilterSelect } from "@/components/ui/filter-select";
import type { OrgScope } from "@/lib/auth/require-org";
import { keyNames } from "@/lib/keys/queries";
import { parseUsd } from "@/lib/money";
import { RANGES, rangeOf, stepsOf } from "@/lib/time-range";
import { type OrgUsage, sumOrgUsage } from "@/lib/usage/queries";

const GROUPS = ["model", "key"] as const;
const METRICS = ["spend", "calls", "tokens"] as const;

/** Sums of a range: over time in the chart, by group in the table. */
export async function UsageView({ scope, filters }: { scope: OrgScope; filters: Filters }) {
  const t = await getTranslations("activity");
  const range = oneOf(RANGES, filters.range, "7d");
  const group = oneOf(GROUPS, filters.group, "model");
  const metric = oneOf(METRICS, filters.metric, "spend");
  const { timeZone } = scope.org;
  const now = new Date();
  const { from, step } = rangeOf(range, now, timeZone);
  const [sums, cells, names] = await Promise.all([
    sumOrgUsage(scope, { from, groupBy: [group], timeZone, limit: 10_000 }),
    sumOrgUsage(scope, { from, groupBy: [step, group], timeZone, limit: 10_000 }),
    group === "key" ? keyNames(scope) : [],
  ]);
  const labels = new Map(names.map(({ id, name, kind }) => [id, kind === "app" ? name : t("playground")]));
  const lines = sums
    .map((sum) => ({ ...sum, id: String(sum.key), label: labels.get(String(sum.key)) ?? String(sum.key) }))
    .sort((a, b) => bySize(b, a));
  return (
    <>
      <div className="flex flex-wrap gap-2 py-4">
        <RangeFilter value={range} />
        <FilterSelect
          name="group"
          label={t("group")}
          value={group}
          options={GROUPS.map((value) => ({ value, label: t(`groups.${value}`) }))}
        />
        <FilterSelect
          name="metric"
          label={t("metric")}
          value={metric}
          options={METRICS.map((value) => ({ value, label: t(`metrics.${value}`) }))}
        />
      </div>
      {lines.length === 0 ? (
        <EmptyState text={t("empty")} />
      ) : (
        <div className="flex flex-col gap-8 pt-2">
          <UsageChart
            metric={metric}
            steps={stepsOf({ from, step }, now, timeZone)}
            groups={lines.map(({ id, label }) => ({ id, label }))}
            cells={cells.map((cell) => {
              // safe because a sum by two dimensions is keyed by their names
              const key = cell.key as Record<string, string | null>;
              return {
                step: String(key[step]),
                group: String(key[group]),
                priceUsd: cell.priceUsd,
                calls: cell.calls,
                tokens: cell.inputTokens + cell.outputTokens,
              };
            })}
          />
          <UsageTable head={t(group)} lines={lines} />
        </div>
      )}
    </>
  );
}

export function oneOf<Value extends string>(values: readonly Value[], asked: unknown, fallback: Value): Value {
  return values.find((value) => value === asked) ?? fallback;
}

function bySize(a: OrgUsage, b: OrgUsage): number {
  const difference = parseUsd(a.priceUsd) - parseUsd(b.priceUsd);
  return difference === 0n ? a.calls - b.calls : difference > 0n ? 1 : -1;
}
