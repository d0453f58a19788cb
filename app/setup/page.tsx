import type { Metadata } from "next";
import { notFound } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { AuthFrame } from "@/components/auth/auth-frame";
import { SetupWizard } from "@/components/setup/setup-wizard";
import { TokenForm } from "@/components/setup/token-form";
import { isSetupToken } from "@/lib/auth/admin-setup";
import { hasPlatformOwner } from "@/lib/auth/queries";
import { requestOrigin } from "@/lib/auth/request";
import { env } from "@/lib/env";
import { getSettings } from "@/lib/settings/queries";

type Props = { searchParams: Promise<{ token?: string | string[] }> };

export async function generateMetadata(): Promise<Metadata> {
  // the address holds a secret: no page that is opened from here may learn it
  return { title: (await getTranslations("setup"))("title"), referrer: "no-referrer" };
}

/** First run. Exists while the hub has no owner, for whoever has the token that the supervisor printed. */
export default async function SetupPage({ searchParams }: Props) {
  if (await hasPlatformOwner()) notFound();
  const token = String((await searchParams).token ?? "");
  const t = await getTranslations("setup");
  const isRight = token !== "" && (await isSetupToken(token, (await requestOrigin()).ip));
  if (!isRight) {
    return (
      <AuthFrame title={t("tokenTitle")} text={t("tokenText")}>
        <TokenForm wrong={token !== ""} />
      </AuthFrame>
    );
  }
  const { instanceName, starterCreditUsd } = await getSettings();
  return (
    <AuthFrame title={t("title")} text={t("text")}>
      <SetupWizard
        token={token}
        instanceName={instanceName}
        starterCreditUsd={starterCreditUsd}
        hasStripe={env().stripeSecretKey !== undefined}
      />
    </AuthFrame>
  );
}
