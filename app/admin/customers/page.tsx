import type { Metadata } from "next";
import { getTranslations } from "next-intl/server";
import { CustomersTable } from "@/components/admin/customers";
import { FilterForm } from "@/components/admin/filter-form";
import { EmptyState } from "@/components/shell/empty-state";
import { PageHead } from "@/components/shell/page-head";
import { requireStaff } from "@/lib/auth/require-staff";
import { getSettings } from "@/lib/settings/queries";
import { listCustomers } from "@/lib/usage/admin-customers";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("admin.customers"))("title") };
}

type Props = { searchParams: Promise<{ search?: string | string[] }> };

export default async function CustomersPage({ searchParams }: Props) {
  const scope = await requireStaff("orgs.read");
  const t = await getTranslations("admin.customers");
  const search = String((await searchParams).search ?? "");
  const [rows, { mode }] = await Promise.all([listCustomers(scope, search), getSettings()]);
  return (
    <>
      <PageHead title={t("title")} text={t("text")} />
      <FilterForm fields={[{ name: "search", label: t("search"), value: search }]} submit={t("find")} />
      {rows.length === 0 ? (
        <EmptyState text={search ? t("noMatch") : t("empty")} />
      ) : (
        <CustomersTable rows={rows} paying={mode === "service"} />
      )}
    </>
  );
}
