import type { Metadata } from "next";
import { redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { AuthFrame } from "@/components/auth/auth-frame";
import { NewOrgForm, SignOutButton } from "@/components/auth/org-forms";
import { requireSession } from "@/lib/auth/session";
import { getSettings } from "@/lib/settings/queries";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("auth"))("newOrg.title") };
}

export default async function NewOrgPage() {
  const session = await requireSession();
  if (!session.isVerified) redirect("/verify");
  const t = await getTranslations("auth");
  const isOpen = (await getSettings()).mode === "service" || session.staffRole !== null;
  return (
    <AuthFrame title={t("newOrg.title")} text={t(isOpen ? "newOrg.text" : "newOrg.closed")}>
      {isOpen ? (
        <NewOrgForm suggestion={session.name ? t("signUp.orgName", { name: session.name }) : ""} />
      ) : (
        <SignOutButton label={t("signOut")} />
      )}
    </AuthFrame>
  );
}
