import { newId } from "@/lib/ids";
import { formatUsd, type Nano, parseUsd, toNano } from "@/lib/money";
import type { Sql } from "@/lib/pg";

export const PAUSED_KEY_TASK = "report_paused_key";
export type PausedKey = { event: string };

/** Spend below this is nobody's alarm. */
const LEAST_NANO: Nano = parseUsd("10");
/** How many times the most it spent before. */
const FACTOR = 10;

// The rollup tells which keys have spent enough to be looked at, and which of them did so before, so that a busy key's 7 days are not
// read every minute: of 15 minutes, some 10 have at least half.
const FIND = `
  WITH candidate AS (
    SELECT r.org_id, r.key_id FROM usage_rollup r
    WHERE r.bucket >= date_bin('15 minutes', hub_now() - interval '10 minutes', 'epoch')
    GROUP BY 1, 2 HAVING sum(r.price_paid + r.price_promo) > $1
  ), recent AS (
    SELECT k.id, k.org_id, s.since, s.spent
    FROM candidate c
    JOIN wallet w ON w.org_id = c.org_id AND w.floor IS NOT NULL
    JOIN api_key k ON k.id = c.key_id AND k.org_id = c.org_id AND k.kind = 'app' AND k.status = 'active'
      AND k.created_at < hub_now() - interval '1 day'
    CROSS JOIN LATERAL (SELECT greatest(hub_now() - interval '10 minutes', k.resumed_at) AS since) t
    CROSS JOIN LATERAL (
      SELECT t.since, sum(u.price_nano) AS spent FROM usage_event u WHERE u.org_id = k.org_id AND u.key_id = k.id AND u.at > t.since
    ) s
    WHERE s.spent > $1 AND NOT EXISTS (
      SELECT FROM usage_rollup b
      WHERE b.org_id = k.org_id AND b.key_id = k.id AND b.bucket > s.since - interval '7 days' AND b.bucket <= s.since - interval '15 minutes'
      GROUP BY b.bucket HAVING sum(b.price_paid + b.price_promo) * $2 / 2 >= s.spent
    )
  )
  SELECT r.id, r.org_id AS "orgId", r.spent::text, coalesce(max(b.spent), 0)::text AS usual
  FROM recent r
  LEFT JOIN LATERAL (
    SELECT sum(sum(u.price_nano)) OVER (ORDER BY date_trunc('minute', u.at) RANGE BETWEEN '9 minutes' PRECEDING AND CURRENT ROW) AS spent
    FROM usage_event u
    WHERE u.org_id = r.org_id AND u.key_id = r.id AND u.at > r.since - interval '7 days' AND u.at <= r.since
    GROUP BY date_trunc('minute', u.at)
  ) b ON true
  GROUP BY r.id, r.org_id, r.spent HAVING r.spent > $2 * coalesce(max(b.spent), 0)`;

// One statement: the pause, its audit row and the mail's job happen together or not at all.
const PAUSE = `
  WITH paused AS (
    UPDATE api_key SET status = 'disabled', status_reason = 'unusual_spend' WHERE id = $1 AND org_id = $2 AND status = 'active' RETURNING id
  ), noted AS (
    INSERT INTO audit_event (id, actor_type, actor_id, org_id, action, target, before, after)
    SELECT $3, 'system', 'worker', $2, 'key.pause', 'key:' || id, '{"status":"active"}',
      jsonb_build_object('status', 'disabled', 'statusReason', 'unusual_spend', 'spentUsd', $4::text, 'usualUsd', $5::text)
    FROM paused RETURNING id
  )
  SELECT (SELECT j.id FROM graphile_worker.add_job($6::text, json_build_object('event', n.id), job_key => $6::text || ':' || n.id) j) FROM noted n`;

/** Pauses keys that spent more than $10 within 10 minutes and more than ten times what they spent in any 10 minutes of the 7 days
 *  before; adds a job that tells their people. Only where customers pay (service mode), and only keys older than a day: a
 *  younger one has nothing to be compared with, and its daily cap. A resumed key is judged by what it spent since. Any number
 *  of workers may look. Returns how many were paused. */
export async function pauseUnusualKeys(sql: Sql): Promise<number> {
  type Found = { id: string; orgId: string; spent: string; usual: string };
  const { rows } = await sql.query<Found>(FIND, [LEAST_NANO.toString(), FACTOR]);
  let paused = 0;
  for (const { id, orgId, spent, usual } of rows) {
    const [spentUsd, usualUsd] = [formatUsd(toNano(spent)), formatUsd(toNano(usual))];
    const done = await sql.query(PAUSE, [id, orgId, newId("aud"), spentUsd, usualUsd, PAUSED_KEY_TASK]);
    paused += done.rows.length;
  }
  return paused;
}
