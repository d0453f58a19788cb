import type { Metadata } from "next";
import { redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { AuthFrame, AuthLink } from "@/components/auth/auth-frame";
import { SignInForm, type SignInProvider } from "@/components/auth/sign-in-form";
import { readLastMethod } from "@/lib/auth/last-method";
import { safeNextPath } from "@/lib/auth/next-path";
import { homeOf } from "@/lib/auth/queries";
import { findSession } from "@/lib/auth/session";
import { env } from "@/lib/env";
import { getSettings } from "@/lib/settings/queries";

type Props = { searchParams: Promise<{ next?: string | string[]; error?: string | string[] }> };

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("auth"))("signIn.title") };
}

export default async function SignInPage({ searchParams }: Props) {
  const { next: asked, error } = await searchParams;
  const next = safeNextPath(String(asked ?? "")) ?? undefined;
  const session = await findSession();
  if (session) redirect(next ?? (await homeOf(session.userId)));
  const t = await getTranslations("auth");
  const { mode, signUpPolicy } = await getSettings();
  const problems: Record<string, string> = {
    "not-linked": t("signIn.notLinked"),
    closed: t("signIn.closed"),
    "no-email": t("signIn.noEmail"),
    // what next-auth calls an answer that says no
    OAuthCallbackError: t("signIn.denied"),
  };
  const { authGithub, authGoogle } = env();
  const providers: SignInProvider[] = [
    ...(authGithub ? ["github" as const] : []),
    ...(authGoogle ? ["google" as const] : []),
  ];
  const query = next ? `?next=${encodeURIComponent(next)}` : "";
  return (
    <AuthFrame title={t("signIn.title")}>
      <SignInForm
        next={next}
        problem={error ? (problems[String(error)] ?? t("signIn.failed")) : undefined}
        providers={providers}
        lastMethod={await readLastMethod()}
      />
      <div>
        <AuthLink href="/forgot">{t("signIn.forgot")}</AuthLink>
        {mode === "service" && signUpPolicy !== "closed" && (
          <AuthLink href={`/sign-up${query}`}>{t("signIn.signUp")}</AuthLink>
        )}
      </div>
    </AuthFrame>
  );
}
