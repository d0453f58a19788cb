import type { Metadata } from "next";
import { redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { AuthFrame, AuthLink } from "@/components/auth/auth-frame";
import { ResetForm } from "@/components/auth/reset-form";

type Props = { searchParams: Promise<{ token?: string | string[] }> };

export async function generateMetadata(): Promise<Metadata> {
  // the address holds a secret: no page that is opened from here may learn it
  return { title: (await getTranslations("auth"))("forgot.title"), referrer: "no-referrer" };
}

export default async function ResetPage({ searchParams }: Props) {
  const token = String((await searchParams).token ?? "");
  if (!token) redirect("/forgot");
  const t = await getTranslations("auth");
  return (
    <AuthFrame title={t("forgot.title")}>
      <ResetForm token={token} />
      <AuthLink href="/sign-in">{t("forgot.back")}</AuthLink>
    </AuthFrame>
  );
}
