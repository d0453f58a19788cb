import { Download } from "lucide-react";
import type { Metadata } from "next";
import { getFormatter, getTranslations } from "next-intl/server";
import { AddCredits, type CreditPace } from "@/components/billing/add-credits";
import { AutoTopupForm } from "@/components/billing/auto-topup-form";
import { AutoTopupStatus } from "@/components/billing/auto-topup-status";
import { BalanceAlertForm } from "@/components/billing/balance-alert-form";
import { HistoryTable } from "@/components/billing/history-table";
import { LotsTable } from "@/components/billing/lots-table";
import { Notice } from "@/components/billing/notice";
import { PausedTopup } from "@/components/billing/paused-topup";
import { PurchasesTable } from "@/components/billing/purchases-table";
import { Block } from "@/components/shell/block";
import { EmptyState } from "@/components/shell/empty-state";
import { ForbiddenState } from "@/components/shell/forbidden-state";
import { KeyFigures } from "@/components/shell/key-figures";
import { PageHead } from "@/components/shell/page-head";
import { buttonVariants } from "@/components/ui/button";
import { Money } from "@/components/ui/money";
import { type OrgScope, requireOrg } from "@/lib/auth/require-org";
import {
  findAutoTopup,
  getBalance,
  getBalanceAlert,
  getHistory,
  getTopup,
  listLots,
  listPurchases,
} from "@/lib/billing/queries";
import { MAX_TOPUP_USD, MIN_TOPUP_USD, PACKAGES_USD, topupRef } from "@/lib/billing/schema";
import { findPayments } from "@/lib/http/payments";
import { getSettings } from "@/lib/settings/queries";
import { sumOrgUsage } from "@/lib/usage/queries";

type BillingPageProps = {
  params: Promise<{ org: string }>;
  searchParams: Promise<{ cancelled?: string | string[] }>;
};

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("billing"))("title") };
}

export default async function BillingPage({ params, searchParams }: BillingPageProps) {
  const scope = await requireOrg((await params).org);
  const t = await getTranslations("billing");
  if (!scope.permissions.has("billing.manage")) return <ForbiddenState who={t("who")} />;
  const isSold = findPayments() !== undefined;
  const [balance, { entries, pending }, lots, purchases, alert, auto, { refundWindowHours }, cancelled, format] =
    await Promise.all([
      getBalance(scope),
      getHistory(scope),
      listLots(scope),
      listPurchases(scope),
      getBalanceAlert(scope),
      findAutoTopup(scope),
      getSettings(),
      findCancelled(scope, (await searchParams).cancelled),
      getFormatter(),
    ]);
  const pace = isSold ? await findPace(scope) : undefined;
  const offer = { packages: PACKAGES_USD, minUsd: MIN_TOPUP_USD, maxUsd: MAX_TOPUP_USD };
  const buyer = { orgSlug: scope.org.slug, orgName: scope.org.name, offer, pace };
  const expiry =
    balance.nextExpiryAt &&
    format.dateTime(new Date(balance.nextExpiryAt), { dateStyle: "medium", timeZone: scope.org.timeZone });
  return (
    <>
      <PageHead
        title={t("title")}
        text={isSold ? t("text") : t("notSold")}
        action={isSold && <AddCredits {...buyer} {...(cancelled && { amountUsd: cancelled.creditUsd })} />}
      />
      {cancelled && <Notice kind="neutral">{t("cancelled")}</Notice>}
      {balance.status === "frozen" && <Notice kind="warning">{t("frozen")}</Notice>}
      {isSold && auto?.state === "paused" && <PausedTopup orgSlug={scope.org.slug} />}
      {pending.map(({ id, creditUsd }) => (
        <Notice key={id} kind="neutral">
          {t("pending")} <Money usd={creditUsd} />
        </Notice>
      ))}
      <KeyFigures
        figures={[
          { label: t("available"), value: <Money usd={balance.availableUsd} rounding="toward-zero" /> },
          { label: t("held"), value: <Money usd={balance.heldUsd} />, note: t("heldNote") },
          { label: t("purchased"), value: <Money usd={balance.purchasedUsd} rounding="toward-zero" /> },
          {
            label: t("promotional"),
            value: <Money usd={balance.promotionalUsd} rounding="toward-zero" />,
            note: expiry ? t("expires", { date: expiry }) : undefined,
          },
        ]}
      />
      {isSold && (
        <Block id="auto" title={t("auto.title")} text={t("auto.text")}>
          <AutoTopupStatus orgSlug={scope.org.slug} auto={auto} />
          <AutoTopupForm orgSlug={scope.org.slug} auto={auto} minUsd={MIN_TOPUP_USD} maxUsd={MAX_TOPUP_USD} />
        </Block>
      )}
      {purchases.length > 0 && (
        <Block
          id="purchases"
          title={t("purchases")}
          text={refundWindowHours > 0 ? t("purchasesText", { hours: refundWindowHours }) : t("purchasesTextNone")}
        >
          <PurchasesTable rows={purchases} orgSlug={scope.org.slug} orgName={scope.org.name} />
        </Block>
      )}
      {lots.length > 0 && (
        <Block id="lots" title={t("lots.title")} text={t("lots.text")}>
          <LotsTable lots={lots} />
        </Block>
      )}
      <Block
        id="history"
        title={t("history")}
        text={t("historyText")}
        action={
          entries.length > 0 && (
            <a
              href={`/api/console/${scope.org.slug}/billing`}
              download
              className={buttonVariants({ variant: "quiet", size: "small", className: "-mr-2.5 self-center" })}
            >
              <Download strokeWidth={1.5} aria-hidden />
              {t("csv")}
            </a>
          )
        }
      >
        {entries.length > 0 ? <HistoryTable entries={entries} /> : <EmptyState text={t("noHistory")} />}
      </Block>
      <Block id="alert" title={t("alert.title")} text={t("alert.text")}>
        <BalanceAlertForm orgSlug={scope.org.slug} alert={alert} />
      </Block>
    </>
  );
}

const PACE_MS = 30 * 24 * 3_600_000;

/** The model with the most tokens of the last 30 days, where it cost something. */
async function findPace(scope: OrgScope): Promise<CreditPace | undefined> {
  if (!scope.permissions.has("usage.sums")) return undefined;
  const sums = await sumOrgUsage(scope, {
    timeZone: scope.org.timeZone,
    from: new Date(Date.now() - PACE_MS),
    groupBy: ["model"],
    limit: 1000,
  });
  const [most] = sums
    .map(({ key, priceUsd, inputTokens, outputTokens }) => ({
      model: String(key),
      tokens: inputTokens + outputTokens,
      spentUsd: priceUsd,
    }))
    .filter(({ tokens, spentUsd }) => tokens > 0 && spentUsd !== "0")
    .sort((a, b) => b.tokens - a.tokens);
  return most;
}

/** The purchase whose payment page was left; nothing where the address is made up, or where it was paid after all. */
async function findCancelled(scope: OrgScope, id: string | string[] | undefined) {
  const ref = topupRef.safeParse({ id });
  if (!ref.success) return undefined;
  const topup = await getTopup(scope, ref.data.id).catch(() => undefined);
  return topup?.state === "created" ? topup : undefined;
}
