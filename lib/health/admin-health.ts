import { parseRates, priceUsage } from "@/lib/billing/pricing";
import { ratesInForce } from "@/lib/catalog/admin-prices";
import { findProviderKind } from "@/lib/catalog/provider-kinds";
import { db } from "@/lib/db";
import type { GatewayStatistics } from "@/lib/gateway/runtime";
import { type Figures, figuresOf, type RouteSums } from "@/lib/health/figures";
import type {
  BreakerRow,
  CheckRow,
  CredentialFigures,
  Health,
  ProcessRow,
  ProviderFigures,
  QueueRow,
} from "@/lib/health/schema";
import { troublesOf } from "@/lib/health/verdict";
import { formatUsd } from "@/lib/money";
import { SEND_MAIL_TASK } from "@/lib/notifications/send-mail-task";
import { requireStaffPermission, type StaffScope } from "@/lib/orgs/scope";
import { createProcessFacts, type ProcessFacts } from "@/lib/process-facts";
import { isConspicuous } from "@/lib/usage/admin-provider-bills";
import type { MailCheck } from "@/prisma/generated/client";

const SILENT_MS = 15_000;
/** Nodes of a machine that is gone are of no interest any more. */
const GONE_MS = 60 * 60_000;
const CHECKS_SHOWN = 20;
const CHECK_CALL_DAYS = 30;
const DAY_MS = 24 * 60 * 60_000;
const BILL_DAYS = 35;
const ownFacts = createProcessFacts();

/** Everything that an operator looks at when something is slow or fails: from small tables and sums, never from raw calls. */
export async function readHealth(scope: StaffScope, now = Date.now()): Promise<Health> {
  requireStaffPermission(scope, "providers.read");
  const [processes, database, queues, breakers, providers, checks, checkCalls, run, mailCheck, ledgerCheck, bills] =
    await Promise.all([
      readProcesses(now),
      readDatabase(),
      db().$queryRaw<QueueRow[]>`
      SELECT task, waiting::int, running::int, failed::int, oldest_at AS "oldestAt", last_error AS "lastError" FROM queue_summary()`,
      readBreakers(now),
      readProviders(now),
      readChecks(),
      readCheckCalls(now),
      readRun(),
      db().mailCheck.findFirst(),
      db().ledgerCheck.findFirst({ orderBy: { id: "desc" } }),
      db().providerBill.findMany({ where: { day: { gt: new Date(now - BILL_DAYS * DAY_MS) } } }),
    ]);
  const health = {
    at: new Date(now).toISOString(),
    processes,
    database,
    queues: queues.map((row) => ({ ...row, oldestAt: row.oldestAt && new Date(row.oldestAt).toISOString() })),
    breakers,
    providers,
    checks,
    checkCalls,
    run,
    mail: mailOf(mailCheck, queues),
    conspicuousBills: bills.filter(isConspicuous).length,
    books: ledgerCheck && { violations: ledgerCheck.violations, checkedAt: ledgerCheck.at.toISOString() },
  };
  return { ...health, troubles: troublesOf(health) };
}

function mailOf(check: MailCheck | null, queues: QueueRow[]): Health["mail"] {
  const { waiting = 0, failed = 0 } = queues.find(({ task }) => task === SEND_MAIL_TASK) ?? {};
  // safe because only the worker's check of its mail writes the row
  const via = (check?.via ?? null) as Health["mail"]["via"];
  return { task: SEND_MAIL_TASK, via, ok: check?.ok ?? null, detail: check?.detail ?? "", waiting, failed };
}

