import type { Metadata } from "next";
import { getTranslations } from "next-intl/server";
import { MarginChart, MarginTable } from "@/components/admin/margins";
import { RangeTabs } from "@/components/admin/range-tabs";
import { Percent, Usd } from "@/components/admin/usd";
import { Block } from "@/components/shell/block";
import { EmptyState } from "@/components/shell/empty-state";
import { KeyFigures } from "@/components/shell/key-figures";
import { PageHead } from "@/components/shell/page-head";
import { requireStaff } from "@/lib/auth/require-staff";
import { getSettings } from "@/lib/settings/queries";
import { listMargins, readPosition, sumMargins } from "@/lib/usage/admin-margins";
import { daysOf, parseRange } from "@/lib/usage/admin-range";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("admin.overview"))("title") };
}

type Props = { searchParams: Promise<{ range?: string | string[] }> };

export default async function OverviewPage({ searchParams }: Props) {
  const scope = await requireStaff("usage.read");
  const t = await getTranslations("admin.overview");
  const { name, ...range } = parseRange((await searchParams).range);
  const { mode } = await getSettings();
  const [total, position, byDay, byModel, byProvider, byOrg] = await Promise.all([
    sumMargins(scope, range),
    readPosition(scope, range, mode),
    ...(["day", "model", "provider", "org"] as const).map((by) => listMargins(scope, range, by)),
  ]);
  const days = daysOf(range).map((day) => {
    const row = byDay?.find(({ key }) => key === day);
    return { day, revenueUsd: row?.revenueUsd ?? "0", costUsd: row?.costUsd ?? "0" };
  });
  const { cashInUsd, writtenOffUsd, liabilityUsd, unspentPromoUsd, holds } = position;
  const isPaid = cashInUsd !== null;
  return (
    <>
      <PageHead title={t("title")} text={t("text")} action={<RangeTabs current={name} />} />
      <KeyFigures
        figures={[
          ...(isPaid ? [{ label: t("cashIn"), value: <Usd amount={cashInUsd} />, note: t("definitions.cashIn") }] : []),
          {
            label: t("revenue"),
            value: <Usd amount={total.revenueUsd} />,
            note:
              writtenOffUsd === "0"
                ? t("definitions.revenue")
                : t.rich("writtenOff", { amount: () => <Usd amount={writtenOffUsd} /> }),
          },
          {
            label: t("cost"),
            value: <Usd amount={total.costUsd} />,
            note: t.rich("definitions.cost", { amount: () => <Usd amount={total.wasteUsd} /> }),
          },
          {
            label: t("margin"),
            value: <Usd amount={total.marginUsd} />,
            note: t.rich("definitions.margin", { percent: () => <Percent value={total.marginPercent} /> }),
          },
        ]}
      />
      {isPaid && (
        <KeyFigures
          // under the columns of the strip above
          className="border-t-0 sm:grid-flow-row sm:grid-cols-4"
          figures={[
            {
              label: t("promo"),
              value: <Usd amount={total.promoUsd} />,
              note: t.rich("definitions.promo", { amount: () => <Usd amount={total.promoCostUsd} /> }),
            },
            {
              label: t("liability"),
              value: <Usd amount={liabilityUsd} down />,
              note: t.rich("definitions.liability", { amount: () => <Usd amount={unspentPromoUsd} /> }),
            },
            {
              label: t("holds"),
              value: <Usd amount={holds.heldUsd} />,
              note: t("definitions.holds", { count: holds.count }),
            },
          ]}
        />
      )}
      {total.unpricedCalls > 0 && <p className="mt-3 text-ink-2">{t("unpriced", { count: total.unpricedCalls })}</p>}
      {total.calls === 0 ? (
        <div className="mt-10">
          <EmptyState text={t("empty")} />
        </div>
      ) : (
        <>
          <Block id="days" title={t("byDay")}>
            <MarginChart days={days} />
          </Block>
          <Block id="models" title={t("byModel")}>
            <MarginTable
              caption={t("byModel")}
              head={t("model")}
              rows={byModel ?? []}
              total={total}
              linkTo="models"
              hasPromo={isPaid}
            />
          </Block>
          <Block id="providers" title={t("byProvider")}>
            <MarginTable
              caption={t("byProvider")}
              head={t("provider")}
              rows={byProvider ?? []}
              total={total}
              hasPromo={isPaid}
            />
          </Block>
          <Block id="customers" title={t("byCustomer")}>
            <MarginTable
              caption={t("byCustomer")}
              head={t("customer")}
              rows={byOrg ?? []}
              total={total}
              linkTo="customers"
              hasPromo={isPaid}
            />
          </Block>
        </>
      )}
    </>
  );
}
