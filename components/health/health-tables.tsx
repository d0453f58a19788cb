"use client";

import { CircleCheck, CircleX } from "lucide-react";
import { useFormatter, useTranslations } from "next-intl";
import { Moment } from "@/components/health/moment";
import { RouteReason } from "@/components/receipt/route-reason";
import { Badge } from "@/components/ui/badge";
import { type Column, DataTable } from "@/components/ui/data-table";
import type { BreakerRow, CheckRow, ProcessRow, QueueRow } from "@/lib/health/schema";

const BREAKER_VARIANT = { open: "danger", half_open: "warning", resting: "warning" } as const;

/** Routes that rest, and until when. */
export function BreakerTable({ rows }: { rows: readonly BreakerRow[] }) {
  const t = useTranslations("admin.health");
  const columns: Column<BreakerRow>[] = [
    {
      id: "route",
      header: t("route"),
      phone: "lead",
      cell: ({ provider, credential, model }) => (
        <span className="wrap-anywhere">
          {[provider, credential].filter(Boolean).join(" · ")}
          <span className="block text-sm font-normal text-ink-2">{model ?? t("everything")}</span>
        </span>
      ),
    },
    {
      id: "state",
      header: t("state"),
      phone: "side",
      cell: ({ state, isProbed }) => (
        <Badge variant={BREAKER_VARIANT[state]}>{isProbed ? t("probing") : t(`breakerStates.${state}`)}</Badge>
      ),
    },
    {
      id: "until",
      header: t("until"),
      numeric: true,
      phone: "line",
      cell: ({ until }) => (
        <>
          <span className="sm:hidden">{t("until")} </span>
          <Moment at={until} form="time" />
        </>
      ),
    },
    { id: "openings", header: t("openings"), numeric: true, phone: "none", cell: ({ openings }) => openings || "—" },
    { id: "reason", header: t("reason"), phone: "none", cell: ({ reason }) => <RouteReason reason={reason} /> },
  ];
  return <DataTable caption={t("breakers")} columns={columns} rows={rows} rowId={({ target }) => target} />;
}

export function CheckTable({ rows }: { rows: readonly CheckRow[] }) {
  const t = useTranslations("admin.health");
  const columns: Column<CheckRow>[] = [
    {
      id: "target",
      header: t("checked"),
      phone: "lead",
      cell: ({ provider, credential }) => (
        <span className="wrap-anywhere">{[provider, credential].filter(Boolean).join(" · ")}</span>
      ),
    },
    {
      id: "result",
      header: t("result"),
      phone: "side",
      cell: ({ ok, isUnverified, latencyMs }) => {
        if (isUnverified) return <Badge variant="warning">{t("unverified")}</Badge>;
        const Icon = ok ? CircleCheck : CircleX;
        return (
          <Badge variant={ok ? "positive" : "danger"}>
            <Icon strokeWidth={1.5} aria-hidden />
            {ok ? t("passed", { ms: latencyMs }) : t("failed")}
          </Badge>
        );
      },
    },
    { id: "method", header: t("method"), phone: "none", cell: ({ method }) => (method ? t(`methods.${method}`) : "—") },
    { id: "origin", header: t("origin"), phone: "none", cell: ({ origin }) => t(`origins.${origin}`) },
    {
      id: "error",
      header: t("said"),
      phone: "none",
      cell: ({ error }) => <span className="block max-w-[48ch] text-sm wrap-anywhere text-ink-2">{error ?? "—"}</span>,
    },
    {
      id: "at",
      header: t("at"),
      numeric: true,
      phone: "line",
      cell: ({ at }) => <Moment at={at} form="second" />,
    },
  ];
  return <DataTable caption={t("checks")} columns={columns} rows={rows} rowId={({ id }) => id} />;
}

