import type { Logger } from "pino";
import type { Clock } from "@/lib/clock";
import { amidCrashPoints } from "@/lib/crash-points";
import type { Sql } from "@/lib/pg";

type Swept = { id: string; org_id: string; node: string; reason: string; price: string | null; amount: string };

const BATCH = 500;
/** A node's silence counts only after this long without a gap of our own: else ours would look like theirs. */
const STEADY_AFTER_MS = 20_000;
/** Two turns of 5 s and some: a longer pause between successes is a gap. */
const GAP_MS = 12_000;
/** Ahead by more than this between two turns: what seems to have expired, or to be silent, may just be older by the jump. */
const JUMP_MS = 5_000;
/** Every hold that is alive has been renewed by then: gateways do so every 30 s. */
const AFTER_JUMP_MS = 35_000;

/** Returns one turn of the hold sweeper, to be run every 5 s. It closes holds that nobody will settle, at what had been
 *  delivered to the client, and writes their usage. Any number of sweepers may run. A turn never throws. */
export function createSweeper({ sql, clock, log }: { sql: Sql; clock: Clock; log: Logger }): () => Promise<void> {
  let reachedSince: number | null = null;
  let reachedLast = 0;
  /** How far the database's clock is ahead of ours at most. */
  let aheadMs: number | null = null;
  let closesFrom = Number.NEGATIVE_INFINITY;
  /** Notes a jump of the database's clock. */
  const watchClock = async () => {
    const askedAt = clock.monotonic();
    const { rows } = await sql.query<{ now: number }>(
      "SELECT (extract(epoch FROM hub_now()) * 1000)::float8 AS now",
      [],
    );
    const now = rows[0]?.now ?? 0;
    const answeredAt = clock.monotonic();
    if (aheadMs !== null && now - answeredAt > aheadMs + JUMP_MS) {
      closesFrom = answeredAt + AFTER_JUMP_MS;
      log.warn("the clock of the database has jumped ahead");
    }
    aheadMs = now - askedAt;
  };
  return async () => {
    const now = clock.monotonic();
    if (now - reachedLast > GAP_MS) reachedSince = null;
    const isSteady = reachedSince !== null && now - reachedSince >= STEADY_AFTER_MS;
    try {
      await watchClock();
      let swept: Swept[] = [];
      do {
        if (clock.monotonic() < closesFrom) break;
        const sweep = () => sql.query<Swept>("SELECT * FROM sweep_holds($1, $2)", [isSteady, BATCH]);
        swept = (await amidCrashPoints("sweep", sweep)).rows;
        if (swept.length > 0) report(swept, log);
      } while (swept.length === BATCH);
      reachedSince ??= now;
      reachedLast = clock.monotonic();
    } catch (error) {
      reachedSince = null;
      log.warn({ err: error }, "sweep failed");
    }
  };
}

function report(swept: readonly Swept[], log: Logger): void {
  for (const [reason, holds] of Map.groupBy(swept, (hold) => hold.reason)) {
    const nodes = [...new Set(holds.map((hold) => hold.node))].join(" ");
    log.warn({ reason, count: holds.length, node: nodes }, "holds nobody settled were closed");
  }
}
