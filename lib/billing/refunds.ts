import type { Logger } from "pino";
import { REFUND_TASK, reconcilePayment } from "@/lib/billing/reconcile";
import { type Payments, RefundRefused } from "@/lib/billing/stripe";
import { crashPoint } from "@/lib/crash-points";
import type { Sql } from "@/lib/pg";

type Tools = { sql: Sql; payments: Payments; log: Pick<Logger, "info" | "warn" | "error"> };
type RefundLook = {
  credit_nano: string;
  bought_nano: string;
  stripe_pi: string;
  stripe_session: string | null;
  is_fresh: boolean;
};

/** Asks Stripe for a refund that has been debited, then looks at the payment. Safe to repeat: for 24 hours Stripe knows the
 *  row's id as a key; later nothing is asked again, and the look alone decides whether it was ever made. Throws when Stripe
 *  does not answer, so that the queue tries again. */
export async function sendRefund(tools: Tools, id: string): Promise<void> {
  const { sql, payments, log } = tools;
  const refund = await findRequested(sql, id);
  if (!refund) return;
  crashPoint("refund.found");
  const { stripe_pi: intent, stripe_session: session } = refund;
  let refusal: string | undefined;
  if (refund.is_fresh) {
    const { captured } = await payments.readPayment({ session, intent });
    try {
      await payments.createRefund({ refundId: id, intent, amountMinor: shareOf(refund, BigInt(captured)) });
    } catch (error) {
      if (!(error instanceof RefundRefused)) throw error;
      refusal = error.code;
    }
  }
  crashPoint("refund.asked");
  await reconcilePayment(tools, { intent });
  crashPoint("refund.reconciled");
  if (refusal === undefined) return;
  const { rows } = await sql.query<{ state: string }>("SELECT fail_refund($1, $2) AS state", [id, refusal]);
  log.warn({ outcome: rows[0]?.state ?? "none", reason: refusal }, `refund ${id} was refused by Stripe`);
}

/** Adds a job for every refund that still waits for Stripe: one whose job was lost is sent all the same. */
export async function sweepRefunds(sql: Sql): Promise<void> {
  await sql.query(
    `SELECT (SELECT j.id FROM graphile_worker.add_job($1::text, json_build_object('refund', r.id), job_key => 'refund:' || r.id) j)
     FROM refund r WHERE r.state = 'requested' AND r.requested_at < clock_timestamp() - interval '1 minute'`,
    [REFUND_TASK],
  );
}

async function findRequested(sql: Sql, id: string): Promise<RefundLook | undefined> {
  const { rows } = await sql.query<RefundLook>(
    `SELECT r.credit_nano, t.credit_nano AS bought_nano, t.stripe_pi, t.stripe_session,
       r.requested_at > clock_timestamp() - interval '24 hours' AS is_fresh
     FROM refund r JOIN topup t ON t.id = r.topup_id WHERE r.id = $1 AND r.state = 'requested'`,
    [id],
  );
  return rows[0];
}

/** The refund's share of what was charged, taxes included, in the currency's smallest unit. */
function shareOf({ credit_nano, bought_nano }: RefundLook, captured: bigint): bigint {
  const [credit, bought] = [BigInt(credit_nano), BigInt(bought_nano)];
  return (credit * captured + bought / 2n) / bought;
}
