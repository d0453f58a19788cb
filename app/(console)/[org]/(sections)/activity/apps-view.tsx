import { getTranslations } from "next-intl/server";
import { ActivityBar } from "@/app/(console)/[org]/(sections)/activity/activity-bar";
import { nameActivity } from "@/app/(console)/[org]/(sections)/activity/names";
import { readUsage } from "@/app/(console)/[org]/(sections)/activity/read-usage";
import { UsageTable } from "@/components/activity/usage-table";
import { EmptyState } from "@/components/shell/empty-state";
import { InZone } from "@/components/shell/in-zone";
import type { OrgScope } from "@/lib/auth/require-org";
import { lastCallsOfApps } from "@/lib/usage/queries";
import { activityRange, type Parameters } from "@/lib/usage/request-filters";

/** One row for each app, which is a label on keys; its name leads to its own figures. */
export async function AppsView({ scope, filters }: { scope: OrgScope; filters: Parameters }) {
  const t = await getTranslations("activity");
  const range = activityRange(filters, new Date(), scope.org.timeZone);
  const names = await nameActivity(scope);
  const [{ lines, total }, lastCalls] = await Promise.all([
    readUsage(scope, range, "app", {}, names),
    lastCallsOfApps(scope),
  ]);
  const idOf = new Map([...names.apps].map(([id, name]) => [name, id]));
  const query = { range: range.id, zone: range.timeZone };
  return (
    <InZone timeZone={range.timeZone}>
      <ActivityBar
        scope={scope}
        range={range}
        exports={[
          {
            label: t("csv"),
            href: `/api/console/${scope.org.slug}/usage?${new URLSearchParams({ ...query, group: "app" })}`,
          },
        ]}
      />
      {lines.length === 0 ? (
        <EmptyState text={t("empty")} />
      ) : (
        <UsageTable
          head={t("app")}
          withLastCall
          total={total}
          lines={lines.map((line) => {
            const id = idOf.get(line.label);
            if (!id) return line;
            const href = `/${scope.org.slug}/activity?${new URLSearchParams({ ...query, app: id })}`;
            return { ...line, href, lastCall: lastCalls.get(id) ?? null };
          })}
        />
      )}
    </InZone>
  );
}
