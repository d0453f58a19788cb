import type { Logger } from "pino";
import { type AutomaticTopup, chargeAutomatically } from "@/lib/billing/saved-card";
import type { PaymentLevel, Payments } from "@/lib/billing/stripe";
import { amidCrashPoints, crashPoint } from "@/lib/crash-points";
import type { Sql } from "@/lib/pg";

export const RECONCILE_TASK = "reconcile_payment";
/** Added in the transaction that debits wallet and lots for a refund. */
export const REFUND_TASK = "send_refund";
/** Added in the transaction that credits a purchase, so that its mail is sent once and not forgotten. */
export const PURCHASE_TASK = "report_purchase";

/** A top-up row, or a payment that some row may belong to. */
export type PaymentRef = { topup: string } | { intent: string };

type Tools = { sql: Sql; payments: Payments; log: Pick<Logger, "info" | "error"> };
type TopupLook = AutomaticTopup & {
  version: string;
  stripe_session: string | null;
  stripe_pi: string | null;
};
type Applied = { outcome: string; state: string | null; posted_nano: string; credited: boolean };

/** Against trying out stolen cards, per organisation. */
export const MAX_CARDS_PER_DAY = 3;
const MAX_LOOKS = 5;
/** How long an automatic charge may be tried and confirmed: Stripe knows its key for a day. */
const FRESH_HOURS = 23;
const SWEEP_DAYS = 35;

/** Has the worker look at a payment. Jobs of one payment that wait are one job. */
export async function enqueueReconcile(sql: Sql, ref: PaymentRef): Promise<void> {
  const key = "topup" in ref ? ref.topup : ref.intent;
  await sql.query("SELECT 1 FROM graphile_worker.add_job($1, $2::json, job_key => $3)", [
    ...[RECONCILE_TASK, JSON.stringify(ref), `payment:${key}`],
  ]);
}

/** Brings the ledger to what Stripe shows of one payment. Idempotent; no transaction is open while Stripe answers.
 *  Throws when Stripe does not answer, so that the queue tries again. */
export async function reconcilePayment({ sql, payments, log }: Tools, ref: PaymentRef): Promise<void> {
  for (let looks = 0; looks < MAX_LOOKS; looks++) {
    const topup = await findTopup(sql, payments, ref);
    if (!topup) return;
    const level = await look(payments, topup, "intent" in ref ? ref.intent : null);
    if (!level) return;
    crashPoint("payment.read");
    if (level.intent && level.status === "requires_action" && topup.payment_method && !topup.may_charge) {
      await payments.cancelPayment(level.intent);
      continue;
    }
    const { outcome, state, credited } = await apply(sql, topup, level);
    if (outcome === "stale") continue;
    await watchCards({ sql, payments, log }, topup, level);
    if (level.warned && outcome !== "mismatch") await heedWarning({ sql, payments, log }, topup);
    const facts = { orgId: topup.org_id, outcome, reason: state ?? "none" };
    if (outcome === "mismatch") log.error(facts, `payment ${level.intent} does not match top-up ${topup.id}`);
    else if (credited || outcome === "applied") log.info(facts, `payment of ${topup.id}`);
    return;
  }
  throw new Error("The payment changed while it was looked at.");
}

async function look(payments: Payments, topup: TopupLook, told: string | null): Promise<PaymentLevel | null> {
  const { stripe_session: session } = topup;
  const intent = topup.stripe_pi ?? told;
  if (topup.payment_method) {
    const charged = intent ?? (await chargeAutomatically(payments, topup));
    return typeof charged === "string"
      ? payments.readPayment({ session: null, intent: charged, isAutomatic: true })
      : charged;
  }
  // a session that was never saved: either its payment tells of itself, or nothing was paid
  return session || intent ? payments.readPayment({ session, intent }) : null;
}

/** Looks at every purchase that is still open, and with `all` at every payment of the last 35 days, so that the books are right
 *  without a single webhook. */
