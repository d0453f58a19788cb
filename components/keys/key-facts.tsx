"use client";

import { useTranslations } from "next-intl";
import type { ReactNode } from "react";
import { Facts } from "@/components/keys/key-usage";
import { CopyButton } from "@/components/ui/copy-button";
import { useMoment } from "@/components/ui/use-moment";
import type { KeyRow } from "@/lib/keys/schema";

/** What does not change by calling. */
export function KeyFacts({ row, creator }: { row: KeyRow; creator: string | null }) {
  const t = useTranslations("keys");
  const writeMoment = useMoment();
  const time = (at: string) => writeMoment(at, "minute");
  const rows: [string, ReactNode][] = [
    [t("app"), row.app],
    [t("creator"), creator ?? t("operator")],
    [t("created"), time(row.createdAt)],
    [t("expires"), row.expiresAt ? time(row.expiresAt) : t("never")],
    ...(row.revokedAt ? ([[t("statuses.revoked"), time(row.revokedAt)]] as [string, ReactNode][]) : []),
    [
      t("keyId"),
      <span key="id" className="inline-flex min-w-0 items-center gap-1">
        <code className="font-mono text-sm break-all">{row.id}</code>
        <CopyButton text={row.id} label={t("copyId")} className="-mr-2.5" />
      </span>,
    ],
  ];
  return <Facts rows={rows} />;
}
