import type { Metadata } from "next";
import { getTranslations } from "next-intl/server";
import { CheckBooks } from "@/components/admin/check-books";
import { FilterForm } from "@/components/admin/filter-form";
import { JournalTable, RerateTable, ViolationTable } from "@/components/admin/ledger";
import { NextPage } from "@/components/admin/next-page";
import { ProviderBillDialog, ProviderBillTable } from "@/components/admin/provider-bills";
import { Block } from "@/components/shell/block";
import { EmptyState } from "@/components/shell/empty-state";
import { PageHead } from "@/components/shell/page-head";
import { requireStaff } from "@/lib/auth/require-staff";
import { readBooks } from "@/lib/billing/admin-books";
import { listJournals } from "@/lib/billing/admin-journals";
import { listBilledCredentials, listProviderBills } from "@/lib/usage/admin-provider-bills";
import { listRerates } from "@/lib/usage/admin-rerates";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("admin.ledger"))("title") };
}

type Props = { searchParams: Promise<Record<string, string | string[] | undefined>> };

export default async function LedgerPage({ searchParams }: Props) {
  const scope = await requireStaff("ledger.read");
  const t = await getTranslations("admin.ledger");
  const asked = await searchParams;
  const query = Object.fromEntries(
    ["orgId", "cursor"].flatMap((name) => (asked[name] ? [[name, String(asked[name]).trim()]] : [])),
  );
  const [books, rerates, bills, credentials, { data, nextCursor }] = await Promise.all([
    readBooks(scope),
    listRerates(scope),
    listProviderBills(scope),
    scope.permissions.has("providers.manage") ? listBilledCredentials(scope) : [],
    listJournals(scope, { ...query, limit: 50 }),
  ]);
  return (
    <>
      <PageHead title={t("title")} text={t("text")} />
      <Block
        id="violations"
        title={t("violations")}
        text={t("violationsText")}
        action={<CheckBooks checkedAt={books.checkedAt} />}
        className="mt-0"
      >
        {books.violations === 0 ? <EmptyState text={t("balanced")} /> : <ViolationTable rows={books.rows} />}
      </Block>
      <Block id="rerates" title={t("rerates")} text={t("reratesText")}>
        {rerates.length === 0 ? <EmptyState text={t("notRerated")} /> : <RerateTable rows={rerates.slice(0, 7)} />}
      </Block>
      <Block
        id="bills"
        title={t("bills.title")}
        text={t("bills.text")}
        action={credentials.length > 0 && <ProviderBillDialog credentials={credentials} />}
      >
        {bills.length === 0 ? <EmptyState text={t("bills.none")} /> : <ProviderBillTable rows={bills} />}
      </Block>
      <Block id="journal" title={t("journal")} text={t("journalText")}>
        <FilterForm
          fields={[{ name: "orgId", label: t("customerId"), value: query.orgId ?? "" }]}
          submit={t("filter")}
        />
        {data.length === 0 ? (
          <EmptyState text={query.orgId ? t("noMatch") : t("empty")} />
        ) : (
          <JournalTable rows={data} />
        )}
        <NextPage query={query} next={nextCursor} />
      </Block>
    </>
  );
}
