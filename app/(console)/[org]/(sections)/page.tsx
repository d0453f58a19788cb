import type { Metadata } from "next";
import { headers } from "next/headers";
import { getLocale, getTranslations } from "next-intl/server";
import { BalanceCard } from "@/app/(console)/[org]/(sections)/balance-card";
import { checklistCookie, readChecklist } from "@/app/(console)/[org]/(sections)/checklist";
import { LastRequests } from "@/app/(console)/[org]/(sections)/last-requests";
import { WeekFigures } from "@/app/(console)/[org]/(sections)/week-figures";
import { LivePage } from "@/app/(console)/[org]/live-page";
import { CodeTabs } from "@/components/landing/code-tabs";
import { Checklist } from "@/components/overview/checklist";
import { Block } from "@/components/shell/block";
import { PageHead } from "@/components/shell/page-head";
import { requireOrg } from "@/lib/auth/require-org";
import { getBalance } from "@/lib/billing/queries";
import { listOrgModels } from "@/lib/catalog/queries";
import { env } from "@/lib/env";
import { publicOrigin } from "@/lib/origin";
import { getSettings } from "@/lib/settings/queries";
import { chatSnippets } from "@/lib/snippets";
import { maySeeRequests, maySeeUsage } from "@/lib/usage/queries";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("overview"))("title") };
}

export default async function OverviewPage({ params }: { params: Promise<{ org: string }> }) {
  const scope = await requireOrg((await params).org);
  const { name } = scope.org;
  const t = await getTranslations("overview");
  const ui = await getTranslations("keys");
  const [locale, balance, models, { mode }] = await Promise.all([
    getLocale(),
    getBalance(scope),
    listOrgModels(scope),
    getSettings(),
  ]);
  const steps = await readChecklist(scope, { balance, mode, locale });
  const model = models.find(({ type, price }) => type === "chat" && price !== null)?.id;
  return (
    <>
      <PageHead title={t("title")} text={t("text", { org: name })} />
      <LivePage scope={scope} />
      {steps && <Checklist steps={steps} cookie={checklistCookie(scope)} />}
      {balance.availableUsd !== null && mode === "service" && (
        <BalanceCard scope={scope} balance={balance} availableUsd={balance.availableUsd} isFirst={!steps} />
      )}
      {maySeeUsage(scope) && <WeekFigures scope={scope} />}
      {maySeeRequests(scope) && <LastRequests scope={scope} />}
      {model && (
        <Block id="code" title={t("code")} text={t("codeText")}>
          <CodeTabs
            snippets={chatSnippets({ baseUrl: `${publicOrigin(await headers(), env().publicUrl)}/api/v1`, model })}
            label={ui("languages")}
            copyLabel={ui("copyCode")}
          />
        </Block>
      )}
    </>
  );
}
