"use client";

import Link from "next/link";
import { useTranslations } from "next-intl";
import { Moment } from "@/components/admin/moment";
import { Usd } from "@/components/admin/usd";
import { type Column, DataTable } from "@/components/ui/data-table";
import type { JournalRow } from "@/lib/billing/admin-journals";
import type { ViolationRow } from "@/lib/billing/schema";
import type { RerateRow } from "@/lib/usage/schema";

const KINDS = [
  "usage",
  "late",
  "topup",
  "refund",
  "dispute",
  "write_off",
  "stripe",
  "promo",
  "comp",
  "correction",
  "expiry",
  "mode",
] as const;

const ACCOUNTS = [
  "customer",
  "stripe_clearing",
  "bank",
  "stripe_fees",
  "revenue",
  "promo_expense",
  "breakage",
  "refunds",
  "disputes",
  "bad_debt",
  "tax",
] as const;

export function JournalTable({ rows }: { rows: readonly JournalRow[] }) {
  const t = useTranslations("admin.ledger");
  const accountName = (account: string) => {
    const [kind = account] = account.split(":");
    const known = ACCOUNTS.find((one) => one === kind);
    return known ? t(`accounts.${known}`) : kind;
  };
  const columns: Column<JournalRow>[] = [
    { id: "at", header: t("time"), phone: "lead", cell: ({ at }) => <Moment at={at} /> },
    {
      id: "kind",
      header: t("kind"),
      phone: "side",
      cell: ({ kind }) => {
        const known = KINDS.find((one) => one === kind);
        return known ? t(`kinds.${known}`) : kind;
      },
    },
    {
      id: "org",
      header: t("customer"),
      phone: "line",
      cell: ({ orgId, orgName }) =>
        orgId ? (
          <Link
            href={`/admin/customers/${orgId}`}
            className="wrap-anywhere underline decoration-line-strong underline-offset-4"
          >
            {orgName ?? orgId}
          </Link>
        ) : (
          "—"
        ),
    },
    {
      id: "entries",
      header: t("entries"),
      phone: "line",
      cell: ({ entries }) => (
        <dl className="grid grid-cols-[1fr_auto] gap-x-6 py-1 text-sm sm:min-w-72">
          {entries.map(({ account, amountUsd }, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: entries of a journal never change, and an account may occur twice
            <div key={index} className="contents">
              <dt className="text-ink-2">{accountName(account)}</dt>
              <dd className="figures text-right">
                <Usd amount={amountUsd} plain />
              </dd>
            </div>
          ))}
        </dl>
      ),
    },
    {
      id: "why",
      header: t("why"),
      phone: "line",
      cell: ({ reason, actor }) => (
        <span className="wrap-anywhere">
          {reason} <span className="text-ink-2">{actor}</span>
        </span>
      ),
    },
  ];
  return <DataTable caption={t("journal")} columns={columns} rows={rows} rowId={({ id }) => id} />;
}

export function ViolationTable({ rows }: { rows: readonly ViolationRow[] }) {
  const t = useTranslations("admin.ledger");
  const columns: Column<ViolationRow>[] = [
    { id: "rule", header: t("rule"), phone: "lead", cell: ({ rule }) => rule },
    { id: "org", header: t("customer"), phone: "line", cell: ({ orgId }) => orgId ?? "—" },
    {
      id: "ref",
      header: t("reference"),
      phone: "line",
      cell: ({ ref }) => <span className="wrap-anywhere">{ref}</span>,
    },
    { id: "detail", header: t("found"), phone: "line", cell: ({ detail }) => detail },
  ];
  return (
    <DataTable
      caption={t("violations")}
      columns={columns}
      rows={rows}
      rowId={({ rule, orgId, ref }) => `${rule} ${orgId} ${ref}`}
    />
  );
}

/** Runs of pricing stored calls again, with what did not come out as charged. */
export function RerateTable({ rows }: { rows: readonly RerateRow[] }) {
  const t = useTranslations("admin.ledger");
  const columns: Column<RerateRow>[] = [
    { id: "at", header: t("rerateAt"), phone: "lead", cell: ({ at }) => <Moment at={at} /> },
    {
      id: "checked",
      header: t("rerateCalls"),
      phone: "side",
      cell: ({ checked, sharePercent }) => t("rerateChecked", { checked, share: sharePercent }),
    },
    {
      id: "result",
      header: t("found"),
      phone: "line",
      cell: ({ differing, differences }) => {
        if (differing === 0) return t("rerateSame");
        return (
          <>
            {t("rerateOther", { count: differing })}
            <ul className="mt-1 font-mono text-sm wrap-anywhere">
              {differences.map(({ requestId, chargedUsd, expectedUsd }) => (
                <li key={requestId}>
                  {t("rerateLine", { id: requestId, charged: chargedUsd ?? "—", expected: expectedUsd ?? "—" })}
                </li>
              ))}
            </ul>
          </>
        );
      },
    },
  ];
  return <DataTable caption={t("rerates")} columns={columns} rows={rows} rowId={({ at }) => at} />;
}
