import type { Metadata } from "next";
import { getLocale, getTranslations } from "next-intl/server";
import { OrgForm, PasswordForm, ProfileForm, SessionList, ThemeField } from "@/components/settings/settings-forms";
import { Block } from "@/components/shell/block";
import { PageHead } from "@/components/shell/page-head";
import { listSessions } from "@/lib/auth/queries";
import { requireOrg } from "@/lib/auth/require-org";
import { isLocale } from "@/lib/locale";

type Props = { params: Promise<{ org: string }> };

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("settings"))("title") };
}

export default async function SettingsPage({ params }: Props) {
  const { org, user, permissions } = await requireOrg((await params).org);
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
      <Block id="password" title={t("security")}>
        <PasswordForm />
      </Block>
      <Block id="sessions" title={t("sessions")}>
        <SessionList sessions={await listSessions(user)} />
      </Block>
    </>
  );
}
