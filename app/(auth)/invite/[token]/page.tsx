import type { Metadata } from "next";
import Link from "next/link";
import { getTranslations } from "next-intl/server";
import { AuthFrame, AuthLink } from "@/components/auth/auth-frame";
import { JoinForm, SignOutButton } from "@/components/auth/org-forms";
import { buttonVariants } from "@/components/ui/button";
import { homeOf } from "@/lib/auth/queries";
import { findSession } from "@/lib/auth/session";
import { findInvitation } from "@/lib/orgs/queries";

type Props = { params: Promise<{ token: string }> };

export const metadata: Metadata = { referrer: "no-referrer" };

/** Works signed in, signed out and for somebody new. */
export default async function InvitePage({ params }: Props) {
  const { token } = await params;
  const t = await getTranslations("auth");
  const invitation = await findInvitation(token);
  const session = await findSession();
  if (!invitation) {
    return (
      <AuthFrame title={t("invite.goneTitle")} text={t("invite.gone")}>
        {session ? (
          <AuthLink href={await homeOf(session.userId)}>{t("invite.home")}</AuthLink>
        ) : (
          <AuthLink href="/sign-in">{t("forgot.back")}</AuthLink>
        )}
      </AuthFrame>
    );
  }
  const { orgName: org, inviter, role, email } = invitation;
  const here = `/invite/${encodeURIComponent(token)}`;
  const query = `?next=${encodeURIComponent(here)}`;
  return (
    <AuthFrame title={t("invite.title", { org })} text={t("invite.text", { inviter, role: t(`roles.${role}`) })}>
      {!session && (
        <div className="flex flex-wrap gap-2">
          <Link href={`/sign-up${query}`} className={buttonVariants({ variant: "primary" })}>
            {t("invite.signUp")}
          </Link>
          <Link href={`/sign-in${query}`} className={buttonVariants()}>
            {t("invite.signIn")}
          </Link>
        </div>
      )}
      {session?.email === email && <JoinForm token={token} org={org} />}
      {session && session.email !== email && (
        <>
          <p>{t("invite.otherAccount", { email: masked(email), own: session.email })}</p>
          <SignOutButton label={t("invite.switch")} to={here} />
        </>
      )}
    </AuthFrame>
  );
}

/** Whoever holds a link that was meant for somebody else learns the domain, not the person. */
function masked(email: string): string {
  const [local = "", domain = ""] = email.split("@");
  return `${local.slice(0, 1)}•••@${domain}`;
}
