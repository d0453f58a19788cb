import type { Metadata } from "next";
import { getTranslations } from "next-intl/server";
import { SettingsForm } from "@/components/admin/settings-form";
import { Usd } from "@/components/admin/usd";
import { PageHead } from "@/components/shell/page-head";
import { requireStaff } from "@/lib/auth/require-staff";
import { readStarterBudget } from "@/lib/billing/admin-starter";
import { readSettings } from "@/lib/settings/admin-settings";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("admin.settings"))("title") };
}

export default async function SettingsPage() {
  const scope = await requireStaff("settings.read");
  const [t, settings, starter] = await Promise.all([
    getTranslations("admin.settings"),
    readSettings(scope),
    readStarterBudget(scope),
  ]);
  return (
    <>
      <PageHead title={t("title")} text={t("text")} />
      <SettingsForm
        settings={settings}
        canManage={scope.permissions.has("settings.manage")}
        starter={
          <p role="status" className={starter.isReached ? "text-warning" : "text-ink-2"}>
            {t.rich(starter.isReached ? "starterReached" : "starterToday", {
              granted: () => <Usd amount={starter.grantedUsd} />,
              budget: () => <Usd amount={starter.budgetUsd} />,
            })}
          </p>
        }
      />
    </>
  );
}
