import type { Logger } from "pino";
import type { Sql } from "@/lib/pg";
import { createProcessFacts } from "@/lib/process-facts";
import { every, type Repetition } from "@/server/jobs/every";

const BEAT_EVERY_MS = 5_000;

/** Says every 5 s in the `node` table that this process lives; /api/ready reads it. Throws when the database is away.
 *  `onReplaced` is called when another process has taken the same name. */
export async function startHeartbeat(
  sql: Sql,
  node: string,
  { log, dataDir, onReplaced }: { log: Logger; dataDir: string; onReplaced: () => void },
): Promise<Repetition> {
  const { rows } = await sql.query<{ epoch: string }>("SELECT node_boot($1) AS epoch", [node]);
  const epoch = rows[0]?.epoch;
  const facts = createProcessFacts(dataDir);
  return every(BEAT_EVERY_MS, async () => {
    try {
      const beat = await sql.query<{ mine: boolean }>("SELECT node_heartbeat($1, $2, $3) AS mine", [
        ...[node, epoch, JSON.stringify(facts())],
      ]);
      if (beat.rows[0]?.mine === false) onReplaced();
    } catch (error) {
      log.warn({ err: error }, "heartbeat failed");
    }
  });
}
