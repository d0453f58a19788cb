import { RECONCILE_TASK } from "@/lib/billing/reconcile";
import type { Payments } from "@/lib/billing/stripe";
import type { Sql } from "@/lib/pg";

export const SAVE_CARD_TASK = "save_card";
export const AUTO_TOPUP_TASK = "report_auto_topup";

/** Stripe's page on which an organisation saves a card. */
export type CardSaving = { org: string; session: string };

const LOOK_BACK_DAYS = 2;

/** Begins a top-up for each balance that has fallen below what its organisation set, and has the worker charge it. Row and job
 *  are one transaction; the charge is keyed by the row. Any number of workers may call at once. */
export async function beginAutoTopups(sql: Sql, livemode: boolean): Promise<void> {
  await sql.query(
    `SELECT (SELECT j.id FROM graphile_worker.add_job($1::text, json_build_object('topup', b.id), job_key => 'payment:' || b.id) j)
     FROM begin_auto_topups($2) b(id)`,
    [RECONCILE_TASK, livemode],
  );
}

/** Looks whether a card has been saved on its page, and switches automatic top-ups on with it. Idempotent. Throws when Stripe
 *  does not answer. */
export async function saveCard(
  { sql, payments }: { sql: Sql; payments: Payments },
  { org, session }: CardSaving,
): Promise<void> {
  const { isOver, card } = await payments.readCardPage(session);
  if (!isOver) return;
  if (card?.fingerprint) {
    await sql.query(
      `INSERT INTO payment_card (org_id, fingerprint) VALUES ($1, $2)
       ON CONFLICT (org_id, fingerprint) DO UPDATE SET seen_at = clock_timestamp()`,
      [org, card.fingerprint],
    );
  }
  await sql.query("SELECT save_auto_topup_card($1, $2, $3, $4)", [
    ...[org, session, card?.method ?? null, card?.name ?? null],
  ]);
}

/** Looks at every page on which a card is being saved: a tab that was closed has saved it all the same. */
export async function sweepCardPages(sql: Sql): Promise<void> {
  await sql.query(
    `SELECT (SELECT j.id FROM graphile_worker.add_job($1::text, json_build_object('org', a.org_id, 'session', a.setup_session), job_key => $1::text || ':' || a.org_id) j)
     FROM auto_topup a WHERE a.setup_session IS NOT NULL`,
    [SAVE_CARD_TASK],
  );
}

/** Finds automatic top-ups that wait for a person or failed, and those that were switched off, and adds one job for each: that
 *  and its memory are one statement. */
export async function findAutoTopupNews(sql: Sql): Promise<void> {
  await sql.query(
    `WITH told AS (
       INSERT INTO notice (event) SELECT n.event FROM (
         SELECT format('auto_topup:%s:%s', t.state, t.id) AS event FROM topup t
         WHERE t.payment_method IS NOT NULL AND t.state IN ('needs_action', 'failed') AND t.created_at > clock_timestamp() - $2 * interval '1 day'
         UNION ALL
         SELECT format('auto_topup:disabled:%s:%s', a.org_id, floor(extract(epoch FROM a.changed_at))) FROM auto_topup a
         WHERE a.state = 'disabled' AND a.changed_at > clock_timestamp() - $2 * interval '1 day'
       ) n WHERE NOT EXISTS (SELECT FROM notice o WHERE o.event = n.event)
       ON CONFLICT (event) DO NOTHING RETURNING event
     )
     SELECT (SELECT j.id FROM graphile_worker.add_job($1::text, json_build_object('event', t.event), job_key => t.event) j) FROM told t`,
    [AUTO_TOPUP_TASK, LOOK_BACK_DAYS],
  );
}
