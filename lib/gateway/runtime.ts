import type { Logger } from "pino";
import { createWallet, type Wallet } from "@/lib/billing/wallet";
import { systemClock } from "@/lib/clock";
import { crashPoint } from "@/lib/crash-points";
import { egressAgent, egressFetch } from "@/lib/egress";
import { createGateway, type Gateway } from "@/lib/gateway/gateway";
import { HoldTimes } from "@/lib/gateway/hold-times";
import { readStoredAnswer } from "@/lib/gateway/idempotency";
import { createTicker } from "@/lib/gateway/meter/ticker";
import { createWatch } from "@/lib/gateway/meter/watch";
import { RetryBudget } from "@/lib/gateway/retry-budget";
import type { RouteHealth } from "@/lib/gateway/routing/health";
import { createHealthStore } from "@/lib/gateway/routing/health-store";
import { createSnapshotStore } from "@/lib/gateway/snapshot-store";
import { createVault } from "@/lib/gateway/vault";
import { createKeyring } from "@/lib/keys/authenticate";
import { createKeyUses } from "@/lib/keys/key-uses";
import { connectListener, createPool, type Sql } from "@/lib/pg";
import { createProcessFacts } from "@/lib/process-facts";
import { createKeyReports } from "@/lib/usage/key-reports";
import { createRecorder } from "@/lib/usage/record";
import { createRefusalLog } from "@/lib/usage/refusals";
import { openSpool } from "@/lib/usage/spool";

export type GatewayStatistics = {
  running: number;
  /** Of the call that has run longest; its hold is open as long. */
  oldestCallMs: number;
  unsettled: number;
  /** Of the settlement that has waited longest for its commit: the spool is not empty since then. */
  oldestUnsettledMs: number;
  /** Settlements the database refused, kept beside the spool. */
  refused: number;
  statements: ReturnType<Wallet["statistics"]>;
};

export type GatewayRuntime = {
  gateway: Gateway;
  sql: Sql;
  health: RouteHealth;
  /** For metrics and readiness. */
  statistics(): GatewayStatistics;
  /** Resolves when no call runs and everything is settled. What still runs after `timeoutMs` is ended and settled. */
  drain(timeoutMs: number): Promise<void>;
  stop(): Promise<void>;
};

export type GatewaySettings = {
  databaseUrl: string;
  /** Unique per process; each start takes a new epoch of it. */
  node: string;
  /** Private half of the credential key; without it calls to providers that need a secret answer 503. */
  secretsKey: string | undefined;
  /** Current first, previous after it. */
  peppers: readonly string[];
  /** False behind a transaction pooler that cannot keep prepared statements. */
  namedStatements: boolean;
  /** Where settlements are written down before they are committed; null for none. */
  spoolDirectory: string | null;
  log: Logger;
  /** A newer process has taken this node's name. */
  onFenced: () => void;
};

const POOL_SIZE = 6;
const STATEMENT_TIMEOUT_MS = 2_000;
const HEARTBEAT_MS = 5_000;
/** What pages show of routes is so old at most, and caps of credentials are exceeded by what begins in a second. */
const TELL_MS = 2_000;
const SYNC_CAPS_MS = 1_000;
/** For ending calls that outlast a drain, and for settling them; what is not settled by then is in the spool. */
const LAST_WORDS_MS = 2_000;

