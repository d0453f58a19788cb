import type { Metadata } from "next";
import { redirect } from "next/navigation";
import { NextIntlClientProvider } from "next-intl";
import { getMessages, getTranslations } from "next-intl/server";
import { AuthFrame, AuthLink } from "@/components/auth/auth-frame";
import { SignOutButton } from "@/components/auth/org-forms";
import { ConnectForm } from "@/components/connect/connect-form";
import { homeOf, listMemberships } from "@/lib/auth/queries";
import { requireSession } from "@/lib/auth/session";
import { isConnectPending } from "@/lib/connect/queries";
import { ORG_ROLES } from "@/lib/orgs/permissions";

type Props = { searchParams: Promise<Record<string, string | string[] | undefined>> };

const MAX_NAME = 60;

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("connect"))("title"), referrer: "no-referrer" };
}

/** A program that somebody started asks for a key of an organisation of theirs. Who it says it is cannot be verified. */
export default async function ConnectPage({ searchParams }: Props) {
  const asked = await searchParams;
  const token = String(asked.__token__ ?? "");
  const session = await requireSession();
  if (!session.isVerified) redirect("/verify");
  const t = await getTranslations("connect");
  if (!(await isConnectPending(token))) {
    return (
      <AuthFrame title={t("goneTitle")} text={t("gone")}>
        <AuthLink href={await homeOf(session.userId)}>{t("home")}</AuthLink>
      </AuthFrame>
    );
  }
  const memberships = await listMemberships(session.userId);
  const orgs = memberships
    .filter(({ role }) => ORG_ROLES[role].some((one) => one === "apps.manage" || one === "apps.own"))
    .map(({ org }) => ({ id: org.id, slug: org.slug, name: org.name }));
  const last = orgs.find(({ id }) => id === session.lastOrgId) ?? orgs[0];
  const app = printable(String(asked.appName ?? "")) || t("someProgram");
  const { connect, keys, models } = await getMessages();
  return (
    <AuthFrame title={t("title")} text={t("text", { app })}>
      <p className="border-l-2 border-warning bg-warning/6 px-3 py-2">{t("unverified", { app })}</p>
      {last ? (
        <NextIntlClientProvider
          messages={{ ...(await authMessages()), connect, keys, models: { allowed: models.allowed } }}
        >
          <ConnectForm
            token={token}
            app={app}
            orgs={orgs.map(({ slug, name }) => ({ slug, name }))}
            first={last.slug}
          />
        </NextIntlClientProvider>
      ) : (
        <p>{t("noOrg")}</p>
      )}
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2 border-t pt-4 text-sm text-ink-2">
        <span>{t("signedInAs", { email: session.email })}</span>
        <SignOutButton
          label={t("otherAccount")}
          to={`/connect?${new URLSearchParams({ __token__: token, appName: app })}`}
        />
      </div>
    </AuthFrame>
  );
}

async function authMessages() {
  const { app, auth, error, shell, ui } = await getMessages();
  return { app, auth, error, shell, ui };
}

/** One line of text, as short as a name: nothing in it may look like a part of this page. */
function printable(name: string): string {
  return name
    .replace(/[\p{C}\p{Z}]+/gu, " ")
    .trim()
    .slice(0, MAX_NAME);
}
