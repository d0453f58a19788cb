"use client";

import { useTranslations } from "next-intl";
import { RouteReason } from "@/components/receipt/route-reason";
import { Badge } from "@/components/ui/badge";
import { type Column, DataTable } from "@/components/ui/data-table";
import type { StaffRouteRow } from "@/lib/gateway/schema";

type Row = StaffRouteRow & { index: number; place: number };

/** Who would be called in which order, and why the others would not. `mark`: the provider that the page is about. */
export function RouteTable({ rows, mark }: { rows: readonly StaffRouteRow[]; mark?: string }) {
  const t = useTranslations("routing");
  if (rows.length === 0) return <p className="text-ink-2">{t("none")}</p>;
  const columns: Column<Row>[] = [
    {
      id: "provider",
      header: t("provider"),
      phone: "lead",
      cell: ({ provider, model }) => (
        <span className="wrap-anywhere">
          {provider === mark ? <strong>{provider}</strong> : (provider ?? "—")}{" "}
          <code className="font-mono text-sm font-normal text-ink-2">{model}</code>
        </span>
      ),
    },
    {
      id: "upstream",
      header: t("upstream"),
      phone: "line",
      cell: ({ upstreamModel }) => <code className="font-mono text-sm wrap-anywhere">{upstreamModel ?? "—"}</code>,
    },
    { id: "credential", header: t("credential"), phone: "line", cell: ({ credentialName }) => credentialName ?? "—" },
    { id: "tier", header: t("tier"), phone: "none", numeric: true, cell: ({ priority }) => priority ?? "—" },
    {
      id: "weight",
      header: t("weight"),
      phone: "none",
      numeric: true,
      cell: ({ weight, credentialWeight, health }) =>
        weight === null
          ? "—"
          : [weight, credentialWeight, health === 1 ? null : health].filter((part) => part !== null).join(" × "),
    },
    {
      id: "score",
      header: t("score"),
      phone: "none",
      numeric: true,
      cell: ({ score, credentialScore }) => (score ?? credentialScore)?.toPrecision(3) ?? "—",
    },
    {
      id: "state",
      header: t("state"),
      phone: "side",
      cell: ({ called, place, reason }) => (
        <span className="flex flex-wrap items-center gap-x-2">
          {called && <Badge variant={place === 1 ? "positive" : "neutral"}>{t("place", { place })}</Badge>}
          {reason && <RouteReason reason={reason} />}
        </span>
      ),
    },
  ];
  return (
    <DataTable
      caption={t("caption")}
      columns={columns}
      rows={rows.map((row, index) => ({ ...row, index, place: placeOf(rows, index) }))}
      rowId={({ index }) => String(index)}
    />
  );
}

/** Among the candidates of its own model. */
function placeOf(rows: readonly StaffRouteRow[], index: number): number {
  return rows.slice(0, index + 1).filter(({ model }) => model === rows[index]?.model).length;
}