/** Puts a gateway together from its parts and its own database pool. Throws where the database does not answer. */
export async function startGateway(settings: GatewaySettings): Promise<GatewayRuntime> {
  const { log, node } = settings;
  const pool = createPool(settings.databaseUrl, {
    max: POOL_SIZE,
    applicationName: `hub-gateway ${node}`,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
  });
  const onError = (error: unknown) => log.error({ err: error }, "gateway trouble");
  const { rows } = await pool.query<{ epoch: string }>("select node_boot($1)::text as epoch", [node]);
  const epoch = rows[0]?.epoch ?? "1";
  crashPoint("boot.fenced");

  const wallet = createWallet({
    sql: pool,
    node,
    epoch,
    named: settings.namedStatements,
    onTrouble: (verb, err, trouble) => log.error({ err, event: verb, ...trouble }, "the database does not do its work"),
  });
  const spool =
    settings.spoolDirectory === null ? null : openSpool({ directory: settings.spoolDirectory, node, epoch, onError });
  const recorder = createRecorder({
    wallet,
    spool,
    clock: systemClock,
    onRefused: (error, requestId) =>
      log.error(
        { err: error, requestId },
        "a settlement was refused; it is kept for the next start, and the sweeper closes its hold",
      ),
  });
  const replayed = await recorder.replay();
  if (replayed > 0) log.info({ count: replayed, node }, "settled what the last run had written down");
  await pool.query("select node_spool_replayed($1, $2::bigint)", [node, epoch]);
  crashPoint("boot.replayed");
  const refusals = createRefusalLog({ sql: pool, node, onError });
  const keyUses = createKeyUses({ sql: pool, clock: systemClock, onError });
  const keyring = createKeyring({ sql: pool, peppers: settings.peppers, clock: systemClock, onUse: keyUses.note });
  const routes = createHealthStore({ sql: pool, node, clock: systemClock, random: Math.random, onError });
  const { health, sync } = routes;
  await sync();
  const snapshots = await createSnapshotStore({
    sql: pool,
    connectListener: () => connectListener(settings.databaseUrl, `hub-listen ${node}`),
    onKeyChange: (payload) => keyring.purge(payload),
    onHealthChange: () => void sync(),
    onListening: (listening) => keyring.setListening(listening),
    onError,
  });
  const ticker = createTicker({ wallet, clock: systemClock });
  const vault = createVault({ secretsKey: settings.secretsKey, clock: systemClock, onError });
  const statistics = (): GatewayStatistics => ({
    ...{ running: ticker.size, oldestCallMs: ticker.oldestMs },
    ...{ unsettled: recorder.pending, oldestUnsettledMs: recorder.oldestMs, refused: recorder.refused },
    statements: wallet.statistics(),
  });
  const processFacts = createProcessFacts(settings.spoolDirectory);
  const holdTimes = new HoldTimes(systemClock);
  let databaseMs: number | null = null;
  const facts = () => {
    const { statements: _, ...figures } = statistics();
    const configVersion = snapshots.current().version;
    return { ...processFacts(), ...figures, databaseMs, holdP99Ms: holdTimes.p99Ms, configVersion };
  };
  const watch = createWatch((err) => log.error({ err }, "the money path needs a look"));
  const heartbeat = setInterval(() => {
    watch(statistics());
    // for notifications that were lost
    void sync();
    const askedAt = systemClock.monotonic();
    pool
      .query<{ alive: boolean }>("select node_heartbeat($1, $2::bigint, $3) as alive", [
        ...[node, epoch, JSON.stringify(facts())],
      ])
      .then(({ rows: [row] }) => {
        databaseMs = Math.round(systemClock.monotonic() - askedAt);
        if (row && !row.alive) settings.onFenced();
      }, onError);
  }, HEARTBEAT_MS);
  heartbeat.unref();
  const telling = setInterval(() => void routes.tell(), TELL_MS).unref();
  const syncingCaps = setInterval(() => void routes.syncCaps(), SYNC_CAPS_MS).unref();

  const gateway = createGateway({
    wallet: holdTimes.measured(wallet),
    recorder,
    refusals,
    reports: createKeyReports({ sql: pool }),
    snapshots,
    keyring,
    vault,
    health,
    retries: new RetryBudget(() => ticker.size),
    ticker,
    storedAnswer: (claim) => readStoredAnswer(pool, claim),
    clock: systemClock,
    random: Math.random,
    connect: (connectMs) => egressAgent("operator", connectMs),
    sdkFetch: (timeouts) => egressFetch("operator", timeouts),
    fileFetch: egressFetch("tenant"),
    onError: (error, requestId) => log.error({ err: error, requestId }, "a call failed inside the hub"),
  });

  return {
    gateway,
    sql: pool,
    health,
    statistics,
    async drain(timeoutMs) {
      const isIdle = async (waitMs: number) => {
        const deadline = systemClock.monotonic() + waitMs;
        while (ticker.size > 0 && systemClock.monotonic() < deadline)
          await new Promise((resume) => setTimeout(resume, 50));
        return ticker.size === 0;
      };
      if (!(await isIdle(timeoutMs))) {
        ticker.abortAll();
        await isIdle(LAST_WORDS_MS);
      }
      await recorder.drain(LAST_WORDS_MS);
    },
    async stop() {
      for (const timer of [heartbeat, telling, syncingCaps]) clearInterval(timer);
      await routes.tell();
      ticker.stop();
      vault.stop();
      await refusals.flush();
      await keyUses.flush();
      await snapshots.stop();
      spool?.close();
      await pool.end();
    },
  };
}