export function ProcessTable({ rows, configVersion }: { rows: readonly ProcessRow[]; configVersion: string }) {
  const t = useTranslations("admin.health");
  const format = useFormatter();
  const columns: Column<ProcessRow>[] = [
    {
      id: "name",
      header: t("process"),
      phone: "lead",
      cell: ({ id, role }) => (
        <span className="wrap-anywhere">
          {t(`roles.${role}`)} <code className="font-mono text-sm font-normal text-ink-2">{id}</code>
        </span>
      ),
    },
    {
      id: "state",
      header: t("state"),
      phone: "side",
      cell: ({ isSilent }) => (
        <Badge variant={isSilent ? "danger" : "positive"}>{isSilent ? t("silent") : t("alive")}</Badge>
      ),
    },
    {
      id: "since",
      header: t("since"),
      numeric: true,
      phone: "none",
      cell: ({ startedAt }) => <Moment at={startedAt} form="minute" />,
    },
    {
      id: "cpu",
      header: t("cpu"),
      numeric: true,
      phone: "line",
      cell: ({ cpuShare }) =>
        cpuShare === null ? (
          "—"
        ) : (
          <>
            <span className="sm:hidden">{t("cpu")} </span>
            {format.number(cpuShare, { style: "percent" })}
          </>
        ),
    },
    {
      id: "memory",
      header: t("memory"),
      numeric: true,
      phone: "none",
      cell: ({ rssBytes }) => (rssBytes === null ? "—" : format.number(Math.round(rssBytes / 2 ** 20))),
    },
    { id: "running", header: t("running"), numeric: true, phone: "none", cell: ({ running }) => running ?? "—" },
    {
      id: "database",
      header: t("databaseMs"),
      numeric: true,
      phone: "none",
      cell: ({ databaseMs }) => databaseMs ?? "—",
    },
    { id: "hold", header: t("holdP99"), numeric: true, phone: "none", cell: ({ holdP99Ms }) => holdP99Ms ?? "—" },
    {
      id: "disk",
      header: t("diskFree"),
      numeric: true,
      phone: "none",
      cell: ({ disk }) =>
        disk === null
          ? "—"
          : t("gigabytesFree", {
              size: disk.freeBytes / 2 ** 30,
              share: disk.freeBytes / Math.max(1, disk.totalBytes),
            }),
    },
    {
      id: "configuration",
      header: t("configuration"),
      phone: "none",
      cell: ({ configVersion: own }) =>
        own === null ? "—" : own === configVersion ? t("current") : t("behind", { own, configVersion }),
    },
  ];
  return <DataTable caption={t("processes")} columns={columns} rows={rows} rowId={({ role, id }) => `${role} ${id}`} />;
}

export function QueueTable({ rows }: { rows: readonly QueueRow[] }) {
  const t = useTranslations("admin.health");
  const columns: Column<QueueRow>[] = [
    {
      id: "task",
      header: t("task"),
      phone: "lead",
      cell: ({ task, lastError }) => (
        <span className="flex flex-col">
          <code className="font-mono text-sm">{task}</code>
          {lastError && (
            <span className="max-w-[60ch] text-sm font-normal wrap-anywhere text-ink-2">
              <q lang="en">{lastError}</q>
            </span>
          )}
        </span>
      ),
    },
    {
      id: "waiting",
      header: t("waiting"),
      numeric: true,
      phone: "line",
      cell: ({ waiting }) => (
        <>
          <span className="sm:hidden">{t("waiting")} </span>
          {waiting}
        </>
      ),
    },
    { id: "running", header: t("runningJobs"), numeric: true, phone: "none", cell: ({ running }) => running },
    {
      id: "failed",
      header: t("failedJobs"),
      numeric: true,
      phone: "side",
      cell: ({ failed }) => <span className={failed > 0 ? "text-danger" : undefined}>{failed}</span>,
    },
    {
      id: "oldest",
      header: t("oldest"),
      numeric: true,
      phone: "none",
      cell: ({ oldestAt }) => (oldestAt ? <Moment at={oldestAt} form="second" /> : "—"),
    },
  ];
  return <DataTable caption={t("queues")} columns={columns} rows={rows} rowId={({ task }) => task} />;
}
