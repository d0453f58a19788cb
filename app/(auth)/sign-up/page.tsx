import type { Metadata } from "next";
import { redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { AuthFrame, AuthLink } from "@/components/auth/auth-frame";
import { SignUpForm } from "@/components/auth/sign-up-form";
import { safeNextPath } from "@/lib/auth/next-path";
import { homeOf } from "@/lib/auth/queries";
import { findSession } from "@/lib/auth/session";
import { getSettings } from "@/lib/settings/queries";

type Props = { searchParams: Promise<{ next?: string | string[] }> };

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("auth"))("signUp.title") };
}

export default async function SignUpPage({ searchParams }: Props) {
  const next = safeNextPath(String((await searchParams).next ?? "")) ?? undefined;
  const session = await findSession();
  if (session) redirect(next ?? (await homeOf(session.userId)));
  const t = await getTranslations("auth");
  const { mode, signUpPolicy, signUpDomains, termsUrl, privacyUrl } = await getSettings();
  // where nobody pays, the organisation's own rules hold
  const legal = mode === "service" && { termsUrl, privacyUrl };
  // the form itself decides by address; here only: is there anybody whom it could let in
  const isOpen =
    signUpPolicy !== "closed" &&
    ((mode === "service" && signUpPolicy === "open") || signUpDomains.length > 0 || next?.startsWith("/invite/"));
  const query = next ? `?next=${encodeURIComponent(next)}` : "";
  return (
    <AuthFrame title={t("signUp.title")} text={isOpen ? undefined : t("signUp.closed")}>
      {isOpen && <SignUpForm next={next} legal={legal} />}
      <AuthLink href={`/sign-in${query}`}>{t("signUp.signIn")}</AuthLink>
    </AuthFrame>
  );
}
