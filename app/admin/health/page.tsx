import type { Metadata } from "next";
import { getFormatter, getLocale, getTranslations } from "next-intl/server";
import { RetryFailed, TestAll } from "@/components/health/health-controls";
import { BreakerTable, CheckTable, ProcessTable, QueueTable } from "@/components/health/health-tables";
import { LiveAge } from "@/components/health/live-age";
import { RouteTable } from "@/components/health/route-table";
import { Verdict } from "@/components/health/verdict";
import { Block } from "@/components/shell/block";
import { EmptyState } from "@/components/shell/empty-state";
import { KeyFigures } from "@/components/shell/key-figures";
import { PageHead } from "@/components/shell/page-head";
import { requireStaff } from "@/lib/auth/require-staff";
import { formatMoney } from "@/lib/format-money";
import { readHealth } from "@/lib/health/admin-health";
import type { Health } from "@/lib/health/schema";
import { parseUsd } from "@/lib/money";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("admin.health"))("title") };
}

export default async function HealthPage() {
  const scope = await requireStaff("providers.read");
  const t = await getTranslations("admin.health");
  const health = await readHealth(scope);
  const { at, processes, database, queues, breakers, providers, checks, checkCalls, run } = health;
  const canTest = scope.permissions.has("providers.manage");
  const hasFailed = queues.some(({ failed }) => failed > 0);
  return (
    <>
      <PageHead title={t("title")} text={t("text")} action={<LiveAge at={at} />} />
      <Verdict troubles={health.troubles} canSeeLedger={scope.permissions.has("ledger.read")} />
      <Summary health={health} />
      <Block id="routes" title={t("routes")} text={t("routesText")} action={canTest && <TestAll run={run} />}>
        {providers.length === 0 ? <EmptyState text={t("noProviders")} /> : <RouteTable providers={providers} />}
      </Block>
      <Block id="breakers" title={t("breakers")} text={t("breakersText")}>
        {breakers.length === 0 ? <EmptyState text={t("noBreakers")} /> : <BreakerTable rows={breakers} />}
      </Block>
      <Block
        id="checks"
        title={t("checks")}
        text={
          <>
            {t("checksText")} {checkCalls.calls > 0 && (await checkCallsText(checkCalls))}
          </>
        }
      >
        {checks.length === 0 ? <EmptyState text={t("noChecks")} /> : <CheckTable rows={checks} />}
      </Block>
      <Block id="processes" title={t("processes")}>
        <ProcessTable rows={processes} configVersion={database.configVersion} />
      </Block>
      <Block
        id="queues"
        title={t("queues")}
        text={t("queuesText")}
        action={hasFailed && scope.permissions.has("settings.manage") && <RetryFailed />}
      >
        {queues.length === 0 ? <EmptyState text={t("noJobs")} /> : <QueueTable rows={queues} />}
      </Block>
    </>
  );
}

async function checkCallsText({ calls, costUsd, unpriced }: Health["checkCalls"]): Promise<string> {
  const [t, locale] = await Promise.all([getTranslations("admin.health"), getLocale()]);
  const cost = formatMoney(parseUsd(costUsd), locale);
  return [t("checkCalls", { calls, cost }), unpriced > 0 && t("checkCallsUnpriced", { unpriced })]
    .filter(Boolean)
    .join(" ");
}

async function Summary({ health: { processes, providers, breakers, database, mail } }: { health: Health }) {
  const t = await getTranslations("admin.health");
  const format = await getFormatter();
  const credentials = providers.filter(({ enabled }) => enabled).flatMap((provider) => provider.credentials);
  const used = credentials.filter(({ state }) => state !== "off");
  const alive = processes.filter(({ isSilent }) => !isSilent).length;
  return (
    <KeyFigures
      figures={[
        {
          label: t("credentialsActive"),
          value: t("of", { some: used.filter(({ state }) => state === "active").length, all: used.length }),
        },
        { label: t("openBreakers"), value: format.number(breakers.filter(({ state }) => state !== "resting").length) },
        { label: t("processesAlive"), value: t("of", { some: alive, all: processes.length }) },
        {
          label: t("databaseSize"),
          value: t("megabytes", { size: Math.round(database.bytes / 2 ** 20) }),
          note: t("databaseNote", database),
        },
        {
          label: t("mail"),
          value: t(`mailStates.${mail.ok === null ? "unknown" : mail.ok ? (mail.via ?? "unknown") : "fails"}`),
          note: t("mailNote", { waiting: mail.waiting, failed: mail.failed }),
        },
      ]}
    />
  );
}
