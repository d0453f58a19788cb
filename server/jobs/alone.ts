import type { Pool } from "pg";
import type { Job } from "@/lib/jobs";

/** The job's `run`, except that it does nothing while a run of it is still going on, on this machine or another: a slow one must
 *  not be joined by the next minute's. An advisory lock of an open transaction says so, which needs a connection of `pool` beside the
 *  job's own and ends with a killed worker; a named queue of graphile-worker would stay locked for four hours then. */
export function alone({ name, run }: Job, pool: Pool): Job["run"] {
  return async (payload, tools) => {
    const connection = await pool.connect();
    try {
      await connection.query("BEGIN");
      const { rows } = await connection.query<{ free: boolean }>(
        "SELECT pg_try_advisory_xact_lock(hashtextextended('job:' || $1, 0)) AS free",
        [name],
      );
      if (rows[0]?.free) await run(payload, tools);
    } finally {
      // a connection that cannot even end its transaction is thrown away
      await connection.query("ROLLBACK").then(
        () => connection.release(),
        (error) => connection.release(error),
      );
    }
  };
}
