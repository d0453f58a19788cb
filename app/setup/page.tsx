import type { Metadata } from "next";
import { notFound } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { AuthFrame } from "@/components/auth/auth-frame";
import { SetupWizard } from "@/components/setup/setup-wizard";
import { TokenForm } from "@/components/setup/token-form";
import { isSetupToken } from "@/lib/auth/admin-setup";
import { hasPlatformOwner, isSetupOpenFor } from "@/lib/auth/queries";
import { requestOrigin } from "@/lib/auth/request";
import { findSession } from "@/lib/auth/session";
import { PROVIDER_KINDS } from "@/lib/catalog/provider-kinds";
import { env } from "@/lib/env";
import { getSettings } from "@/lib/settings/queries";

type Props = { searchParams: Promise<{ token?: string | string[] }> };

export async function generateMetadata(): Promise<Metadata> {
  // the address holds a secret: no page that is opened from here may learn it
  return { title: (await getTranslations("setup"))("title"), referrer: "no-referrer" };
}

/** First run. Exists while the hub has no owner, for whoever has the token that the supervisor printed; and for an owner
 *  from HUB_BOOTSTRAP_ADMIN_EMAIL who has signed in, until they have been through the other steps. */
export default async function SetupPage({ searchParams }: Props) {
  if (await hasPlatformOwner()) {
    const session = await findSession();
    if (!session || !(await isSetupOpenFor(session.userId))) notFound();
    return <Wizard token={null} />;
  }
  const token = String((await searchParams).token ?? "");
  if (token !== "" && (await isSetupToken(token, (await requestOrigin()).ip))) return <Wizard token={token} />;
  const t = await getTranslations("setup");
  return (
    <AuthFrame title={t("tokenTitle")} text={t("tokenText")}>
      <TokenForm wrong={token !== ""} />
    </AuthFrame>
  );
}

async function Wizard({ token }: { token: string | null }) {
  const t = await getTranslations("setup");
  const { instanceName, starterCreditUsd } = await getSettings();
  const { stripeSecretKey, stripeApiBase } = env();
  const kinds = PROVIDER_KINDS.filter(({ credential }) => credential !== "none");
  return (
    <AuthFrame title={t("title")} text={t(token === null ? "textOwner" : "text")}>
      <SetupWizard
        token={token}
        instanceName={instanceName}
        starterCreditUsd={starterCreditUsd}
        payments={!stripeSecretKey ? "none" : stripeApiBase ? "simulated" : "stripe"}
        kinds={kinds.map(({ id, name, defaultBaseUrl, credential }) => ({
          id,
          name,
          defaultBaseUrl,
          credential,
        }))}
      />
    </AuthFrame>
  );
}
