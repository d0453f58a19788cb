import type { Metadata } from "next";
import { getLocale, getTranslations } from "next-intl/server";
import {
  OrgForm,
  PasswordForm,
  ProfileForm,
  SessionList,
  SpendCapForm,
  ThemeField,
} from "@/components/settings/settings-forms";
import { Block } from "@/components/shell/block";
import { PageHead } from "@/components/shell/page-head";
import { listSessions } from "@/lib/auth/queries";
import { requireOrg } from "@/lib/auth/require-org";
import { isLocale } from "@/lib/locale";
import { getSpendCap } from "@/lib/orgs/queries";

type Props = { params: Promise<{ org: string }> };

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("settings"))("title") };
}

export default async function SettingsPage({ params }: Props) {
  const scope = await requireOrg((await params).org);
  const { org, user, permissions } = scope;
  const t = await getTranslations("settings");
  const locale = isLocale(user.locale) ? user.locale : await getLocale();
  return (
    <>
      <PageHead title={t("title")} />
      <Block id="profile" title={t("profile")} className="mt-0">
        <ProfileForm name={user.name ?? ""} locale={locale} />
        <ThemeField />
      </Block>
      <Block id="organisation" title={t("organisation")}>
        {permissions.has("members.manage") ? (
          <OrgForm slug={org.slug} name={org.name} timeZone={org.timeZone} />
        ) : (
          <p className="text-ink-2">{t("orgForbidden")}</p>
        )}
      </Block>
      {permissions.has("billing.manage") && (
        <Block id="spend-limit" title={t("spendCap.title")}>
          <p className="mb-4 max-w-prose text-ink-2">{t("spendCap.text")}</p>
          <SpendCapForm slug={org.slug} caps={await getSpendCap(scope)} />
        </Block>
      )}
      <Block id="password" title={t("security")}>
        <PasswordForm />
      </Block>
      <Block id="sessions" title={t("sessions")}>
        <SessionList sessions={await listSessions(user)} />
      </Block>
    </>
  );
}
