import { type Nano, parseUsd } from "@/lib/money";
import type { Sql } from "@/lib/pg";

export const LOW_BALANCE_TASK = "report_low_balance";
/** Below this, those who pay hear of it. */
const LOW_BALANCE_NANO: Nano = parseUsd("1");

/** Finds balances that have become low and adds one job for each: once per crossing, again only after the balance has
 *  risen, at most once a day. Who never had more than that hears nothing. Any number of workers may look. */
export async function findLowBalances(sql: Sql): Promise<void> {
  const low = LOW_BALANCE_NANO.toString();
  await sql.query(
    `INSERT INTO balance_alert AS a (org_id) SELECT w.org_id FROM wallet w WHERE w.posted - w.floor >= $1
     ON CONFLICT (org_id) DO UPDATE SET is_low = false WHERE a.is_low`,
    [low],
  );
  // the job is added by the statement that remembers it: neither happens alone
  await sql.query(
    `WITH crossed AS (
       UPDATE balance_alert a SET is_low = true, alerted_at = clock_timestamp() FROM wallet w
       WHERE w.org_id = a.org_id AND NOT a.is_low AND w.posted - w.floor < $1
         AND (a.alerted_at IS NULL OR a.alerted_at < clock_timestamp() - interval '1 day')
       RETURNING a.org_id
     )
     SELECT (SELECT j.id FROM graphile_worker.add_job($2::text, json_build_object('org', c.org_id), job_key => $2::text || ':' || c.org_id) j)
     FROM crossed c`,
    [low, LOW_BALANCE_TASK],
  );
}
