import type { Metadata } from "next";
import { getTranslations } from "next-intl/server";
import { SettingsForm } from "@/components/admin/settings-form";
import { PageHead } from "@/components/shell/page-head";
import { requireStaff } from "@/lib/auth/require-staff";
import { readSettings } from "@/lib/settings/admin-settings";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("admin.settings"))("title") };
}

export default async function SettingsPage() {
  const scope = await requireStaff("settings.read");
  const t = await getTranslations("admin.settings");
  return (
    <>
      <PageHead title={t("title")} text={t("text")} />
      <SettingsForm settings={await readSettings(scope)} canManage={scope.permissions.has("settings.manage")} />
    </>
  );
}
