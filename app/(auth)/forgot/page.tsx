import type { Metadata } from "next";
import { getTranslations } from "next-intl/server";
import { AuthFrame, AuthLink } from "@/components/auth/auth-frame";
import { ForgotForm } from "@/components/auth/reset-form";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("auth"))("forgot.title") };
}

export default async function ForgotPage() {
  const t = await getTranslations("auth");
  return (
    <AuthFrame title={t("forgot.title")} text={t("forgot.text")}>
      <ForgotForm />
      <AuthLink href="/sign-in">{t("forgot.back")}</AuthLink>
    </AuthFrame>
  );
}
