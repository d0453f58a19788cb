"use client";

import Link from "next/link";
import { useTranslations } from "next-intl";
import { Moment } from "@/components/admin/moment";
import { Badge } from "@/components/ui/badge";
import { type Column, DataTable } from "@/components/ui/data-table";
import type { SyncHead } from "@/lib/catalog/import-schema";
import { ON_SCHEDULE } from "@/lib/catalog/schema";

/** The comparisons made so far, each with how many rows its groups have. */
export function SyncsTable({ rows }: { rows: readonly SyncHead[] }) {
  const t = useTranslations("admin.catalogue");
  const count = (group: keyof SyncHead["counts"]): Column<SyncHead> => ({
    id: group,
    header: t(`groups.${group}`),
    numeric: true,
    phone: "none",
    cell: ({ counts }) => counts[group],
  });
  const columns: Column<SyncHead>[] = [
    {
      id: "at",
      header: t("time"),
      phone: "lead",
      cell: ({ id, createdAt }) => (
        <Link href={`/admin/catalogue/${id}`} className="underline decoration-line-strong underline-offset-4">
          <Moment at={createdAt} />
        </Link>
      ),
    },
    {
      id: "sources",
      header: t("sources"),
      phone: "line",
      cell: ({ sources, createdBy }) => (
        <span className="wrap-anywhere">
          {sources.map(({ name, format }) => (format === "bundled" ? t("bundled") : shortened(name))).join(" · ")}
          {createdBy === ON_SCHEDULE && <span className="block text-sm text-ink-2">{t("onSchedule")}</span>}
        </span>
      ),
    },
    ...[count("changed"), count("new"), count("removed"), count("suspicious")],
    {
      id: "state",
      header: t("state"),
      phone: "side",
      cell: ({ state }) => <Badge variant={state === "applied" ? "positive" : "neutral"}>{t(`states.${state}`)}</Badge>,
    },
  ];
  return <DataTable caption={t("past")} columns={columns} rows={rows} rowId={({ id }) => id} />;
}

/** Of an address its host tells enough. */
function shortened(name: string): string {
  return URL.canParse(name) ? new URL(name).host : name;
}