export async function sweepPayments({ sql, payments }: Tools, { all }: { all: boolean }): Promise<void> {
  const { rows } = await sql.query<{ id: string }>(
    `SELECT id FROM topup WHERE stripe_session IS NOT NULL AND created_at > clock_timestamp() - $1 * interval '1 day'
       AND (state = 'processing' OR state = 'needs_action' OR (state = 'created' AND created_at > clock_timestamp() - interval '25 hours'))
     UNION ALL SELECT id FROM topup WHERE payment_method IS NOT NULL AND state IN ('created', 'processing', 'needs_action')`,
    [SWEEP_DAYS],
  );
  for (const { id } of rows) await enqueueReconcile(sql, { topup: id });
  if (!all) return;
  const since = await sql.query<{ seconds: string }>(
    "SELECT floor(extract(epoch FROM clock_timestamp() - $1 * interval '1 day')) AS seconds",
    [SWEEP_DAYS],
  );
  for await (const { intent, topupId } of payments.listPayments(Number(since.rows[0]?.seconds))) {
    if (topupId) await enqueueReconcile(sql, { intent });
  }
}

/** The row, by its own id or by what the payment says of itself. Its amounts come from the row in any case. */
async function findTopup(sql: Sql, payments: Payments, ref: PaymentRef): Promise<TopupLook | undefined> {
  const find = async (column: "id" | "stripe_pi", value: string) => {
    const { rows } = await sql.query<TopupLook>(
      `SELECT id, org_id, version, stripe_session, stripe_pi, state, livemode, stripe_customer, payment_method, currency, amount_minor,
         credit_nano, floor(extract(epoch FROM created_at)) AS created,
         payment_method IS NOT NULL AND created_at > hub_now() - interval '${FRESH_HOURS} hours' AND auto_topup_may_charge(org_id) AS may_charge
       FROM topup WHERE ${column === "id" ? "id" : "stripe_pi"} = $1`,
      [value],
    );
    return rows[0];
  };
  if ("topup" in ref) return find("id", ref.topup);
  const known = await find("stripe_pi", ref.intent);
  if (known) return known;
  const topup = await payments.findTopup(ref.intent);
  return topup ? find("id", topup) : undefined;
}

/** Remembers the card, and ends a payment page on which more than a day's cards have been tried. */
async function watchCards(
  { sql, payments, log }: Tools,
  topup: TopupLook,
  { card, status }: PaymentLevel,
): Promise<void> {
  if (!card) return;
  await sql.query(
    `INSERT INTO payment_card (org_id, fingerprint) VALUES ($1, $2)
     ON CONFLICT (org_id, fingerprint) DO UPDATE SET seen_at = clock_timestamp()`,
    [topup.org_id, card],
  );
  if (status === "succeeded" || !topup.stripe_session) return;
  const { rows } = await sql.query<{ cards: string }>(
    "SELECT count(*) AS cards FROM payment_card WHERE org_id = $1 AND seen_at > clock_timestamp() - interval '1 day'",
    [topup.org_id],
  );
  if (Number(rows[0]?.cards) <= MAX_CARDS_PER_DAY) return;
  log.info({ orgId: topup.org_id, reason: "cards" }, `the payment page of ${topup.id} is ended`);
  await payments.expireCheckout(topup.stripe_session);
}

async function heedWarning({ sql, log }: Tools, topup: TopupLook): Promise<void> {
  const { rows } = await sql.query<{ refunds: boolean }>(
    `SELECT h.refunds, CASE WHEN h.refunds THEN
       (SELECT j.id FROM graphile_worker.add_job($2::text, json_build_object('refund', 'rfd_fraud_' || substr($1, 5)), job_key => 'refund:rfd_fraud_' || substr($1, 5)) j) END AS job
     FROM heed_fraud_warning($1) h(refunds)`,
    [topup.id, REFUND_TASK],
  );
  if (rows[0]?.refunds)
    log.info({ orgId: topup.org_id, reason: "fraud" }, `${topup.id} is refunded and its wallet frozen`);
}

async function apply(sql: Sql, topup: TopupLook, level: PaymentLevel): Promise<Applied> {
  const payment = JSON.stringify({ topup: topup.id, version: topup.version, ...level });
  const { rows } = await amidCrashPoints("payment", () =>
    sql.query<Applied>(
      `SELECT a.*, CASE WHEN a.credited THEN (SELECT j.id FROM graphile_worker.add_job($2, json_build_object('topup', $3::text), job_key => $2 || ':' || $3) j) END AS job
     FROM apply_payment($1) a`,
      [payment, PURCHASE_TASK, topup.id],
    ),
  );
  // safe because the function answers exactly one row
  return rows[0] as Applied;
}
