"use client";

import { useFormatter, useLocale, useTranslations } from "next-intl";
import { type ReactNode, useMemo } from "react";
import { KeyMenu } from "@/components/keys/key-menu";
import { Badge } from "@/components/ui/badge";
import { type Column, DataTable } from "@/components/ui/data-table";
import { Money } from "@/components/ui/money";
import { formatMoney } from "@/lib/format-money";
import type { KeyRow } from "@/lib/keys/schema";
import { parseUsd } from "@/lib/money";

/** A key with what it cost this month, and the name of its state at the time of reading. */
export type ListedKey = KeyRow & { monthUsd: string; state: "active" | "disabled" | "expired" | "limited" | "revoked" };

const VARIANT = {
  active: "positive",
  disabled: "neutral",
  expired: "warning",
  limited: "warning",
  revoked: "danger",
} as const;

export function KeyTable({ orgSlug, keys, baseUrl, model }: KeyTableProps) {
  const t = useTranslations("keys");
  const format = useFormatter();
  const columns = useMemo<Column<ListedKey>[]>(
    () => [
      {
        id: "name",
        header: t("name"),
        phone: "lead",
        sortBy: ({ name }) => name,
        cell: ({ name, prefix, last4 }) => (
          <>
            <span className="wrap-anywhere">{name}</span>
            <code className="block font-mono text-xs font-normal text-ink-2">{`${prefix}…${last4}`}</code>
          </>
        ),
      },
      {
        id: "status",
        header: t("status"),
        phone: "side",
        cell: ({ state }) => <Badge variant={VARIANT[state]}>{t(`statuses.${state}`)}</Badge>,
      },
      { id: "limits", header: t("limits"), cell: (key) => <KeyLimits {...key} /> },
      {
        id: "month",
        header: t("month"),
        numeric: true,
        sortBy: ({ monthUsd }) => parseUsd(monthUsd),
        cell: ({ monthUsd }) => <Money usd={monthUsd} />,
      },
      {
        id: "created",
        header: t("created"),
        numeric: true,
        phone: "none",
        sortBy: ({ createdAt }) => createdAt,
        cell: ({ createdAt }) => format.dateTime(new Date(createdAt), { dateStyle: "medium" }),
      },
      {
        id: "expires",
        header: t("expires"),
        numeric: true,
        phone: "none",
        cell: ({ expiresAt }) =>
          expiresAt ? format.dateTime(new Date(expiresAt), { dateStyle: "medium" }) : <Muted>{t("never")}</Muted>,
      },
      {
        id: "actions",
        header: <span className="sr-only">{t("actions", { name: "" })}</span>,
        numeric: true,
        phone: "side",
        cell: (row) => <KeyMenu orgSlug={orgSlug} row={row} baseUrl={baseUrl} model={model} />,
      },
    ],
    [t, format, orgSlug, baseUrl, model],
  );
  return <DataTable caption={t("caption")} columns={columns} rows={keys} rowId={({ id }) => id} />;
}

type KeyTableProps = { orgSlug: string; keys: readonly ListedKey[]; baseUrl: string; model: string | null };

function KeyLimits({ budgetUsd, budgetPeriod, rpm, tpm, maxConcurrency, allowedModels }: ListedKey) {
  const t = useTranslations("keys");
  const locale = useLocale();
  const amount = budgetUsd === null ? null : formatMoney(parseUsd(budgetUsd), locale);
  const parts = [
    amount !== null &&
      (budgetPeriod && budgetPeriod !== "total"
        ? t("budgetOf", { amount, period: t(`periods.${budgetPeriod}`) })
        : t("budgetTotal", { amount })),
    rpm !== null && t("rpm", { count: rpm }),
    tpm !== null && t("tpm", { count: tpm }),
    maxConcurrency !== null && t("concurrency", { count: maxConcurrency }),
    allowedModels.length > 0 && allowedModels.join(", "),
  ].filter((part) => typeof part === "string");
  if (parts.length === 0) return <Muted>{t("noLimits")}</Muted>;
  return <span className="wrap-anywhere">{parts.join(" · ")}</span>;
}

function Muted({ children }: { children: ReactNode }) {
  return <span className="text-ink-2">{children}</span>;
}
