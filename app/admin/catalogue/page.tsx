import type { Metadata } from "next";
import { getTranslations } from "next-intl/server";
import { SyncForm } from "@/components/admin/sync-form";
import { SyncSchedule } from "@/components/admin/sync-schedule";
import { SyncsTable } from "@/components/admin/syncs-table";
import { Notice } from "@/components/billing/notice";
import { Block } from "@/components/shell/block";
import { EmptyState } from "@/components/shell/empty-state";
import { PageHead } from "@/components/shell/page-head";
import { requireStaff } from "@/lib/auth/require-staff";
import { findFailedSync, listSyncs } from "@/lib/catalog/admin-sync";
import { PUBLIC_CATALOGUES } from "@/lib/catalog/public-formats";
import { seedDate } from "@/lib/catalog/seed";
import { getSettings } from "@/lib/settings/queries";

const SHOWN = 50;

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("admin.catalogue"))("title") };
}

export default async function CataloguePage() {
  const scope = await requireStaff("models.read");
  const t = await getTranslations("admin.catalogue");
  const tModels = await getTranslations("admin.models");
  const [{ data }, settings, failure] = await Promise.all([
    listSyncs(scope, { limit: SHOWN }),
    getSettings(),
    findFailedSync(scope),
  ]);
  return (
    <>
      <PageHead back={{ href: "/admin/models", label: tModels("title") }} title={t("title")} text={t("text")} />
      {scope.permissions.has("models.manage") && (
        <SyncForm catalogues={Object.values(PUBLIC_CATALOGUES)} bundledDate={seedDate()} />
      )}
      {scope.permissions.has("settings.manage") && (
        <Block id="schedule" title={t("schedule")} text={t("scheduleText")}>
          <SyncSchedule catalogueDays={settings.catalogueDays} catalogueUrls={settings.catalogueUrls} />
        </Block>
      )}
      <Block id="syncs" title={t("past")} text={t("pastText")}>
        {failure && <Notice kind="warning">{t("failed", { error: failure })}</Notice>}
        {data.length === 0 ? <EmptyState text={t("empty")} /> : <SyncsTable rows={data} />}
      </Block>
    </>
  );
}
