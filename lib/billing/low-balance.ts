import type { Sql } from "@/lib/pg";

export const LOW_BALANCE_TASK = "report_low_balance";
export type LowBalance = { org: string; isEmpty: boolean };

/** Where nobody chose another amount, in dollars. */
export const LOW_BALANCE_USD = "1";

/** Finds balances that have become low or are used up and adds one job for each: once per crossing, again only after the
 *  balance has risen; of a low one at most once a day, of an empty one at once. Who never had more than that hears nothing.
 *  Any number of workers may look. */
export async function findLowBalances(sql: Sql): Promise<void> {
  await sql.query(
    `INSERT INTO balance_alert AS a (org_id) SELECT w.org_id FROM wallet w LEFT JOIN balance_alert b ON b.org_id = w.org_id
       WHERE w.posted - w.floor >= coalesce(b.low_nano, 1000000000) AND (b.org_id IS NULL OR b.is_low OR b.is_empty)
     ON CONFLICT (org_id) DO UPDATE SET is_low = false, is_empty = false`,
  );
  await sql.query(
    "UPDATE balance_alert a SET is_empty = false FROM wallet w WHERE w.org_id = a.org_id AND a.is_empty AND w.posted > w.floor",
  );
  // the job is added by the statement that remembers it: neither happens alone
  await sql.query(
    `WITH crossed AS (
       UPDATE balance_alert a SET is_low = true, is_empty = w.posted <= w.floor, alerted_at = clock_timestamp() FROM wallet w
       WHERE w.org_id = a.org_id AND (
         (w.posted <= w.floor AND NOT a.is_empty)
         OR (NOT a.is_low AND w.posted - w.floor < a.low_nano AND (a.alerted_at IS NULL OR a.alerted_at < clock_timestamp() - interval '1 day')))
       RETURNING a.org_id, a.is_empty
     )
     SELECT (SELECT j.id FROM graphile_worker.add_job($1::text, json_build_object('org', c.org_id, 'isEmpty', c.is_empty), job_key => $1::text || ':' || c.org_id) j)
     FROM crossed c`,
    [LOW_BALANCE_TASK],
  );
}
