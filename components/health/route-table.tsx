"use client";

import Link from "next/link";
import { useFormatter, useTranslations } from "next-intl";
import { Badge } from "@/components/ui/badge";
import { type Column, DataTable } from "@/components/ui/data-table";
import { useMoment } from "@/components/ui/use-moment";
import type { Figures } from "@/lib/health/figures";
import type { CredentialFigures, ProviderFigures } from "@/lib/health/schema";
import { cn } from "@/lib/utils";

const VARIANT = {
  active: "positive",
  resting: "warning",
  disabled: "danger",
  verifying: "neutral",
  needs_secret: "warning",
  off: "neutral",
} as const;

type Row = { id: string; now: Figures; hour: Figures; provider: ProviderFigures; credential: CredentialFigures | null };

/** Each provider with its credentials under it: how they do now and in the last hour. */
export function RouteTable({ providers }: { providers: readonly ProviderFigures[] }) {
  const t = useTranslations("admin.health");
  const format = useFormatter();
  const share = (value: number | null) =>
    value === null
      ? "—"
      : format.number(Math.floor(value * 1000) / 1000, { style: "percent", maximumFractionDigits: 1 });
  const pair = (p50: number | null, p95: number | null) =>
    p50 === null || p95 === null ? "—" : `${format.number(p50)} / ${format.number(p95)}`;
  const rows = providers.flatMap((provider): Row[] => [
    { id: provider.slug, now: provider.now, hour: provider.hour, provider, credential: null },
    ...provider.credentials.map((credential) => ({
      ...{ id: `${provider.slug}/${credential.id}`, now: credential.now, hour: credential.hour, provider, credential },
    })),
  ]);
  const columns: Column<Row>[] = [
    {
      id: "name",
      header: t("provider"),
      phone: "lead",
      cell: ({ provider, credential }) =>
        credential ? (
          <span className="flex min-w-0 flex-col gap-0.5 pl-4 font-normal">
            <span className="wrap-anywhere">{credential.name}</span>
            {credential.balance && (
              <span className="figures text-sm text-ink-2">{t("left", { balance: credential.balance })}</span>
            )}
            {credential.reason && (
              <span className="max-w-[44ch] text-sm wrap-anywhere text-ink-2">{credential.reason}</span>
            )}
          </span>
        ) : (
          <Link
            href={`/admin/providers/${provider.slug}`}
            className="underline decoration-line-strong underline-offset-4"
          >
            {provider.name}
          </Link>
        ),
    },
    {
      id: "state",
      header: t("state"),
      phone: "side",
      cell: ({ provider, credential }) => <State provider={provider} credential={credential} />,
    },
    {
      id: "attempts",
      header: t("attempts"),
      numeric: true,
      phone: "none",
      cell: ({ now, hour }) => two(now.attempts, hour.attempts),
    },
    {
      id: "success",
      header: t("success"),
      numeric: true,
      phone: "line",
      cell: ({ now, hour }) =>
        hour.successShare === null ? (
          <span className="max-sm:hidden">—</span>
        ) : (
          <span className={cn(now.successShare !== null && now.successShare < 0.95 && "text-danger")}>
            <span className="sm:hidden">{t("success")} </span>
            {share(now.successShare)} / {share(hour.successShare)}
          </span>
        ),
    },
    {
      id: "limited",
      header: t("limited"),
      numeric: true,
      phone: "none",
      cell: ({ hour }) => format.number(hour.limited),
    },
    {
      id: "latency",
      header: t("latency"),
      numeric: true,
      phone: "none",
      cell: ({ hour }) => pair(hour.p50Ms, hour.p95Ms),
    },
    {
      id: "firstToken",
      header: t("firstToken"),
      numeric: true,
      phone: "none",
      cell: ({ hour }) => pair(hour.firstTokenP50Ms, hour.firstTokenP95Ms),
    },
    {
      id: "speed",
      header: t("speed"),
      numeric: true,
      phone: "none",
      cell: ({ hour }) =>
        hour.tokensPerSecond === null ? "—" : format.number(hour.tokensPerSecond, { maximumFractionDigits: 0 }),
    },
  ];
  function two(now: number, hour: number) {
    return hour === 0 ? "—" : `${format.number(now)} / ${format.number(hour)}`;
  }
  return <DataTable caption={t("routes")} columns={columns} rows={rows} rowId={({ id }) => id} />;
}

function State({ provider, credential }: { provider: ProviderFigures; credential: CredentialFigures | null }) {
  const t = useTranslations("admin.health");
  const writeMoment = useMoment();
  if (!credential) {
    if (!provider.enabled) return <Badge>{t("states.off")}</Badge>;
    if (!provider.needsCredential) return null;
    const active = provider.credentials.filter(({ state }) => state === "active").length;
    const all = provider.credentials.length;
    return (
      <Badge variant={active === 0 ? "danger" : active < all ? "warning" : "positive"}>
        {t("activeOf", { active, all })}
      </Badge>
    );
  }
  const { state, restingUntil } = credential;
  const until = restingUntil && writeMoment(restingUntil, "time", "UTC");
  return (
    <Badge variant={VARIANT[state]}>
      {until && state === "resting" ? t("restingUntil", { until }) : t(`states.${state}`)}
    </Badge>
  );
}
