import { getTranslations } from "next-intl/server";
import { ActivityBar, oneOf } from "@/app/(console)/[org]/(sections)/activity/activity-bar";
import { nameActivity } from "@/app/(console)/[org]/(sections)/activity/names";
import { readUsage } from "@/app/(console)/[org]/(sections)/activity/read-usage";
import { LatencyChart } from "@/components/activity/latency-chart";
import { UsageChart } from "@/components/activity/usage-chart";
import { UsageTable } from "@/components/activity/usage-table";
import { EmptyState } from "@/components/shell/empty-state";
import { InZone } from "@/components/shell/in-zone";
import { FilterSelect } from "@/components/ui/filter-select";
import type { OrgScope } from "@/lib/auth/require-org";
import { stepsOf } from "@/lib/time-range";
import { orgLatencies } from "@/lib/usage/queries";
import { activityRange, type Parameters, USAGE_GROUPS } from "@/lib/usage/request-filters";

const METRICS = ["spend", "calls", "tokens", "errors", "latency"] as const;
/** More of them are in the export. */
const SHOWN = 200;

/** Sums of a range: over time in the chart, by group in the table. */
export async function UsageView({ scope, filters }: { scope: OrgScope; filters: Parameters }) {
  const t = await getTranslations("activity");
  const now = new Date();
  const range = activityRange(filters, now, scope.org.timeZone);
  const group = oneOf(USAGE_GROUPS, filters.group, "model");
  const metric = oneOf(METRICS, filters.metric, "spend");
  const names = await nameActivity(scope);
  const appId = typeof filters.app === "string" ? filters.app : undefined;
  const query = { ...(appId && { appId }) };
  const { from, to, step, timeZone } = range;
  const [{ lines, cells, total }, overTime] = await Promise.all([
    readUsage(scope, range, group, query, names),
    metric === "latency"
      ? orgLatencies(scope, { ...query, from, ...(to && { to }), groupBy: [step], timeZone, limit: 10_000 })
      : [],
  ]);
  const steps = stepsOf(range, now, timeZone);
  const latencyOf = new Map(overTime.map((latency) => [latency.key, latency]));
  return (
    <InZone timeZone={range.timeZone}>
      <ActivityBar
        scope={scope}
        range={range}
        exports={[{ label: t("csv"), href: exportHref(scope.org.slug, filters, group) }]}
      >
        <FilterSelect
          name="group"
          label={t("group")}
          value={group}
          options={USAGE_GROUPS.map((value) => ({ value, label: t(`groups.${value}`) }))}
        />
        <FilterSelect
          name="metric"
          label={t("metric")}
          value={metric}
          options={METRICS.map((value) => ({ value, label: t(`metrics.${value}`) }))}
        />
        {names.apps.size > 0 && (
          <FilterSelect
            name="app"
            label={t("app")}
            value={appId ?? ""}
            options={[
              { value: "", label: t("anyApp") },
              ...[...names.apps].map(([value, label]) => ({ value, label })),
            ]}
          />
        )}
      </ActivityBar>
      {lines.length === 0 ? (
        <EmptyState text={t("empty")} />
      ) : (
        <div className="flex flex-col gap-8 pt-2">
          {metric === "latency" ? (
            <LatencyChart
              points={steps.map((name) => {
                const { p50Ms = null, p95Ms = null, firstTokenP50Ms = null } = latencyOf.get(name) ?? {};
                return { step: name, p50Ms, p95Ms, firstTokenP50Ms };
              })}
            />
          ) : (
            <UsageChart
              metric={metric}
              steps={steps}
              groups={lines.map(({ id, label }) => ({ id, label }))}
              cells={cells}
            />
          )}
          <UsageTable head={t(group)} lines={lines.slice(0, SHOWN)} total={total} />
          {lines.length > SHOWN && <p className="text-ink-2">{t("shownOf", { shown: SHOWN, all: lines.length })}</p>}
        </div>
      )}
    </InZone>
  );
}

function exportHref(slug: string, filters: Parameters, group: string): string {
  const kept = Object.entries(filters).flatMap(([name, value]) =>
    ["range", "zone", "app"].includes(name) && typeof value === "string" ? [[name, value]] : [],
  );
  return `/api/console/${slug}/usage?${new URLSearchParams([...kept, ["group", group]])}`;
}
