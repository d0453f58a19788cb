"use client";

import Link from "next/link";
import { useFormatter, useLocale, useTranslations } from "next-intl";
import { Percent, Usd } from "@/components/admin/usd";
import { BarChart } from "@/components/charts/bar-chart";
import { type Column, DataTable } from "@/components/ui/data-table";
import { formatMoney } from "@/lib/format-money";
import { parseUsd } from "@/lib/money";
import type { MarginRow } from "@/lib/usage/admin-margins";
import type { Margins } from "@/lib/usage/margins";

/** Revenue beside cost, day by day. Days without usage are there, with nothing. */
export function MarginChart({ days }: { days: readonly { day: string; revenueUsd: string; costUsd: string }[] }) {
  const t = useTranslations("admin.overview");
  const locale = useLocale();
  const format = useFormatter();
  const series = [
    { id: "revenueUsd", label: t("revenue") },
    { id: "costUsd", label: t("cost") },
  ] as const;
  const dayOf = (day: string) =>
    format.dateTime(new Date(`${day}T00:00:00Z`), { month: "short", day: "numeric", timeZone: "UTC" });
  return (
    <div className="grid gap-8 lg:grid-cols-2">
      {series.map((one) => (
        <div key={one.id} className="min-w-0">
          <p className="mb-2 text-sm text-ink-2">{one.label}</p>
          <BarChart
            label={t("chart", { name: one.label })}
            series={[one]}
            points={days.map((row) => ({ label: dayOf(row.day), values: { [one.id]: Number(row[one.id]) } }))}
            format={(_, at) => formatMoney(parseUsd(days[at.point]?.[one.id] ?? "0"), locale)}
            formatAxis={(value) =>
              format.number(value, {
                style: "currency",
                currency: "USD",
                currencyDisplay: "narrowSymbol",
                notation: "compact",
                maximumSignificantDigits: 3,
              })
            }
            heightPx={180}
          />
        </div>
      ))}
    </div>
  );
}

type TableProps = {
  caption: string;
  head: string;
  rows: readonly MarginRow[];
  total: Margins;
  linkTo?: "customers" | "models";
  /** Credit is given away only where it is sold. */
  hasPromo: boolean;
};

export function MarginTable({ caption, head, rows, total, linkTo, hasPromo }: TableProps) {
  const t = useTranslations("admin.overview");
  const format = useFormatter();
  const nano = (amount: string) => parseUsd(amount);
  const promo: Column<MarginRow> = {
    id: "promo",
    header: t("promo"),
    numeric: true,
    phone: "none",
    sortBy: ({ promoUsd }) => nano(promoUsd),
    cell: ({ promoUsd }) => <Usd amount={promoUsd} />,
    total: <Usd amount={total.promoUsd} />,
  };
  const columns: Column<MarginRow>[] = [
    {
      id: "key",
      header: head,
      phone: "lead",
      total: t("total"),
      cell: ({ key, name }) =>
        key === null ? (
          <span className="text-ink-2">{t("unserved")}</span>
        ) : linkTo ? (
          <Link
            href={`/admin/${linkTo}/${key}`}
            className="wrap-anywhere underline decoration-line-strong underline-offset-4"
          >
            {name ?? key}
          </Link>
        ) : (
          <span className="wrap-anywhere">{name ?? key}</span>
        ),
    },
    {
      id: "calls",
      header: t("calls"),
      numeric: true,
      phone: "none",
      sortBy: ({ calls }) => calls,
      cell: ({ calls }) => format.number(calls),
      total: format.number(total.calls),
    },
    {
      id: "revenue",
      header: t("revenue"),
      numeric: true,
      phone: "side",
      sortBy: ({ revenueUsd }) => nano(revenueUsd),
      cell: ({ revenueUsd }) => <Usd amount={revenueUsd} />,
      total: <Usd amount={total.revenueUsd} />,
    },
    {
      id: "cost",
      header: t("cost"),
      numeric: true,
      phone: "none",
      sortBy: ({ costUsd }) => nano(costUsd),
      cell: ({ costUsd }) => <Usd amount={costUsd} />,
      total: <Usd amount={total.costUsd} />,
    },
    ...(hasPromo ? [promo] : []),
    {
      id: "margin",
      header: t("margin"),
      numeric: true,
      phone: "line",
      sortBy: ({ marginUsd }) => nano(marginUsd),
      cell: ({ marginUsd }) => (
        <>
          <span className="sm:hidden">{t("margin")} </span>
          <Usd amount={marginUsd} />
        </>
      ),
      total: (
        <>
          <span className="sm:hidden">{t("margin")} </span>
          <Usd amount={total.marginUsd} />
        </>
      ),
    },
    {
      id: "percent",
      header: t("marginPercent"),
      numeric: true,
      phone: "none",
      cell: ({ marginPercent }) => <Percent value={marginPercent} />,
      total: <Percent value={total.marginPercent} />,
    },
  ];
  return <DataTable caption={caption} columns={columns} rows={rows} rowId={({ key }) => key ?? ""} totals />;
}
