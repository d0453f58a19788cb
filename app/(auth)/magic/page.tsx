import type { Metadata } from "next";
import { redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { AuthFrame, AuthLink } from "@/components/auth/auth-frame";
import { MagicLinkForm } from "@/components/auth/reset-form";
import { safeNextPath } from "@/lib/auth/next-path";

type Props = { searchParams: Promise<{ token?: string | string[]; next?: string | string[] }> };

export async function generateMetadata(): Promise<Metadata> {
  // the address holds a secret: no page that is opened from here may learn it
  return { title: (await getTranslations("auth"))("magic.title"), referrer: "no-referrer" };
}

export default async function MagicLinkPage({ searchParams }: Props) {
  const { token, next } = await searchParams;
  if (!token) redirect("/sign-in");
  const t = await getTranslations("auth");
  return (
    <AuthFrame title={t("magic.title")} text={t("magic.text")}>
      <MagicLinkForm token={String(token)} next={safeNextPath(String(next ?? "")) ?? undefined} />
      <AuthLink href="/sign-in">{t("forgot.back")}</AuthLink>
    </AuthFrame>
  );
}
