import type { Metadata } from "next";
import { getTranslations } from "next-intl/server";
import { AuditTable } from "@/components/admin/audit-table";
import { FilterForm } from "@/components/admin/filter-form";
import { NextPage } from "@/components/admin/next-page";
import { EmptyState } from "@/components/shell/empty-state";
import { PageHead } from "@/components/shell/page-head";
import { listAuditEvents } from "@/lib/audit/admin-audit";
import { auditFilter } from "@/lib/audit/schema";
import { requireStaff } from "@/lib/auth/require-staff";

const FILTERS = ["action", "actorId", "target", "orgId", "from", "to"] as const;

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("admin.audit"))("title") };
}

type Props = { searchParams: Promise<Record<string, string | string[] | undefined>> };

export default async function AuditPage({ searchParams }: Props) {
  const scope = await requireStaff("audit.read");
  const t = await getTranslations("admin.audit");
  const asked = await searchParams;
  const query: Record<string, string> = Object.fromEntries(
    [...FILTERS, "cursor"].flatMap((name) => (asked[name] ? [[name, String(asked[name]).trim()]] : [])),
  );
  // what somebody typed into the address may be no date: then nothing matches
  const filter = auditFilter.safeParse({ ...query, limit: "50" });
  const { data, nextCursor } = filter.success
    ? await listAuditEvents(scope, filter.data)
    : { data: [], nextCursor: null };
  const fields = FILTERS.map((name) => ({
    name,
    label: t(`filters.${name}`),
    value: query[name] ?? "",
    type: name === "from" || name === "to" ? ("date" as const) : ("search" as const),
  }));
  return (
    <>
      <PageHead title={t("title")} text={t("text")} />
      <FilterForm fields={fields} submit={t("filter")} />
      {data.length === 0 ? <EmptyState text={t("noMatch")} /> : <AuditTable rows={data} />}
      <NextPage query={query} next={nextCursor} />
    </>
  );
}