async function readProcesses(now: number): Promise<ProcessRow[]> {
  const nodes = await db().node.findMany({
    where: { beatAt: { gt: new Date(now - GONE_MS) } },
    orderBy: { id: "asc" },
  });
  const rows = nodes.map(({ id, bootedAt, beatAt, facts }): ProcessRow => {
    // safe because only node_heartbeat writes it, from process-facts.ts and runtime.ts
    const told = (facts ?? {}) as Partial<
      ProcessFacts &
        Omit<GatewayStatistics, "statements"> & { configVersion: string; databaseMs: number; holdP99Ms: number | null }
    >;
    return {
      id: id.replace(/^worker:/, ""),
      role: id.startsWith("worker:") ? "worker" : "gateway",
      startedAt: bootedAt.toISOString(),
      beatAt: beatAt.toISOString(),
      isSilent: now - beatAt.getTime() > SILENT_MS,
      rssBytes: told.rssBytes ?? null,
      cpuShare: told.cpuShare ?? null,
      running: told.running ?? null,
      databaseMs: told.databaseMs ?? null,
      holdP99Ms: told.holdP99Ms ?? null,
      oldestCallMs: told.oldestCallMs ?? null,
      oldestUnsettledMs: told.oldestUnsettledMs ?? null,
      refused: told.refused ?? null,
      disk: told.disk ?? null,
      configVersion: told.configVersion ?? null,
    };
  });
  const { uptimeMs, rssBytes, cpuShare } = ownFacts();
  const web: ProcessRow = {
    ...{ id: "web", role: "web", isSilent: false, rssBytes, cpuShare, running: null, databaseMs: null },
    ...{ holdP99Ms: null, oldestCallMs: null, oldestUnsettledMs: null, refused: null, disk: null },
    ...{ configVersion: null, startedAt: new Date(now - uptimeMs).toISOString(), beatAt: new Date(now).toISOString() },
  };
  return [...rows, web];
}

async function readDatabase(): Promise<Health["database"]> {
  const [row] = await db().$queryRaw<[Health["database"]]>`
    SELECT pg_database_size(current_database())::float8 AS bytes,
      (SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database()) AS connections,
      current_setting('max_connections')::int AS "maxConnections", current_setting('server_version') AS version,
      (SELECT version::text FROM config_version WHERE id = 1) AS "configVersion",
      (SELECT count(*)::int FROM pg_inherits WHERE inhparent = 'usage_event'::regclass) AS partitions`;
  return row;
}

async function readBreakers(now: number): Promise<BreakerRow[]> {
  const [breakers, offers, credentials] = await Promise.all([
    db().breaker.findMany({ orderBy: { until: "desc" }, take: 100 }),
    db().offer.findMany({ include: { provider: true } }),
    db().credential.findMany({ include: { provider: true } }),
  ]);
  const offerById = new Map(offers.map((offer) => [offer.id, offer]));
  const credentialById = new Map(credentials.map((credential) => [credential.id, credential]));
  return breakers.flatMap(({ target, until, openings, reason, probeUntil }): BreakerRow[] => {
    const [first = "", second] = target.split("/");
    const isResting = openings === 0;
    if (isResting && until.getTime() <= now) return [];
    const offer = offerById.get(first);
    const credential = credentialById.get(second ?? first);
    return [
      {
        target,
        provider: offer?.provider.slug ?? credential?.provider.slug ?? "",
        model: offer?.modelId ?? null,
        credential: credential?.name ?? null,
        state: isResting ? "resting" : until.getTime() > now ? "open" : "half_open",
        until: until.toISOString(),
        openings,
        reason,
        isProbed: probeUntil !== null && probeUntil.getTime() > now,
      },
    ];
  });
}

type SumRow = { offerId: string; credentialId: string; late: boolean } & RouteSums;

async function readProviders(now: number): Promise<ProviderFigures[]> {
  const [providers, breakers, sums, [{ bounds }]] = await Promise.all([
    db().provider.findMany({
      include: {
        offers: { select: { id: true } },
        credentials: { include: { health: true }, orderBy: { name: "asc" } },
      },
      orderBy: { displayName: "asc" },
    }),
    db().breaker.findMany({ where: { openings: 0, until: { gt: new Date(now) } } }),
    db().$queryRaw<(Omit<SumRow, "latency" | "firstToken"> & { latency: bigint[]; firstToken: bigint[] })[]>`
      SELECT offer_id AS "offerId", credential_id AS "credentialId", minute > clock_timestamp() - interval '5 minutes' AS late,
        sum(ok)::int AS ok, sum(failed)::int AS failed, sum(limited)::int AS limited, sum(refused)::int AS refused,
        sum(neutral)::int AS neutral, sum(output_tokens)::float8 AS "outputTokens", sum(generation_ms)::float8 AS "generationMs",
        sum_histogram(latency_histogram) AS latency, sum_histogram(first_token_histogram) AS "firstToken"
      FROM route_minute WHERE minute > clock_timestamp() - interval '1 hour' GROUP BY 1, 2, 3`,
    db().$queryRaw<[{ bounds: number[] }]>`SELECT latency_bounds() AS bounds`,
  ]);
  const rows = sums.map((row) => ({
    ...row,
    latency: row.latency.map(Number),
    firstToken: row.firstToken.map(Number),
  }));
  const rests = new Map(breakers.map(({ target, until }) => [target, until.toISOString()]));
  const windows = (own: typeof rows): { now: Figures; hour: Figures } => ({
    now: figuresOf(
      own.filter(({ late }) => late),
      bounds,
    ),
    hour: figuresOf(own, bounds),
  });
  return providers.map((provider): ProviderFigures => {
    const offers = new Set(provider.offers.map(({ id }) => id));
    const own = rows.filter(({ offerId }) => offers.has(offerId));
    return {
      slug: provider.slug,
      name: provider.displayName,
      enabled: provider.enabled,
      needsCredential: findProviderKind(provider.kind)?.credential !== "none",
      ...windows(own),
      credentials: provider.credentials.map(
        ({ id, name, enabled, status, statusReason, health }): CredentialFigures => {
          const restingUntil = rests.get(id) ?? null;
          return {
            id,
            name,
            // safe because only admin-credentials.ts, the worker and disable_credential write the column
            state: !enabled
              ? "off"
              : restingUntil && status === "active"
                ? "resting"
                : (status as CredentialFigures["state"]),
            reason: statusReason,
            restingUntil,
            balance: health?.balance ? `${health.balance} ${health.balanceUnit}` : null,
            ...windows(own.filter(({ credentialId }) => credentialId === id)),
          };
        },
      ),
    };
  });
}

