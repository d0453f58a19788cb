"use client";

import { useFormatter, useTranslations } from "next-intl";
import { useMemo } from "react";
import { type Column, DataTable } from "@/components/ui/data-table";
import { Money } from "@/components/ui/money";
import { formatUsd, parseUsd } from "@/lib/money";

export type UsageLine = {
  id: string;
  label: string;
  calls: number;
  inputTokens: number;
  cacheReadTokens: number;
  outputTokens: number;
  priceUsd: string;
};

/** Sums by one dimension with their total, which is the exact sum and not that of the rounded cells. */
export function UsageTable({ head, lines }: { head: string; lines: readonly UsageLine[] }) {
  const t = useTranslations("activity");
  const format = useFormatter();
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
    const totalNano = lines.reduce((sum, { priceUsd }) => sum + parseUsd(priceUsd), 0n);
    return [
      {
        id: "label",
        header: head,
        phone: "lead",
        sortBy: ({ label }) => label,
        cell: ({ label }) => <span className="wrap-anywhere">{label}</span>,
        total: t("total"),
      },
      count("calls", t("calls"), "line"),
      count("inputTokens", t("input"), "none"),
      count("cacheReadTokens", t("cached"), "none"),
      count("outputTokens", t("output"), "none"),
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
  }, [head, lines, t, format]);
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
