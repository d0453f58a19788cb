"use client";

import Link from "next/link";
import { useTranslations } from "next-intl";
import { Badge } from "@/components/ui/badge";
import { type Column, DataTable } from "@/components/ui/data-table";

export type ProviderListRow = {
  slug: string;
  name: string;
  /** In the reader's language. */
  kind: string;
  isSimulation: boolean;
  address: string | null;
  healthy: number;
  credentials: number;
  models: number;
  /** `none`: it needs no credential. */
  status: "ready" | "disabled" | "noCredential" | "degraded" | "failing";
};

const VARIANT = {
  ready: "positive",
  disabled: "neutral",
  noCredential: "warning",
  degraded: "warning",
  failing: "danger",
} as const;

export function ProvidersTable({ rows }: { rows: readonly ProviderListRow[] }) {
  const t = useTranslations("admin.providers");
  const columns: Column<ProviderListRow>[] = [
    {
      id: "name",
      header: t("provider"),
      phone: "lead",
      sortBy: ({ name }) => name,
      cell: ({ slug, name, isSimulation }) => (
        <span className="flex min-w-0 flex-wrap items-center gap-2">
          <Link href={`/admin/providers/${slug}`} className="underline decoration-line-strong underline-offset-4">
            {name}
          </Link>
          <code className="font-mono text-sm font-normal text-ink-2">{slug}</code>
          {isSimulation && <Badge>{t("simulation")}</Badge>}
        </span>
      ),
    },
    { id: "kind", header: t("kind"), phone: "none", cell: ({ kind }) => kind },
    {
      id: "address",
      header: t("baseUrl"),
      phone: "line",
      cell: ({ address }) =>
        address ? (
          <span className="font-mono text-sm wrap-anywhere text-ink-2">{address}</span>
        ) : (
          <span className="text-ink-2">—</span>
        ),
    },
    {
      id: "credentials",
      header: t("credentials"),
      numeric: true,
      phone: "none",
      cell: ({ healthy, credentials }) => (credentials === 0 ? "—" : t("healthyOf", { healthy, credentials })),
    },
    { id: "models", header: t("models"), numeric: true, phone: "none", cell: ({ models }) => models },
    {
      id: "status",
      header: t("status"),
      phone: "side",
      cell: ({ status }) => <Badge variant={VARIANT[status]}>{t(`statuses.${status}`)}</Badge>,
    },
  ];
  return <DataTable caption={t("title")} columns={columns} rows={rows} rowId={({ slug }) => slug} />;
}
