"use client";

import Link from "next/link";
import { useLocale, useTranslations } from "next-intl";
import { Moment } from "@/components/admin/moment";
import { Percent, Usd } from "@/components/admin/usd";
import { Badge } from "@/components/ui/badge";
import { type Column, DataTable } from "@/components/ui/data-table";
import { lowestMargin } from "@/lib/catalog/format";
import type { WrittenRates } from "@/lib/catalog/rates";
import { formatMoney } from "@/lib/format-money";
import { parseUsd } from "@/lib/money";

export type ModelListRow = {
  id: string;
  type: string;
  enabled: boolean;
  offers: number;
  cost: WrittenRates | null;
  price: WrittenRates | null;
  since: string | null;
};

/** What is not sold by the token; it has no column of its own. */
const UNITS = ["perImage", "perSecond", "perRequest"] as const;

export function ModelsTable({ rows }: { rows: readonly ModelListRow[] }) {
  const t = useTranslations("admin.models");
  const prices = useTranslations("models.unitPrices");
  const locale = useLocale();
  const columns: Column<ModelListRow>[] = [
    {
      id: "id",
      header: t("model"),
      phone: "lead",
      sortBy: ({ id }) => id,
      cell: ({ id, price }) => (
        <>
          <Link
            href={`/admin/models/${id}`}
            className="font-mono text-sm wrap-anywhere underline decoration-line-strong underline-offset-4"
          >
            {id}
          </Link>
          {UNITS.filter((unit) => price?.[unit] !== undefined).map((unit) => (
            <span key={unit} className="figures block text-sm font-normal text-ink-2">
              {prices(unit, { price: formatMoney(parseUsd(price?.[unit] ?? "0"), locale) })}
            </span>
          ))}
        </>
      ),
    },
    { id: "offers", header: t("offers"), numeric: true, phone: "none", cell: ({ offers }) => offers },
    {
      id: "costIn",
      header: t("costIn"),
      numeric: true,
      phone: "none",
      cell: ({ cost }) => <Usd amount={cost?.input} />,
    },
    {
      id: "costOut",
      header: t("costOut"),
      numeric: true,
      phone: "none",
      cell: ({ cost }) => <Usd amount={cost?.output} />,
    },
    {
      id: "priceIn",
      header: t("priceIn"),
      numeric: true,
      phone: "none",
      cell: ({ price }) => <Usd amount={price?.input} />,
    },
    {
      id: "priceOut",
      header: t("priceOut"),
      numeric: true,
      phone: "none",
      cell: ({ price }) => <Usd amount={price?.output} />,
    },
    {
      id: "margin",
      header: t("margin"),
      numeric: true,
      phone: "line",
      sortBy: ({ cost, price }) => Number(lowestMargin(cost, price) ?? Number.NaN) || null,
      cell: ({ cost, price }) => (
        <>
          <span className="sm:hidden">{t("margin")} </span>
          <Percent value={lowestMargin(cost, price)} />
        </>
      ),
    },
    { id: "since", header: t("since"), phone: "none", cell: ({ since }) => <Moment at={since} /> },
    {
      id: "status",
      header: t("status"),
      phone: "side",
      cell: ({ enabled, price, offers }) =>
        !enabled ? (
          <Badge>{t("statuses.disabled")}</Badge>
        ) : offers === 0 ? (
          <Badge variant="warning">{t("statuses.noOffer")}</Badge>
        ) : price ? (
          <Badge variant="positive">{t("statuses.served")}</Badge>
        ) : (
          <Badge variant="warning">{t("statuses.unpriced")}</Badge>
        ),
    },
  ];
  return <DataTable caption={t("title")} columns={columns} rows={rows} rowId={({ id }) => id} />;
}
