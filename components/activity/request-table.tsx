"use client";

import Link from "next/link";
import { useFormatter, useTranslations } from "next-intl";
import { useMemo } from "react";
import { Outcome } from "@/components/activity/outcome";
import { type Column, DataTable } from "@/components/ui/data-table";
import { Money } from "@/components/ui/money";
import { useMoment } from "@/components/ui/use-moment";
import type { OrgRequest } from "@/lib/usage/schema";

export type ListedRequest = OrgRequest & { keyName: string };

type RequestTableProps = {
  orgSlug: string;
  requests: readonly ListedRequest[];
  /** The parameters of the list: given, a receipt opens beside it; absent, on its own page. */
  beside?: Readonly<Record<string, string>>;
};

/** Newest first, as the server orders them. The time is the link to the receipt. */
export function RequestTable({ orgSlug, requests, beside }: RequestTableProps) {
  const t = useTranslations("activity");
  const format = useFormatter();
  const writeMoment = useMoment();
  const columns = useMemo<Column<ListedRequest>[]>(
    () => [
      {
        id: "time",
        header: t("time"),
        phone: "line",
        cell: ({ id, startedAt }) => (
          <Link
            href={
              beside
                ? `/${orgSlug}/activity?${new URLSearchParams({ ...beside, request: id })}`
                : `/${orgSlug}/activity/requests/${id}`
            }
            scroll={!beside}
            className="figures font-normal whitespace-nowrap underline decoration-line-strong underline-offset-4 hover:decoration-current"
          >
            {writeMoment(startedAt, "second")}
          </Link>
        ),
      },
      {
        id: "model",
        header: t("model"),
        phone: "lead",
        cell: ({ model }) => <code className="font-mono text-sm wrap-anywhere">{model}</code>,
      },
      {
        id: "key",
        header: t("key"),
        phone: "none",
        cell: ({ keyName }) => <span className="wrap-anywhere">{keyName}</span>,
      },
      { id: "status", header: t("status"), phone: "line", cell: ({ outcome }) => <Outcome value={outcome} /> },
      {
        id: "tokens",
        header: t("tokens"),
        numeric: true,
        phone: "none",
        cell: ({ outcome, inputTokens, outputTokens }) =>
          outcome === "refused" ? "—" : `${format.number(inputTokens)} / ${format.number(outputTokens)}`,
      },
      {
        id: "latency",
        header: t("latency"),
        numeric: true,
        phone: "none",
        cell: ({ latencyMs }) => (latencyMs === null ? "—" : format.number(latencyMs)),
      },
      {
        id: "charge",
        header: t("charge"),
        numeric: true,
        phone: "side",
        cell: ({ outcome, priceUsd }) =>
          priceUsd === "0" && outcome !== "ok" ? (
            <span className="text-ink-2">{t("notCharged")}</span>
          ) : (
            <Money usd={priceUsd} />
          ),
      },
    ],
    [t, format, writeMoment, orgSlug, beside],
  );
  return <DataTable caption={t("list")} columns={columns} rows={requests} rowId={({ id }) => id} />;
}
