import type { Metadata } from "next";
import { headers } from "next/headers";
import Link from "next/link";
import { getFormatter, getLocale, getTranslations } from "next-intl/server";
import { readChecklist } from "@/app/(console)/[org]/(sections)/checklist";
import { LastRequests } from "@/app/(console)/[org]/(sections)/last-requests";
import { WeekFigures } from "@/app/(console)/[org]/(sections)/week-figures";
import { CodeTabs } from "@/components/landing/code-tabs";
import { Checklist } from "@/components/overview/checklist";
import { Block } from "@/components/shell/block";
import { KeyFigures } from "@/components/shell/key-figures";
import { PageHead } from "@/components/shell/page-head";
import { requireOrg } from "@/lib/auth/require-org";
import { getBalance } from "@/lib/billing/queries";
import { listOrgModels } from "@/lib/catalog/queries";
import { env } from "@/lib/env";
import { formatMoney } from "@/lib/format-money";
import { parseUsd } from "@/lib/money";
import { publicOrigin } from "@/lib/origin";
import { getSettings } from "@/lib/settings/queries";
import { chatSnippets } from "@/lib/snippets";
import { maySeeRequests, maySeeUsage } from "@/lib/usage/queries";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("overview"))("title") };
}

export default async function OverviewPage({ params }: { params: Promise<{ org: string }> }) {
  const scope = await requireOrg((await params).org);
  const { slug, name } = scope.org;
  const t = await getTranslations("overview");
  const ui = await getTranslations("keys");
  const [locale, format, balance, models, { mode }] = await Promise.all([
    getLocale(),
    getFormatter(),
    getBalance(scope),
    listOrgModels(scope),
    getSettings(),
  ]);
  const steps = await readChecklist(scope, { balance, mode, locale });
  const model = models.find(({ type, price }) => type === "chat" && price !== null)?.id;
  const usd = (value: string) => formatMoney(parseUsd(value), locale, "toward-zero");
  const { nextExpiryAt } = balance;
  const expiry = nextExpiryAt && format.dateTime(new Date(nextExpiryAt), { dateStyle: "medium" });
  return (
    <>
      <PageHead title={t("title")} text={t("text", { org: name })} />
      {steps && <Checklist steps={steps} />}
      {balance.availableUsd !== null && mode === "service" && (
        <Block
          id="balance"
          title={t("balance")}
          className={steps ? undefined : "mt-0"}
          action={
            scope.permissions.has("billing.manage") && (
              <Link href={`/${slug}/billing`} className={LINK}>
                {t("addCredit")}
              </Link>
            )
          }
        >
          <KeyFigures
            figures={[
              { label: t("available"), value: usd(balance.availableUsd) },
              { label: t("held"), value: usd(balance.heldUsd) },
              { label: t("purchased"), value: usd(balance.purchasedUsd) },
              {
                label: t("promotional"),
                value: usd(balance.promotionalUsd),
                note: expiry && t("expires", { date: expiry }),
              },
            ]}
          />
        </Block>
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

const LINK = "text-accent underline decoration-accent/40 underline-offset-4 hover:decoration-current";
