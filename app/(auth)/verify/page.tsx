import type { Metadata } from "next";
import { redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { AuthFrame, AuthLink } from "@/components/auth/auth-frame";
import { VerifyForm } from "@/components/auth/verify-form";
import { readPendingSignUp } from "@/lib/auth/pending-sign-up";
import { homeOf } from "@/lib/auth/queries";
import { RESEND_SECONDS } from "@/lib/auth/schema";
import { findSession } from "@/lib/auth/session";

type Props = { searchParams: Promise<{ code?: string | string[] }> };

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("auth"))("verify.title") };
}

export default async function VerifyPage({ searchParams }: Props) {
  const session = await findSession();
  if (session?.isVerified) redirect(await homeOf(session.userId));
  const pending = await readPendingSignUp();
  const email = pending?.email ?? session?.email;
  if (!email) redirect("/sign-up");
  const code = String((await searchParams).code ?? "");
  const t = await getTranslations("auth");
  return (
    <AuthFrame title={t("verify.title")} text={t(pending ? "verify.text" : "verify.unproved", { email })}>
      <VerifyForm
        code={/^\d{6}$/.test(code) ? code : undefined}
        isSignedIn={session !== null}
        waitSeconds={pending ? Math.max(0, RESEND_SECONDS - Math.floor((Date.now() - pending.sentAt) / 1000)) : 0}
      />
      <AuthLink href="/sign-up">{t("verify.other")}</AuthLink>
    </AuthFrame>
  );
}
