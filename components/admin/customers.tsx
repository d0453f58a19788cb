"use client";

import Link from "next/link";
import { useFormatter, useTranslations } from "next-intl";
import { Outcome } from "@/components/activity/outcome";
import { Moment } from "@/components/admin/moment";
import { Usd } from "@/components/admin/usd";
import { Badge } from "@/components/ui/badge";
import { type Column, DataTable } from "@/components/ui/data-table";
import type { KeyRow } from "@/lib/keys/schema";
import { parseUsd } from "@/lib/money";
import type { CustomerRow } from "@/lib/usage/admin-customers";
import type { RequestRow } from "@/lib/usage/schema";

/** `paying`: they have a balance, which nobody has where the operator pays for all. */
export function CustomersTable({ rows, paying }: { rows: readonly CustomerRow[]; paying: boolean }) {
  const t = useTranslations("admin.customers");
  const balance: Column<CustomerRow>[] = [
    {
      id: "balance",
      header: t("balance"),
      numeric: true,
      phone: "side",
      sortBy: ({ balanceUsd }) => parseUsd(balanceUsd),
      cell: ({ balanceUsd }) => <Usd amount={balanceUsd} down />,
    },
    {
      id: "held",
      header: t("held"),
      numeric: true,
      phone: "none",
      cell: ({ heldUsd }) => <Usd amount={heldUsd} />,
    },
  ];
  const columns: Column<CustomerRow>[] = [
    {
      id: "name",
      header: t("customer"),
      phone: "lead",
      sortBy: ({ name }) => name,
      cell: ({ id, name, slug }) => (
        <span className="flex min-w-0 flex-wrap items-center gap-x-2">
          <Link href={`/admin/customers/${id}`} className="underline decoration-line-strong underline-offset-4">
            {name}
          </Link>
          <code className="font-mono text-sm font-normal text-ink-2">{slug}</code>
        </span>
      ),
    },
    { id: "owner", header: t("owner"), phone: "line", cell: ({ ownerEmail }) => ownerEmail ?? <None /> },
    ...(paying ? balance : []),
    {
      id: "revenue",
      header: t("revenue30"),
      numeric: true,
      phone: paying ? "none" : "side",
      sortBy: ({ revenueUsd }) => parseUsd(revenueUsd),
      cell: ({ revenueUsd }) => <Usd amount={revenueUsd} />,
    },
    {
      id: "last",
      header: t("lastCall"),
      phone: "none",
      sortBy: ({ lastCallAt }) => lastCallAt,
      cell: ({ lastCallAt }) => <Moment at={lastCallAt} />,
    },
    { id: "status", header: t("status"), phone: "line", cell: ({ status }) => <OrgStatus status={status} /> },
  ];
  return <DataTable caption={t("title")} columns={columns} rows={rows} rowId={({ id }) => id} />;
}

function None() {
  return <span className="text-ink-2">—</span>;
}

export function OrgStatus({ status }: { status: CustomerRow["status"] }) {
  const t = useTranslations("admin.customers");
  return <Badge variant={status === "active" ? "positive" : "danger"}>{t(`statuses.${status}`)}</Badge>;
}

export function CustomerKeys({ rows }: { rows: readonly KeyRow[] }) {
  const t = useTranslations("admin.customers");
  const columns: Column<KeyRow>[] = [
    { id: "name", header: t("key"), phone: "lead", cell: ({ name }) => name },
    {
      id: "key",
      header: t("keyBegins"),
      phone: "line",
      cell: ({ prefix, last4 }) => (
        <code className="font-mono text-sm text-ink-2">
          {prefix}…{last4}
        </code>
      ),
    },
    { id: "app", header: t("app"), phone: "none", cell: ({ app }) => app },
    {
      id: "status",
      header: t("status"),
      phone: "side",
      cell: ({ status }) => (
        <Badge variant={status === "active" ? "positive" : "neutral"}>{t(`keyStatuses.${status}`)}</Badge>
      ),
    },
    { id: "created", header: t("created"), phone: "none", cell: ({ createdAt }) => <Moment at={createdAt} /> },
  ];
  return <DataTable caption={t("keys")} columns={columns} rows={rows} rowId={({ id }) => id} />;
}

export function CustomerRequests({ rows }: { rows: readonly RequestRow[] }) {
  const t = useTranslations("admin.customers");
  const activity = useTranslations("activity");
  const format = useFormatter();
  const columns: Column<RequestRow>[] = [
    { id: "at", header: t("time"), phone: "lead", cell: ({ settledAt }) => <Moment at={settledAt} /> },
    {
      id: "model",
      header: t("model"),
      phone: "line",
      cell: ({ model, provider }) => (
        <span className="wrap-anywhere">
          <span className="font-mono text-sm">{model}</span>{" "}
          {provider && <span className="text-ink-2">· {provider}</span>}
        </span>
      ),
    },
    {
      id: "outcome",
      header: t("outcome"),
      phone: "line",
      cell: ({ outcome, refusedBy }) => (
        <span className="inline-flex flex-wrap items-center gap-2">
          <Outcome value={outcome} />
          {refusedBy && <code className="font-mono text-xs text-ink-2">{refusedBy}</code>}
        </span>
      ),
    },
    {
      id: "tokens",
      header: t("tokens"),
      numeric: true,
      phone: "none",
      cell: ({ outcome, inputTokens, outputTokens }) =>
        outcome === "refused" ? <None /> : `${format.number(inputTokens)} / ${format.number(outputTokens)}`,
    },
    { id: "cost", header: t("cost"), numeric: true, phone: "none", cell: ({ costUsd }) => <Usd amount={costUsd} /> },
    {
      id: "price",
      header: t("price"),
      numeric: true,
      phone: "side",
      cell: ({ outcome, priceUsd }) =>
        priceUsd === "0" && outcome !== "ok" ? (
          <span className="text-ink-2">{activity("notCharged")}</span>
        ) : (
          <Usd amount={priceUsd} />
        ),
    },
  ];
  return <DataTable caption={t("requests")} columns={columns} rows={rows} rowId={({ id }) => id} />;
}
