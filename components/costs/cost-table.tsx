"use client";

import { useFormatter, useTranslations } from "next-intl";
import { type Column, DataTable } from "@/components/ui/data-table";
import { Money } from "@/components/ui/money";
import { parseUsd } from "@/lib/money";
import type { CostLine, CostSum } from "@/lib/usage/cost-months";

type CostTableProps = { caption: string; head: string; lines: readonly CostLine[]; total?: CostSum };

/** What each line used, its price and what it cost the operator. The total is the exact sum, not that of rounded cells. */
export function CostTable({ caption, head, lines, total }: CostTableProps) {
  const t = useTranslations("costs");
  const format = useFormatter();
  const count = (id: "calls" | "inputTokens" | "outputTokens", header: string): Column<CostLine> => ({
    id,
    header,
    numeric: true,
    phone: "none",
    sortBy: (line) => line[id],
    cell: (line) => format.number(line[id]),
    total: total && format.number(total[id]),
  });
  const money = (id: "priceUsd" | "costUsd", header: string, phone: "line" | "side"): Column<CostLine> => ({
    id,
    header,
    numeric: true,
    phone,
    sortBy: (line) => parseUsd(line[id]),
    cell: (line) => <Labelled label={phone === "line" ? header : null} usd={line[id]} />,
    total: total && <Labelled label={phone === "line" ? header : null} usd={total[id]} />,
  });
  const columns: Column<CostLine>[] = [
    {
      id: "label",
      header: head,
      phone: "lead",
      cell: ({ label }) => <span className="wrap-anywhere">{label}</span>,
      total: t("total"),
    },
    count("calls", t("calls")),
    count("inputTokens", t("inputColumn")),
    count("outputTokens", t("outputColumn")),
    money("priceUsd", t("priceColumn"), "line"),
    money("costUsd", t("costColumn"), "side"),
  ];
  return (
    <DataTable
      caption={caption}
      columns={columns}
      rows={lines}
      rowId={({ id }) => id}
      {...(total && { totals: true })}
    />
  );
}

/** On a phone the heads are not seen: the second line names its figure. */
function Labelled({ label, usd }: { label: string | null; usd: string }) {
  return (
    <>
      {label && <span className="sm:hidden">{`${label} `}</span>}
      <Money usd={usd} />
    </>
  );
}
