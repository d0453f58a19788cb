"use client";

import { useTranslations } from "next-intl";
import { Moment } from "@/components/admin/moment";
import { Badge } from "@/components/ui/badge";
import { type Column, DataTable } from "@/components/ui/data-table";
import type { AuditEventRow } from "@/lib/audit/schema";

export function AuditTable({ rows }: { rows: readonly AuditEventRow[] }) {
  const t = useTranslations("admin.audit");
  const columns: Column<AuditEventRow>[] = [
    { id: "at", header: t("time"), phone: "lead", cell: ({ at }) => <Moment at={at} /> },
    {
      id: "actor",
      header: t("actor"),
      phone: "line",
      cell: ({ actorType, actorId }) => (
        <span className="wrap-anywhere">
          {t(`actors.${actorType}`)} <code className="font-mono text-sm text-ink-2">{actorId}</code>
        </span>
      ),
    },
    {
      id: "action",
      header: t("action"),
      phone: "side",
      cell: ({ action, outcome }) => (
        <span className="inline-flex flex-wrap items-center gap-2">
          <code className="font-mono text-sm">{action}</code>
          {outcome === "denied" && <Badge variant="danger">{t("denied")}</Badge>}
        </span>
      ),
    },
    {
      id: "target",
      header: t("target"),
      phone: "line",
      cell: ({ target }) => <code className="font-mono text-sm wrap-anywhere">{target}</code>,
    },
    { id: "change", header: t("change"), phone: "line", cell: (row) => <Change {...row} /> },
    { id: "ip", header: t("address"), phone: "none", cell: ({ ip }) => ip ?? "—" },
  ];
  return <DataTable caption={t("title")} columns={columns} rows={rows} rowId={({ id }) => id} />;
}

const SHOWN_FIELDS = 6;

/** The fields that differ, and why. */
function Change({ before, after, reason }: AuditEventRow) {
  const [old, now] = [asFacts(before), asFacts(after)];
  const changed = [...new Set([...Object.keys(old), ...Object.keys(now)])].filter(
    (field) => JSON.stringify(old[field] ?? null) !== JSON.stringify(now[field] ?? null),
  );
  return (
    <div className="max-w-[46ch] py-1 text-sm">
      {reason && <p className="wrap-anywhere">{reason}</p>}
      <p className="font-mono text-xs wrap-anywhere text-ink-2">
        {changed.slice(0, SHOWN_FIELDS).map((field, index) => (
          <span key={field}>
            {index > 0 && " · "}
            {field}: {field in old && `${short(old[field])} → `}
            {short(now[field])}
          </span>
        ))}
        {changed.length > SHOWN_FIELDS && ` +${changed.length - SHOWN_FIELDS}`}
      </p>
    </div>
  );
}

function asFacts(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function short(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value ?? null);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}
