import type { Payments } from "@/lib/billing/stripe";
import type { Sql } from "@/lib/pg";

const FIRST_DAYS = 35;
/** Stripe may list a transaction late. */
const OVERLAP_DAYS = 3;

/** Passes on to the ledger what moved at Stripe: fees, tax, refunds, disputes, payouts. Idempotent by Stripe's ids. What
 *  belongs to a purchase that is not credited yet waits for the next run. */
export async function mirrorTransactions({ sql, payments }: { sql: Sql; payments: Payments }): Promise<void> {
  const { rows } = await sql.query<{ since: string }>(
    `SELECT floor(extract(epoch FROM coalesce(max(created_at) - $1 * interval '1 day', clock_timestamp() - $2 * interval '1 day'))) AS since
     FROM stripe_transaction`,
    [OVERLAP_DAYS, FIRST_DAYS],
  );
  const moved = [];
  for await (const one of payments.listTransactions(Number(rows[0]?.since))) moved.push(one);
  // oldest first: a refund needs its charge
  for (const one of moved.reverse()) await sql.query("SELECT post_stripe_transaction($1)", [JSON.stringify(one)]);
}
