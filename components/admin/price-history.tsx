"use client";

import { useTranslations } from "next-intl";
import { Moment } from "@/components/admin/moment";
import { Usd } from "@/components/admin/usd";
import { Badge } from "@/components/ui/badge";
import { type Column, DataTable } from "@/components/ui/data-table";
import type { PriceHistoryRow } from "@/lib/catalog/admin-price-history";
import { EDITED_RATES } from "@/lib/catalog/format";

/** Every price and cost the model has had; calls keep the one they were made at. */
export function PriceHistory({ rows }: { rows: readonly PriceHistoryRow[] }) {
  const t = useTranslations("admin.models");
  if (rows.length === 0) return <p className="text-ink-2">{t("noHistory")}</p>;
  const columns: Column<PriceHistoryRow>[] = [
    {
      id: "subject",
      header: t("of"),
      phone: "lead",
      cell: ({ subject, offer }) => (
        <span className="wrap-anywhere">
          {t(`subjects.${subject}`)} {offer && <span className="font-normal text-ink-2">{offer}</span>}
        </span>
      ),
    },
    {
      id: "rates",
      header: t("ratesHead"),
      phone: "line",
      cell: ({ rates }) => (
        <span className="figures flex flex-wrap gap-x-4">
          {EDITED_RATES.filter((name) => rates[name] !== undefined).map((name) => (
            <span key={name}>
              <span className="text-ink-2">{t(`rates.${name}`)}</span> <Usd amount={rates[name]} />
            </span>
          ))}
        </span>
      ),
    },
    { id: "from", header: t("from"), phone: "line", cell: ({ from }) => <Moment at={from} /> },
    {
      id: "to",
      header: t("to"),
      phone: "side",
      cell: ({ to }) => (to ? <Moment at={to} /> : <Badge variant="positive">{t("inForce")}</Badge>),
    },
    {
      id: "source",
      header: t("source"),
      phone: "none",
      cell: ({ source, createdBy }) => (
        <span className="wrap-anywhere">
          {source} <code className="font-mono text-sm text-ink-2">{createdBy}</code>
        </span>
      ),
    },
  ];
  return <DataTable caption={t("history")} columns={columns} rows={rows} rowId={({ id }) => id} />;
}
