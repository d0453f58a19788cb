import type { Sql } from "@/lib/pg";

export const ENTRY_TASK = "report_ledger_entry";
export const EXPIRY_TASK = "report_expiry";

/** Credit that will expire `days` days from now at most. */
export type Expiry = { lot: string; days: 1 | 7 };

const LOOK_BACK_DAYS = 2;

// The statement that remembers an occasion also adds its job: neither happens alone, and any number of workers may look.

/** Finds credit given, corrected or refunded since the last look and adds one job for each entry. */
export async function findEntries(sql: Sql): Promise<void> {
  await sql.query(
    `WITH told AS (
       INSERT INTO notice (event) SELECT 'journal:' || j.id FROM journal j JOIN wallet w ON w.org_id = j.org_id AND w.floor IS NOT NULL
       WHERE j.kind IN ('promo', 'comp', 'correction', 'refund') AND j.at > clock_timestamp() - $2 * interval '1 day'
         AND NOT EXISTS (SELECT FROM notice n WHERE n.event = 'journal:' || j.id)
       ON CONFLICT (event) DO NOTHING RETURNING event
     )
     SELECT (SELECT j.id FROM graphile_worker.add_job($1::text, json_build_object('journal', substr(t.event, 9)), job_key => $1::text || ':' || t.event) j)
     FROM told t`,
    [ENTRY_TASK, LOOK_BACK_DAYS],
  );
}

/** Finds lots that expire within 7 days and within 1 day, once each. Credit that was given for hardly longer than that is
 *  announced by what gave it. */
export async function findExpiring(sql: Sql): Promise<void> {
  await sql.query(
    `WITH told AS (
       INSERT INTO notice (event) SELECT format('expiry:%s:%s', d.days, c.id) FROM credit_lot c CROSS JOIN (VALUES (7), (1)) d(days)
       WHERE c.remaining > 0 AND c.expires_at > clock_timestamp() AND c.expires_at <= clock_timestamp() + d.days * interval '1 day'
         AND c.expires_at - c.created_at > (d.days + 1) * interval '1 day'
         -- found late: the nearer warning alone
         AND (d.days = 1 OR c.expires_at > clock_timestamp() + interval '1 day')
         AND NOT EXISTS (SELECT FROM notice n WHERE n.event = format('expiry:%s:%s', d.days, c.id))
       ON CONFLICT (event) DO NOTHING RETURNING event
     )
     SELECT (SELECT j.id FROM graphile_worker.add_job($1::text,
       json_build_object('days', split_part(t.event, ':', 2)::int, 'lot', substr(t.event, 10)), job_key => $1::text || ':' || t.event) j)
     FROM told t`,
    [EXPIRY_TASK],
  );
}
