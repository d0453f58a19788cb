"use client";

import Link from "next/link";
import { useFormatter, useTranslations } from "next-intl";
import { type ReactNode, useMemo, useState } from "react";
import { Budget } from "@/components/keys/budget";
import { KeyBadge } from "@/components/keys/key-badge";
import { KeyMenu } from "@/components/keys/key-menu";
import type { KeyContext, ListedKey } from "@/components/keys/listed-key";
import { useToggleKeys } from "@/components/keys/use-toggle-keys";
import { Button } from "@/components/ui/button";
import { Checkbox } from "@/components/ui/checkbox";
import { type Column, DataTable } from "@/components/ui/data-table";
import { Money } from "@/components/ui/money";
import { parseUsd } from "@/lib/money";

/** The keys with what binds them. Ticked ones are disabled or enabled together. */
export function KeyTable({ keys, context }: { keys: readonly ListedKey[]; context: KeyContext }) {
  const t = useTranslations("keys");
  const format = useFormatter();
  const [ticked, setTicked] = useState<ReadonlySet<string>>(new Set());
  const columns = useMemo<Column<ListedKey>[]>(
    () => [
      {
        id: "name",
        header: t("name"),
        phone: "lead",
        sortBy: ({ name }) => name,
        cell: ({ id, name, prefix, last4, state }) => (
          <span className="flex items-start gap-3">
            <Checkbox
              className="mt-0.5"
              aria-label={t("select", { name })}
              disabled={state === "revoked"}
              checked={ticked.has(id)}
              onCheckedChange={(checked) => setTicked((before) => withOrWithout(before, id, checked))}
            />
            <span className="min-w-0">
              <Link
                href={`/${context.orgSlug}/keys/${id}`}
                className="wrap-anywhere underline decoration-line-strong underline-offset-4 hover:decoration-current"
              >
                {name}
              </Link>
              <code className="block font-mono text-xs font-normal text-ink-2">{`${prefix}…${last4}`}</code>
            </span>
          </span>
        ),
      },
      { id: "status", header: t("status"), phone: "side", cell: ({ state }) => <KeyBadge state={state} /> },
      {
        id: "app",
        header: t("app"),
        phone: "none",
        sortBy: ({ app }) => app,
        cell: ({ app }) => <span className="wrap-anywhere">{app}</span>,
      },
      { id: "budget", header: t("budgetColumn"), cell: (key) => <Budget {...key} /> },
      { id: "limits", header: t("limits"), phone: "none", cell: (key) => <KeyLimits {...key} /> },
      {
        id: "month",
        header: t("month"),
        numeric: true,
        phone: "none",
        sortBy: ({ monthUsd }) => parseUsd(monthUsd),
        cell: ({ monthUsd }) => <Money usd={monthUsd} />,
      },
      {
        id: "used",
        header: t("lastUsed"),
        numeric: true,
        phone: "none",
        sortBy: ({ lastUsedAt }) => lastUsedAt,
        cell: ({ lastUsedAt }) =>
          lastUsedAt ? format.dateTime(new Date(lastUsedAt), { dateStyle: "medium" }) : <Muted>{t("notUsed")}</Muted>,
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
        // the key's own page has them too
        phone: "none",
        cell: (row) => <KeyMenu context={context} row={row} />,
      },
    ],
    [t, format, context, ticked],
  );
  return (
    <>
      <BulkBar orgSlug={context.orgSlug} ticked={ticked} onDone={() => setTicked(new Set())} />
      <DataTable caption={t("caption")} columns={columns} rows={keys} rowId={({ id }) => id} />
    </>
  );
}

type BulkBarProps = { orgSlug: string; ticked: ReadonlySet<string>; onDone: () => void };

function BulkBar({ orgSlug, ticked, onDone }: BulkBarProps) {
  const t = useTranslations("keys");
  const [busy, toggle] = useToggleKeys(orgSlug);
  if (ticked.size === 0) return null;
  const apply = (enabled: boolean) => toggle([...ticked], enabled, onDone);
  return (
    <fieldset className="mb-3 flex flex-wrap items-center gap-2 border-y py-2">
      <legend className="sr-only">{t("bulk")}</legend>
      <p role="status" className="mr-2">
        {t("selected", { count: ticked.size })}
      </p>
      <Button size="small" disabled={busy} onClick={() => apply(false)}>
        {t("disable")}
      </Button>
      <Button size="small" disabled={busy} onClick={() => apply(true)}>
        {t("enable")}
      </Button>
      <Button size="small" variant="quiet" onClick={onDone}>
        {t("clearSelection")}
      </Button>
    </fieldset>
  );
}

function KeyLimits({ rpm, tpm, maxConcurrency, allowedModels, allowedIps }: ListedKey) {
  const t = useTranslations("keys");
  const parts = [
    rpm !== null && t("rpm", { count: rpm }),
    tpm !== null && t("tpm", { count: tpm }),
    maxConcurrency !== null && t("concurrency", { count: maxConcurrency }),
    allowedModels.length > 0 && allowedModels.join(", "),
    allowedIps.length > 0 && t("addresses", { count: allowedIps.length }),
  ].filter((part) => typeof part === "string");
  if (parts.length === 0) return <Muted>{t("noLimits")}</Muted>;
  return <span className="wrap-anywhere">{parts.join(" · ")}</span>;
}

function Muted({ children }: { children: ReactNode }) {
  return <span className="text-ink-2">{children}</span>;
}

function withOrWithout(before: ReadonlySet<string>, id: string, isIn: boolean): ReadonlySet<string> {
  const after = new Set(before);
  if (isIn) after.add(id);
  else after.delete(id);
  return after;
}
