"use client";

import { useFormatter, useTranslations } from "next-intl";
import { type Column, DataTable } from "@/components/ui/data-table";
import { Money } from "@/components/ui/money";
import type { BillingEntry } from "@/lib/billing/schema";

/** What changed the balance, newest first. */
export function HistoryTable({ entries }: { entries: readonly BillingEntry[] }) {
  const t = useTranslations("billing");
  const format = useFormatter();
  const columns: Column<BillingEntry>[] = [
    { id: "kind", header: t("kind"), cell: ({ kind }) => t(`kinds.${kind}`), phone: "lead" },
    {
      id: "at",
      header: t("date"),
      cell: ({ at }) => (
        <time dateTime={at} className="figures">
          {/* use is one line per day of UTC */}
          {format.dateTime(new Date(at), { dateStyle: "medium", timeZone: "UTC" })}
        </time>
      ),
      phone: "line",
    },
    {
      id: "amount",
      header: t("amountColumn"),
      cell: (row) => <Money usd={row.amountUsd} />,
      numeric: true,
      phone: "side",
    },
    {
      id: "balance",
      header: t("balanceColumn"),
      cell: (row) => <Money usd={row.balanceUsd} rounding="toward-zero" />,
      numeric: true,
      phone: "none",
    },
    {
      id: "receipt",
      header: t("receipt"),
      cell: ({ receiptUrl, kind }) =>
        receiptUrl && kind === "topup" ? (
          <a href={receiptUrl} target="_blank" rel="noreferrer" className="underline underline-offset-2">
            {t("receipt")}
            <span className="sr-only"> {t("newTab")}</span>
          </a>
        ) : null,
      phone: "line",
    },
  ];
  return <DataTable caption={t("history")} columns={columns} rows={entries} rowId={({ id }) => id} />;
}
