import { newId } from "@/lib/ids";
import type { Sql } from "@/lib/pg";

// Purchases and what Stripe shows of them, for tests of apply_payment.

export const CENT = 10_000_000;
export type RefundFact = { id: string; amount: number; status: string };
export type DisputeFact = { id: string; amount: number; status: string; withdrawn: boolean };
/** What Stripe shows of one payment. */
export type Level = {
  status: string;
  captured: number;
  refunds: RefundFact[];
  disputes: DisputeFact[];
  closed?: boolean;
};
export type Purchase = { topup: string; intent: string; cents: number; org: string };

export const UNPAID: Level = { status: "requires_payment_method", captured: 0, refunds: [], disputes: [] };
export const paid = (cents: number, rest: Partial<Level> = {}): Level => ({
  status: "succeeded",
  captured: cents,
  refunds: [],
  disputes: [],
  ...rest,
});

/** Purchases in the database behind `sql`. A look is what the worker does: read the row's version, fetch, apply. */
export function paymentsIn(sql: () => Sql) {
  async function purchase(org: string, cents: number): Promise<Purchase> {
    const topup = newId("top");
    await sql().query(
      `INSERT INTO topup (id, org_id, actor_id, credit_nano, currency, amount_minor, livemode, stripe_customer)
     VALUES ($1, $2, 'usr_1', $3, 'usd', $4, false, 'cus_1')`,
      [topup, org, cents * CENT, cents],
    );
    return { topup, intent: `pi_${topup}`, cents, org };
  }

  async function look({ topup }: Purchase): Promise<string> {
    const { rows } = await sql().query<{ version: string }>("SELECT version FROM topup WHERE id = $1", [topup]);
    return String(rows[0]?.version);
  }

  async function apply(of: Purchase, level: Level, version: string, changes: Record<string, unknown> = {}) {
    const payment = {
      ...{ topup: of.topup, version, intent: of.intent, customer: "cus_1", currency: "usd", livemode: false },
      ...{ subtotal: of.cents, closed: false, failure: null, receipt_url: null, ...level, ...changes },
    };
    const { rows } = await sql().query("SELECT * FROM apply_payment($1)", [JSON.stringify(payment)]);
    return rows[0] as { outcome: string; state: string; posted_nano: string };
  }

  const reconcile = async (of: Purchase, level: Level) => apply(of, level, await look(of));
  return { purchase, look, apply, reconcile };
}

/** In nano-USD. */
export function worth({ cents }: Purchase, { status, refunds, disputes }: Level): number {
  if (status !== "succeeded") return 0;
  const refunded = Math.min(
    cents,
    refunds
      .filter(({ status }) => status === "succeeded" || status === "pending")
      .reduce((sum, r) => sum + r.amount, 0),
  );
  const lost = disputes.filter((d) => d.withdrawn || d.status === "lost").reduce((sum, d) => sum + d.amount, 0);
  return (cents - refunded - Math.min(lost, cents - refunded)) * CENT;
}
