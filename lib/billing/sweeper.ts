import type { Logger } from "pino";
import type { Clock } from "@/lib/clock";
import type { Sql } from "@/lib/pg";

type Swept = { id: string; org_id: string; node: string; reason: string; price: string | null; amount: string };

const BATCH = 500;
/** A node's silence counts only after this long without a gap of our own: else ours would look like theirs. */
const STEADY_AFTER_MS = 20_000;
/** Two turns of 5 s and some: a longer pause between successes is a gap. */
const GAP_MS = 12_000;

/** Returns one turn of the hold sweeper, to be run every 5 s. It closes holds that nobody will settle, at what had been
 *  delivered to the client, and writes their usage. Any number of sweepers may run. A turn never throws. */
export function createSweeper({ sql, clock, log }: { sql: Sql; clock: Clock; log: Logger }): () => Promise<void> {
  let reachedSince: number | null = null;
  let reachedLast = 0;
  return async () => {
    const now = clock.monotonic();
    if (now - reachedLast > GAP_MS) reachedSince = null;
    const isSteady = reachedSince !== null && now - reachedSince >= STEADY_AFTER_MS;
    try {
      let swept: Swept[];
      do {
        swept = (await sql.query<Swept>("SELECT * FROM sweep_holds($1, $2)", [isSteady, BATCH])).rows;
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
