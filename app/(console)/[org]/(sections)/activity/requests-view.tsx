import Link from "next/link";
import { getTranslations } from "next-intl/server";
import type { Filters } from "@/app/(console)/[org]/(sections)/activity/page";
import { oneOf } from "@/app/(console)/[org]/(sections)/activity/usage-view";
import { OUTCOMES } from "@/components/activity/outcome";
import { RangeFilter } from "@/components/activity/range-filter";
import { RequestTable } from "@/components/activity/request-table";
import { EmptyState } from "@/components/shell/empty-state";
import { ForbiddenState } from "@/components/shell/forbidden-state";
import { buttonVariants } from "@/components/ui/button";
import { FilterSelect } from "@/components/ui/filter-select";
import type { OrgScope } from "@/lib/auth/require-org";
import { keyNames } from "@/lib/keys/queries";
import { RANGES, rangeOf } from "@/lib/time-range";
import { listOrgRequests, maySeeRequests } from "@/lib/usage/queries";

const PAGE_SIZE = 50;
const ANY = "any";

/** Single requests in keyset pages: a page neither repeats nor skips while new calls arrive. */
export async function RequestsView({ scope, filters }: { scope: OrgScope; filters: Filters }) {
  const t = await getTranslations("activity");
  if (!maySeeRequests(scope)) return <ForbiddenState who={t("noPage")} />;
  const range = oneOf(RANGES, filters.range, "7d");
  const outcome = oneOf([ANY, ...OUTCOMES], filters.outcome, ANY);
  const keys = await keyNames(scope);
  const keyId = oneOf([ANY, ...keys.map(({ id }) => id)], filters.key, ANY);
  const cursor = typeof filters.cursor === "string" ? filters.cursor : undefined;
  const { from } = rangeOf(range, new Date(), scope.org.timeZone);
  const { data, nextCursor } = await listOrgRequests(scope, {
    from,
    limit: PAGE_SIZE,
    ...(cursor && { cursor }),
    ...(outcome !== ANY && { outcome }),
    ...(keyId !== ANY && { keyId }),
  });
  const labels = new Map(keys.map(({ id, name, kind }) => [id, kind === "app" ? name : t("playground")]));
  const kept = { view: "requests", ...pick(filters, ["range", "outcome", "key"]) };
  const filtered = outcome !== ANY || keyId !== ANY;
  return (
    <>
      <div className="flex flex-wrap gap-2 py-4">
        <RangeFilter value={range} />
        <FilterSelect
          name="outcome"
          label={t("status")}
          value={outcome}
          options={[
            { value: ANY, label: t("anyStatus") },
            ...OUTCOMES.map((value) => ({ value, label: t(`outcomes.${value}`) })),
          ]}
        />
        <FilterSelect
          name="key"
          label={t("key")}
          value={keyId}
          options={[
            { value: ANY, label: t("anyKey") },
            ...keys.filter(({ kind }) => kind === "app").map(({ id, name }) => ({ value: id, label: name })),
          ]}
        />
      </div>
      {data.length === 0 ? (
        <EmptyState
          text={filtered ? t("noMatch") : t("empty")}
          action={
            filtered && (
              <Link className={buttonVariants()} href={{ query: { view: "requests" } }}>
                {t("clear")}
              </Link>
            )
          }
        />
      ) : (
        <RequestTable
          orgSlug={scope.org.slug}
          requests={data.map((row) => ({ ...row, keyName: labels.get(row.keyId) ?? row.keyId }))}
        />
      )}
      {(cursor || nextCursor) && (
        <div className="mt-4 flex justify-end gap-2">
          {cursor && (
            <Link className={buttonVariants()} href={{ query: kept }}>
              {t("newest")}
            </Link>
          )}
          {nextCursor && (
            <Link className={buttonVariants()} href={{ query: { ...kept, cursor: nextCursor } }}>
              {t("older")}
            </Link>
          )}
        </div>
      )}
    </>
  );
}

function pick(filters: Filters, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = filters[name];
      return typeof value === "string" ? [[name, value]] : [];
    }),
  );
}
