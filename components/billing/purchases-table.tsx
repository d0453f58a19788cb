"use client";

import { useFormatter, useLocale, useTranslations } from "next-intl";
import { RefundDialog } from "@/components/billing/refund-dialog";
import { type Column, DataTable } from "@/components/ui/data-table";
import { Money } from "@/components/ui/money";
import { useMoment } from "@/components/ui/use-moment";
import type { PurchaseRow } from "@/lib/billing/schema";
import { formatMoney } from "@/lib/format-money";
import { parseUsd } from "@/lib/money";

type PurchasesTableProps = { rows: readonly PurchaseRow[]; orgSlug: string; orgName: string };

/** The latest purchases: receipt, and what may be taken back or why not. */
export function PurchasesTable({ rows, orgSlug, orgName }: PurchasesTableProps) {
  const t = useTranslations("billing");
  const format = useFormatter();
  const writeMoment = useMoment();
  const locale = useLocale();
  const money = (usd: string) => formatMoney(parseUsd(usd), locale);
  const columns: Column<PurchaseRow>[] = [
    {
      id: "at",
      header: t("date"),
      cell: ({ paidAt }) =>
        paidAt && (
          <time dateTime={paidAt} className="figures">
            {format.dateTime(new Date(paidAt), { dateStyle: "medium" })}
          </time>
        ),
      phone: "lead",
    },
    {
      id: "amount",
      header: t("amountColumn"),
      cell: ({ creditUsd }) => <Money usd={creditUsd} />,
      numeric: true,
      phone: "side",
    },
    { id: "state", header: t("state"), cell: (row) => stateOf(row), phone: "line" },
    { id: "refund", header: t("refund.column"), cell: (row) => refundOf(row), phone: "line" },
    {
      id: "receipt",
      header: t("receipt"),
      cell: ({ receiptUrl }) =>
        receiptUrl && (
          <a href={receiptUrl} target="_blank" rel="noreferrer" className="underline underline-offset-2">
            {t("receipt")}
            <span className="sr-only"> {t("newTab")}</span>
          </a>
        ),
      phone: "line",
    },
  ];
  return <DataTable caption={t("purchases")} columns={columns} rows={rows} rowId={({ id }) => id} />;

  function stateOf({ state, refundedUsd }: PurchaseRow) {
    if (state === "refunded") return t("states.refunded");
    return refundedUsd === "0" ? t("states.paid") : t("states.partly", { amount: money(refundedUsd) });
  }

  function refundOf({ id, refund, obstacle, refundableUsd, refundableUntil, state }: PurchaseRow) {
    const isUnderway = refund && refund.state !== "succeeded" && refund.state !== "failed";
    if (isUnderway) return t(`refund.states.${refund.state}`, { amount: money(refund.amountUsd) });
    if (state === "refunded" || (refund?.state === "succeeded" && obstacle)) return null;
    if (obstacle) return <span className="text-ink-2">{t(`refund.obstacles.${obstacle}`)}</span>;
    return (
      <span className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <RefundDialog topupId={id} orgSlug={orgSlug} orgName={orgName} amountUsd={refundableUsd} />
        {refundableUntil && (
          <span className="text-sm text-ink-2">
            {t("refund.until", {
              time: writeMoment(refundableUntil, "minute"),
            })}
          </span>
        )}
        {refund?.state === "failed" && (
          <span className="text-sm text-ink-2">{t("refund.states.failed", { amount: money(refund.amountUsd) })}</span>
        )}
      </span>
    );
  }
}
