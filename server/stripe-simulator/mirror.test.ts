import { afterAll, beforeAll, expect, test } from "vitest";
import { assertHealthy } from "@/e2e/support/database";
import { DOLLAR, type PaymentWorld, startPayments } from "@/e2e/support/payments";
import { spend } from "@/prisma/sql/testing";

let world: PaymentWorld;
let database: PaymentWorld["database"];
let stripe: PaymentWorld["stripe"];
beforeAll(async () => {
  world = await startPayments();
  ({ database, stripe } = world);
});
afterAll(() => world.close());

/** In cents, as the ledger has them. */
async function account(name: string): Promise<number> {
  const { rows } = await database.pool.query(
    "SELECT coalesce(sum(amount), 0) AS nano FROM entry WHERE account_id = $1",
    [name],
  );
  return Number(rows[0].nano) / (DOLLAR / 100);
}

test("fees, refunds, disputes and payouts arrive at the account, which mirrors Stripe's balance", async () => {
  const buyer = await world.buyer();
  const first = await world.bought(buyer.scope, "25");
  const second = await world.bought(buyer.scope, "100");
  await spend(database.pool, buyer, DOLLAR);
  const failing = stripe.control.refund(1_000, first.session);
  stripe.control.refund(500, first.session);
  stripe.control.failRefund(failing);
  stripe.control.closeDispute(stripe.control.dispute(second.session), "won");
  await world.settle();
  for (let n = 0; n < 2; n++) await world.runJob("mirror_stripe");
  expect(-(await account("stripe_clearing"))).toBe(stripe.control.balance());
  expect(await account("stripe_fees")).toBe(-(103 + 320 + 1_500)); // 2.9 % + 30 cents twice, and a dispute
  expect([await account("refunds"), await account("disputes"), await account("tax")]).toEqual([0, 0, 0]);
  await assertHealthy(database.pool);
  stripe.control.payOut();
  await world.runJob("mirror_stripe");
  expect(stripe.control.balance()).toBe(0);
  expect(await account("stripe_clearing")).toBeCloseTo(0);
  expect(-(await account("bank"))).toBe(12_500 - 500 - 103 - 320 - 1_500);
  await assertHealthy(database.pool);
});

test("a charge whose purchase is not credited yet waits; one that is not ours stays away; tax stands apart", async () => {
  const buyer = await world.buyer();
  const { id } = await world.bought(buyer.scope, "10");
  const { rows } = await database.pool.query("SELECT stripe_pi FROM topup WHERE id = $1", [id]);
  const intent = rows[0].stripe_pi;
  const post = async (moved: object) => {
    const facts = { currency: "usd", created: 1_790_000_000, fee: 0, ...moved };
    const answer = await database.pool.query("SELECT post_stripe_transaction($1) AS outcome", [JSON.stringify(facts)]);
    return answer.rows[0].outcome;
  };
  expect(await post({ id: "txn_a", type: "charge", source: "ch_x", intent: "pi_nobody", amount: 1 })).toBe("foreign");
  const refund = { id: `txn_r${id}`, type: "refund", source: "re_x", intent, amount: -595 };
  expect(await post(refund)).toBe("later");
  // 10 dollars of credit and 1.90 of tax
  const charge = { id: `txn_c${id}`, type: "charge", source: "ch_y", intent, amount: 1_190, fee: 65 };
  expect([await post(charge), await post(charge)]).toEqual(["posted", "known"]);
  const before = await account("tax");
  expect(await post(refund)).toBe("posted");
  expect([before, await account("tax")]).toEqual([190, 95]);
  const unpaid = await world.buy(buyer.scope, "5");
  await database.pool.query("UPDATE topup SET stripe_pi = $2 WHERE id = $1", [unpaid.id, `pi_${unpaid.id}`]);
  const early = { id: `txn_e${id}`, type: "charge", source: "ch_z", intent: `pi_${unpaid.id}`, amount: 500 };
  expect(await post(early)).toBe("later");
  await assertHealthy(database.pool);
});

test("the view sees a movement that the books miss, and one that Stripe misses", async () => {
  const buyer = await world.buyer();
  const { id } = await world.bought(buyer.scope, "25");
  await world.runJob("mirror_stripe");
  const client = await database.pool.connect();
  const pi = "(SELECT stripe_pi FROM topup WHERE id = $1)";
  const faults = [
    `UPDATE stripe_transaction SET amount_minor = amount_minor + 1 WHERE stripe_pi = ${pi}`,
    `UPDATE entry SET account_id = 'bank' WHERE account_id = 'stripe_clearing' AND journal_id IN (SELECT j.id FROM journal j JOIN stripe_transaction s ON s.id = j.ref WHERE s.stripe_pi = ${pi})`,
    `WITH gone AS (DELETE FROM stripe_transaction WHERE stripe_pi = ${pi} RETURNING id), late AS (UPDATE topup SET paid_at = paid_at - interval '3 days' WHERE id = $1)
     DELETE FROM entry WHERE journal_id IN (SELECT j.id FROM journal j JOIN gone g ON g.id = j.ref)`,
  ];
  try {
    for (const fault of faults) {
      await client.query("BEGIN; SET LOCAL session_replication_role = replica");
      await client.query(fault, [id]);
      const { rows } = await client.query("SELECT DISTINCT rule FROM violations WHERE org_id = $1", [buyer.org]);
      expect(rows).toEqual([{ rule: "I13" }]);
      await client.query("ROLLBACK");
    }
  } finally {
    client.release();
  }
  await assertHealthy(database.pool, buyer.org);
});
