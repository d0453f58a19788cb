import { Logger as QueueLogger, type RunnerOptions, run } from "graphile-worker";
import type { Pool } from "pg";
import { beginAutoTopups } from "@/lib/billing/auto-topup";
import { isLiveKey } from "@/lib/billing/stripe";
import { createSweeper } from "@/lib/billing/sweeper";
import { systemClock } from "@/lib/clock";
import { databaseUrlFor, type Env, EnvError, env } from "@/lib/env";
import { watchServices } from "@/lib/health/watch";
import type { Job } from "@/lib/jobs";
import { logger } from "@/lib/log";
import { createPool } from "@/lib/pg";
import { armCrashPoints } from "@/server/crash-points";
import { alone } from "@/server/jobs/alone";
import { billingNoticeJobs } from "@/server/jobs/billing-notices";
import { compareCatalogueJob } from "@/server/jobs/compare-catalogue";
import { every } from "@/server/jobs/every";
import { startHeartbeat } from "@/server/jobs/heartbeat";
import { ledgerCheckJobs } from "@/server/jobs/ledger-check";
import { maintenanceJobs } from "@/server/jobs/maintenance";
import { paymentJobs } from "@/server/jobs/payments";
import { probeJob } from "@/server/jobs/probe";
import { createProbeRounds } from "@/server/jobs/probe-rounds";
import { rerateJob } from "@/server/jobs/rerate";
import { checkMailJob, sendMailJob } from "@/server/jobs/send-mail";

// Background jobs. Any number of workers may run: the queue hands each job to one of them.

const jobsOf = (settings: Env): readonly Job[] => [
  ...maintenanceJobs,
  rerateJob,
  compareCatalogueJob,
  sendMailJob(settings),
  checkMailJob(settings),
  ...paymentJobs(settings),
  ...billingNoticeJobs(settings),
  ...ledgerCheckJobs,
  ...(settings.secretsKey ? [probeJob(settings.secretsKey)] : []),
];

const CONCURRENCY = 4;
const SWEEP_EVERY_MS = 5_000;
const PROBE_EVERY_MS = 10_000;
const WATCH_EVERY_MS = 20_000;
const TOP_UP_EVERY_MS = 5_000;
const log = logger("worker");

await main().then(
  () => process.exit(0),
  (error: unknown) => {
    if (error instanceof EnvError) console.error(error.message);
    else log.fatal({ err: error }, "worker ended");
    process.exit(1);
  },
);

async function main(): Promise<void> {
  const settings = env();
  armCrashPoints(settings.crashPoints);
  const node = `worker:${settings.gatewayNode}`;
  // One connection listens, the loops need theirs while all jobs run, and scheduled jobs two each.
  const pool = createPool(databaseUrlFor("worker"), { max: 2 * CONCURRENCY + 4, applicationName: "hub-worker" });
  // The queue keeps connections checked out, where the pool's own listener does not hear them.
  pool.on("connect", (connection) => connection.on("error", () => {}));
  const ending = new AbortController();
  // A promise, not a listener added below: the signal may come while the queue is still starting.
  const ended = new Promise((resolve) => ending.signal.addEventListener("abort", resolve));
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => ending.abort());

  const heartbeat = await startHeartbeat(pool, node, {
    ...{ log, dataDir: settings.dataDir },
    onReplaced() {
      log.fatal({ node }, "another worker took this name: give each its own HUB_NODE_NAME");
      process.exit(1);
    },
  });
  const sweeping = every(SWEEP_EVERY_MS, createSweeper({ sql: pool, clock: systemClock, log }));
  const { secretsKey } = settings;
  const probing = secretsKey && every(PROBE_EVERY_MS, createProbeRounds({ sql: pool, secretsKey, log }));
  const watching = every(WATCH_EVERY_MS, () =>
    watchServices(pool).catch((err) => log.error({ err }, "services could not be judged")),
  );
  const { stripeSecretKey } = settings;
  const toppingUp =
    stripeSecretKey &&
    every(TOP_UP_EVERY_MS, () =>
      beginAutoTopups(pool, isLiveKey(stripeSecretKey)).catch((err) =>
        log.error({ err }, "automatic top-ups could not begin"),
      ),
    );
  const jobs = jobsOf(settings);
  const runner = await run(queueOptions(jobs, pool, settings.pgNamedStatements, ending.signal));
  await runner.addJob("check_mail", {}, { jobKey: "check_mail", maxAttempts: 1 });
  log.info({ node, count: jobs.length }, "worker ready");

  void ended.then(() => runner.stop());
  await runner.promise;
  await Promise.all([
    sweeping.stop(),
    watching.stop(),
    heartbeat.stop(),
    ...[probing, toppingUp].flatMap((loop) => (loop ? [loop.stop()] : [])),
  ]);
  await pool.end();
}

function queueOptions(jobs: readonly Job[], pool: Pool, isNamed: boolean, signal: AbortSignal): RunnerOptions {
  const tools = (name: string) => ({ sql: pool, log: log.child({ job: name }), signal });
  return {
    pgPool: pool,
    concurrency: CONCURRENCY,
    noHandleSignals: true, // ours: the pool must outlive the last job
    noPreparedStatements: !isNamed,
    logger: new QueueLogger(
      () => (level, message) => log[level === "error" ? "error" : level === "warning" ? "warn" : "debug"](message),
    ),
    taskList: Object.fromEntries(
      jobs.map((job) => {
        const run = job.schedule ? alone(job, pool) : job.run;
        return [job.name, (payload: unknown) => run(payload, tools(job.name))];
      }),
    ),
    // the key replaces what still waits, so that jobs nobody gets round to do not pile up
    crontab: jobs
      .flatMap((job) =>
        job.schedule ? `${job.schedule} ${job.name} ?max=${job.maxAttempts ?? 1}&jobKey=${job.name}` : [],
      )
      .join("\n"),
  };
}
