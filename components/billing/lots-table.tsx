"use client";

import { useFormatter, useTranslations } from "next-intl";
import { type Column, DataTable } from "@/components/ui/data-table";
import { Money } from "@/components/ui/money";
import type { LotRow } from "@/lib/billing/schema";

/** What the balance is made of, first used first. */
export function LotsTable({ lots }: { lots: readonly LotRow[] }) {
  const t = useTranslations("billing.lots");
  const format = useFormatter();
  const columns: Column<LotRow>[] = [
    {
      id: "kind",
      header: t("kind"),
      cell: ({ kind, isRestricted }) => (isRestricted ? t("kinds.starter") : t(`kinds.${kind}`)),
      phone: "lead",
    },
    {
      id: "expires",
      header: t("expires"),
      cell: ({ expiresAt }) =>
        expiresAt ? (
          <time dateTime={expiresAt} className="figures">
            {format.dateTime(new Date(expiresAt), { dateStyle: "medium" })}
          </time>
        ) : (
          t("never")
        ),
      phone: "line",
    },
    {
      id: "remaining",
      header: t("remaining"),
      cell: ({ remainingUsd }) => <Money usd={remainingUsd} rounding="toward-zero" />,
      numeric: true,
      phone: "side",
    },
    {
      id: "amount",
      header: t("amount"),
      cell: ({ amountUsd }) => <Money usd={amountUsd} />,
      numeric: true,
      phone: "none",
    },
  ];
  return <DataTable caption={t("title")} columns={columns} rows={lots} rowId={({ id }) => id} />;
}