async function readChecks(): Promise<CheckRow[]> {
  const rows = await db().providerProbe.findMany({
    where: { state: "done", kind: { not: "list_models" } },
    orderBy: { finishedAt: "desc" },
    take: CHECKS_SHOWN,
  });
  const [providers, credentials] = await Promise.all([
    db().provider.findMany({ where: { id: { in: rows.map(({ providerId }) => providerId) } } }),
    db().credential.findMany({ where: { id: { in: rows.flatMap(({ credentialId }) => credentialId ?? []) } } }),
  ]);
  const slugs = new Map(providers.map(({ id, slug }) => [id, slug]));
  const names = new Map(credentials.map(({ id, name }) => [id, name]));
  return rows.map((row) => ({
    id: row.id,
    at: (row.finishedAt ?? row.createdAt).toISOString(),
    provider: slugs.get(row.providerId) ?? "",
    credential: row.credentialId ? (names.get(row.credentialId) ?? null) : null,
    // safe because only the worker and admin-probes.ts write them
    origin: row.origin as CheckRow["origin"],
    method: row.method as CheckRow["method"],
    ok: row.ok === true,
    isUnverified: row.failureClass === "unverified",
    latencyMs: row.latencyMs ?? 0,
    error: row.error,
  }));
}

async function readCheckCalls(now: number): Promise<Health["checkCalls"]> {
  const sums = await db().checkDay.groupBy({
    by: ["offerId"],
    where: { day: { gt: new Date(now - CHECK_CALL_DAYS * DAY_MS) } },
    _sum: { calls: true, inputTokens: true, outputTokens: true },
  });
  const rates = await ratesInForce(
    db(),
    "offer",
    sums.map(({ offerId }) => offerId),
  );
  let total = 0n;
  let unpriced = 0;
  for (const { offerId, _sum } of sums) {
    const usage = { input: Number(_sum.inputTokens), output: Number(_sum.outputTokens), requests: Number(_sum.calls) };
    const stored = rates.get(offerId);
    // tiers are of a single call's input, and these calls are short
    if (stored) total += priceUsage(usage, { ...parseRates(stored), tiers: [] });
    else unpriced += usage.requests;
  }
  const calls = sums.reduce((count, { _sum }) => count + Number(_sum.calls), 0);
  return { calls, costUsd: formatUsd(total), unpriced };
}

async function readRun(): Promise<Health["run"]> {
  const run = await db().probeRun.findFirst({ orderBy: { startedAt: "desc" } });
  if (!run) return null;
  const states = await db().providerProbe.groupBy({ by: ["state", "ok"], where: { runId: run.id }, _count: true });
  const count = (state: string, ok?: boolean) =>
    states
      .filter((row) => row.state === state && (ok === undefined || row.ok === ok))
      .reduce((sum, row) => sum + row._count, 0);
  return {
    id: run.id,
    total: run.total,
    done: count("done"),
    failed: count("done", false),
    isRunning: run.cancelledAt === null && count("pending") > 0,
    isCancelled: run.cancelledAt !== null,
    startedAt: run.startedAt.toISOString(),
  };
}
