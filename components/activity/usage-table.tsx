"use client";

import Link from "next/link";
import { useFormatter, useTranslations } from "next-intl";
import { useMemo } from "react";
import { type Column, DataTable } from "@/components/ui/data-table";
import { Money } from "@/components/ui/money";
import { useMoment } from "@/components/ui/use-moment";
import { formatUsd, parseUsd } from "@/lib/money";

export type UsageLine = {
  id: string;
  label: string;
  calls: number;
  inputTokens: number;
  cacheReadTokens: number;
  outputTokens: number;
  priceUsd: string;
  /** Calls that neither succeeded nor were ended by the caller. */
  errors: number;
  p50Ms: number | null;
  p95Ms: number | null;
  /** Shown under the column where the rows are apps. */
  href?: string;
  lastCall?: string | null;
};

type UsageTableProps = {
  head: string;
  lines: readonly UsageLine[];
  /** Percentiles of all calls, which no column can be added up to. */
  total: { p50Ms: number | null; p95Ms: number | null };
  withLastCall?: boolean;
};

/** Sums by one dimension with their total, which is the exact sum and not that of the rounded cells. */
export function UsageTable({ head, lines, total, withLastCall = false }: UsageTableProps) {
  const t = useTranslations("activity");
  const format = useFormatter();
  const writeMoment = useMoment();
  const columns = useMemo<Column<UsageLine>[]>(() => {
    const count = (
      id: "calls" | "inputTokens" | "cacheReadTokens" | "outputTokens",
      header: string,
      phone: "line" | "none",
    ): Column<UsageLine> => ({
      id,
      header,
      numeric: true,
      phone,
      sortBy: (line) => line[id],
      cell: (line) => (
        <>
          {phone === "line" && <span className="sm:hidden">{`${header} `}</span>}
          {format.number(line[id])}
        </>
      ),
      total: (
        <>
          {phone === "line" && <span className="sm:hidden">{`${header} `}</span>}
          {format.number(lines.reduce((sum, line) => sum + line[id], 0))}
        </>
      ),
    });
    const percent = (share: number | null) =>
      share === null
        ? "—"
        : format.number(share, { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });
    const ms = (id: "p50Ms" | "p95Ms", header: string): Column<UsageLine> => ({
      id,
      header,
      numeric: true,
      phone: "none",
      sortBy: (line) => line[id],
      cell: (line) => (line[id] === null ? "—" : format.number(line[id])),
      total: total[id] === null ? "—" : format.number(total[id]),
    });
    const totalNano = lines.reduce((sum, { priceUsd }) => sum + parseUsd(priceUsd), 0n);
    return [
      {
        id: "label",
        header: head,
        phone: "lead",
        sortBy: ({ label }) => label,
        cell: ({ label, href }) =>
          href ? (
            <Link
              href={href}
              className="wrap-anywhere underline decoration-line-strong underline-offset-4 hover:decoration-current"
            >
              {label}
            </Link>
          ) : (
            <span className="wrap-anywhere">{label}</span>
          ),
        total: t("total"),
      },
      count("calls", t("calls"), "line"),
      count("inputTokens", t("input"), "none"),
      count("cacheReadTokens", t("cached"), "none"),
      count("outputTokens", t("output"), "none"),
      {
        id: "success",
        header: t("success"),
        numeric: true,
        phone: "none",
        sortBy: successOf,
        cell: (line) => percent(successOf(line)),
        total: percent(
          successOf(
            lines.reduce((sum, { calls, errors }) => ({ calls: sum.calls + calls, errors: sum.errors + errors }), {
              calls: 0,
              errors: 0,
            }),
          ),
        ),
      },
      ms("p50Ms", t("p50Column")),
      ms("p95Ms", t("p95Column")),
      ...(withLastCall
        ? [
            {
              id: "last",
              header: t("lastCall"),
              numeric: true,
              phone: "none" as const,
              sortBy: ({ lastCall }: UsageLine) => lastCall ?? null,
              cell: ({ lastCall }: UsageLine) => (lastCall ? writeMoment(lastCall, "minute") : "—"),
            },
          ]
        : []),
      {
        id: "spend",
        header: t("spend"),
        numeric: true,
        phone: "side",
        sortBy: ({ priceUsd }) => parseUsd(priceUsd),
        cell: ({ priceUsd }) => <Money usd={priceUsd} />,
        total: <Money usd={formatUsd(totalNano)} />,
      },
    ];
  }, [head, lines, total, withLastCall, t, format, writeMoment]);
  return (
    <DataTable
      caption={t("table")}
      columns={columns}
      rows={lines}
      rowId={({ id }) => id}
      initialSort={[{ id: "spend", desc: true }]}
      totals
    />
  );
}

function successOf({ calls, errors }: Pick<UsageLine, "calls" | "errors">): number | null {
  return calls === 0 ? null : (calls - errors) / calls;
}
