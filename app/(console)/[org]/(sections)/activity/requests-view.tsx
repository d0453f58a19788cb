import Link from "next/link";
import { getTranslations } from "next-intl/server";
import { ActivityBar, oneOf } from "@/app/(console)/[org]/(sections)/activity/activity-bar";
import { type ActivityNames, nameActivity } from "@/app/(console)/[org]/(sections)/activity/names";
import { RequestSheet } from "@/components/activity/request-sheet";
import { RequestTable } from "@/components/activity/request-table";
import { EmptyState } from "@/components/shell/empty-state";
import { ForbiddenState } from "@/components/shell/forbidden-state";
import { InZone } from "@/components/shell/in-zone";
import { buttonVariants } from "@/components/ui/button";
import { FilterGroup } from "@/components/ui/filter-group";
import { FilterInput } from "@/components/ui/filter-input";
import { FilterSelect } from "@/components/ui/filter-select";
import type { OrgScope } from "@/lib/auth/require-org";
import { listOrgModels } from "@/lib/catalog/queries";
import { AppError } from "@/lib/errors";
import { getOrgReceipt, listOrgRequests, maySeeRequests } from "@/lib/usage/queries";
import {
  activityRange,
  isFiltered,
  OUTCOME_FILTERS,
  type Parameters,
  REQUEST_FILTERS,
  requestFilters,
} from "@/lib/usage/request-filters";

const PAGE_SIZE = 50;

/** Single requests in keyset pages: a page neither repeats nor skips while new calls arrive. */
export async function RequestsView({ scope, filters }: { scope: OrgScope; filters: Parameters }) {
  const t = await getTranslations("activity");
  if (!maySeeRequests(scope)) return <ForbiddenState who={t("noPage")} />;
  const range = activityRange(filters, new Date(), scope.org.timeZone);
  const cursor = textOf(filters, "cursor");
  const { slug } = scope.org;
  const [names, { data, nextCursor }] = await Promise.all([
    nameActivity(scope),
    listOrgRequests(scope, {
      ...requestFilters(filters),
      from: range.from,
      ...(range.to && { to: range.to }),
      limit: PAGE_SIZE,
      ...(cursor && { cursor }),
    }),
  ]);
  const kept: Record<string, string> = { view: "requests", ...pick(filters, REQUEST_FILTERS) };
  const beside = { ...kept, ...(cursor && { cursor }) };
  const file = (format: string) => `/api/console/${slug}/requests?${new URLSearchParams({ ...kept, format })}`;
  const filtered = isFiltered(filters);
  return (
    <InZone timeZone={range.timeZone}>
      <ActivityBar
        scope={scope}
        range={range}
        exports={[
          { label: t("csv"), href: file("csv") },
          { label: t("ndjson"), href: file("ndjson") },
        ]}
      >
        <RequestFilters scope={scope} filters={filters} names={names} />
      </ActivityBar>
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
          orgSlug={slug}
          beside={beside}
          requests={data.map((row) => ({ ...row, keyName: names.nameOf("key", row.keyId) }))}
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
      <ReceiptBeside
        scope={scope}
        id={textOf(filters, "request")}
        ids={data.map(({ id }) => id)}
        beside={beside}
        names={names}
      />
    </InZone>
  );
}

type RequestFiltersProps = { scope: OrgScope; filters: Parameters; names: ActivityNames };

async function RequestFilters({ scope, filters, names }: RequestFiltersProps) {
  const t = await getTranslations("activity");
  const models = await listOrgModels(scope);
  const choice = (name: string, label: string, any: string, options: Iterable<readonly [string, string]>) => {
    const all = [{ value: "", label: any }, ...[...options].map(([value, text]) => ({ value, label: text }))];
    const values = all.map(({ value }) => value);
    return <FilterSelect name={name} label={label} value={oneOf(values, filters[name], "")} options={all} />;
  };
  return (
    <FilterGroup active={Object.keys(requestFilters(filters)).length}>
      {choice(
        "outcome",
        t("status"),
        t("anyStatus"),
        OUTCOME_FILTERS.map((id) => [id, t(`outcomeFilters.${id}`)] as const),
      )}
      {choice(
        "model",
        t("model"),
        t("anyModel"),
        models.map(({ id }) => [id, id] as const),
      )}
      {choice("app", t("app"), t("anyApp"), names.apps)}
      {choice("key", t("key"), t("anyKey"), names.keys)}
      {choice("member", t("member"), t("anyMember"), names.members)}
      {choice("stream", t("streaming"), t("anyStream"), [
        ["yes", t("streamed")],
        ["no", t("notStreamed")],
      ])}
      <span className="flex gap-2">
        <FilterInput
          name="min"
          label={t("minCharge")}
          value={textOf(filters, "min") ?? ""}
          inputMode="decimal"
          className="w-32"
        />
        <FilterInput
          name="max"
          label={t("maxCharge")}
          value={textOf(filters, "max") ?? ""}
          inputMode="decimal"
          className="w-32"
        />
      </span>
      <FilterInput name="search" label={t("search")} value={textOf(filters, "search") ?? ""} className="w-56" />
    </FilterGroup>
  );
}

type ReceiptBesideProps = {
  scope: OrgScope;
  id: string | undefined;
  /** Of the list as it is shown. */
  ids: readonly string[];
  beside: Record<string, string>;
  names: ActivityNames;
};

async function ReceiptBeside({ scope, id, ids, beside, names }: ReceiptBesideProps) {
  if (!id) return null;
  const request = await getOrgReceipt(scope, id).catch((error: unknown) => {
    if (error instanceof AppError && error.code === "not_found") return null;
    throw error;
  });
  if (!request) return null;
  const list = `/${scope.org.slug}/activity?`;
  const hrefOf = (one: string | undefined) =>
    one ? `${list}${new URLSearchParams({ ...beside, request: one })}` : null;
  const place = ids.indexOf(id);
  return (
    <RequestSheet
      key={id}
      request={request}
      keyName={names.nameOf("key", request.keyId)}
      closeHref={`${list}${new URLSearchParams(beside)}`}
      pageHref={`/${scope.org.slug}/activity/requests/${id}`}
      newerHref={hrefOf(place > 0 ? ids[place - 1] : undefined)}
      olderHref={hrefOf(place >= 0 ? ids[place + 1] : undefined)}
    />
  );
}

function textOf(filters: Parameters, name: string): string | undefined {
  const value = filters[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

function pick(filters: Parameters, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = textOf(filters, name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
