import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { assertHealthy } from "@/e2e/support/database";
import { type Buyer, DOLLAR, type PaymentWorld, startPayments } from "@/e2e/support/payments";
import { newId } from "@/lib/ids";
import { parseUsd } from "@/lib/money";
import { STAFF_ROLES } from "@/lib/orgs/permissions";
import { mintStaffScope, type Scope, type StaffScope } from "@/lib/orgs/scope";
import { authorize, grant, holdItem, settle as settleHold, settleItem, spend, wallet } from "@/prisma/sql/testing";

// Money that goes back: the hub's own refunds against the simulation of Stripe.

let world: PaymentWorld;
let database: PaymentWorld["database"];
let stripe: PaymentWorld["stripe"];
beforeAll(async () => {
  world = await startPayments();
  ({ database, stripe } = world);
});
afterEach(() => {
  stripe.control.deliveries.copies = 1;
});
afterAll(() => world.close());

const PENDS = "4000 0000 0000 7726";
const FAILS = "4000 0000 0000 5126";

async function staff(): Promise<StaffScope> {
  const id = newId("usr");
  await database.pool.query('INSERT INTO "user" (id, email) VALUES ($1, $2)', [id, `${id}@example.com`]);
  await database.pool.query("INSERT INTO staff (user_id, role) VALUES ($1, 'admin')", [id]);
  return mintStaffScope({ actor: { type: "staff", id }, permissions: new Set(STAFF_ROLES.admin) });
}

async function refundOwn(scope: Scope, topup: string, usd: string, form = randomUUID()) {
  const { refundTopup } = await import("@/lib/billing/mutations");
  return refundTopup(scope, { id: topup, amountUsd: parseUsd(usd), form });
}

async function refundFor(by: StaffScope, { org }: Buyer, topup: string, usd: string, form = randomUUID()) {
  const { requestRefund } = await import("@/lib/billing/admin-refunds");
  return requestRefund(by, { orgId: org, topupId: topup, amountUsd: parseUsd(usd), reason: "asked for", form });
}

const refunds = async (topup: string) =>
  (
    await database.pool.query(
      "SELECT id, state, failure, stripe_refund FROM refund WHERE topup_id = $1 ORDER BY created_at",
      [topup],
    )
  ).rows;
const atStripe = (session: string) => stripe.control.refunds(session).map(({ amount, status }) => [amount, status]);

test("wallet and lots are debited before Stripe hears of a refund, and it is made once", async () => {
  const account = await world.buyer();
  const { id, session } = await world.bought(account.scope, "25");
  await spend(database.pool, account, 4 * DOLLAR);
  expect(await refundOwn(account.scope, id, "21")).toEqual({ state: "requested" });
  expect(atStripe(session)).toEqual([]);
  expect(await world.balance(account.org)).toBe(0);
  await assertHealthy(database.pool, account.org);
  await world.settle();
  expect(atStripe(session)).toEqual([[2_100, "succeeded"]]);
  expect(await refunds(id)).toMatchObject([{ state: "succeeded", stripe_refund: expect.stringMatching(/^re_/) }]);
  await world.sweep();
  expect(await world.balance(account.org)).toBe(0);
  await assertHealthy(database.pool, account.org);
});

test("pressed twice, and sent again after it was made, is one refund", async () => {
  const account = await world.buyer();
  const { id, session } = await world.bought(account.scope, "25");
  const form = randomUUID();
  const [first, second] = await Promise.all([
    refundOwn(account.scope, id, "25", form),
    refundOwn(account.scope, id, "25", form),
  ]);
  expect([first, second]).toEqual([{ state: "requested" }, { state: "requested" }]);
  await world.settle();
  expect(await refundOwn(account.scope, id, "25", form)).toEqual({ state: "succeeded" });
  await world.settle();
  expect(atStripe(session)).toEqual([[2_500, "succeeded"]]);
  expect(await world.balance(account.org)).toBe(0);
  await expect(refundOwn(account.scope, id, "25")).rejects.toMatchObject({ code: "conflict" });
  await assertHealthy(database.pool, account.org);
});

test("a crash between debit and Stripe: the sweep sends it, and one that was sent but not heard is not sent again", async () => {
  const account = await world.buyer();
  const { id, session } = await world.bought(account.scope, "25");
  await refundOwn(account.scope, id, "10");
  // the worker dies, and the queue with it
  await database.pool.query("DELETE FROM graphile_worker._private_jobs WHERE key LIKE 'refund:%'");
  const overdue = "UPDATE refund SET requested_at = clock_timestamp() - interval '2 minutes' WHERE topup_id = $1";
  await database.pool.query(overdue, [id]);
  await world.settle();
  expect(atStripe(session)).toEqual([]);
  await world.runJob("sweep_refunds");
  expect(atStripe(session)).toEqual([[1_000, "succeeded"]]);
  // Stripe made it, and the answer was lost
  stripe.control.deliveries.copies = 0;
  const [row] = await refunds(id);
  await database.pool.query("ALTER TABLE refund DISABLE TRIGGER guard");
  await database.pool.query("UPDATE refund SET state = 'requested', stripe_refund = NULL WHERE id = $1", [row.id]);
  await database.pool.query("ALTER TABLE refund ENABLE TRIGGER guard");
  await world.runJob("sweep_refunds");
  expect(atStripe(session)).toEqual([[1_000, "succeeded"]]);
  expect(await refunds(id)).toMatchObject([{ state: "succeeded" }]);
  expect(await world.balance(account.org)).toBe(15);
  await assertHealthy(database.pool, account.org);
});

test("after a day Stripe is asked by nobody: what it never made comes back", async () => {
  const account = await world.buyer();
  const { id, session } = await world.bought(account.scope, "25");
  await refundOwn(account.scope, id, "10");
  await database.pool.query("DELETE FROM graphile_worker._private_jobs WHERE key LIKE 'refund:%'");
  const age = "UPDATE refund SET requested_at = clock_timestamp() - $2 * interval '1 hour' WHERE topup_id = $1";
  await database.pool.query(age, [id, 24.5]);
  await world.runJob("sweep_refunds");
  expect([atStripe(session), await world.balance(account.org)]).toEqual([[], 15]);
  await database.pool.query(age, [id, 25.5]);
  await world.runJob("sweep_refunds");
  expect([atStripe(session), await world.balance(account.org)]).toEqual([[], 25]);
  expect(await refunds(id)).toMatchObject([{ state: "failed", failure: "never_sent" }]);
  await assertHealthy(database.pool, account.org);
});

test("a refund that pends is given; one that the bank sends back is credited again", async () => {
  const account = await world.buyer();
  const slow = await world.bought(account.scope, "25", PENDS);
  await refundOwn(account.scope, slow.id, "25");
  await world.settle();
  expect(await refunds(slow.id)).toMatchObject([{ state: "pending" }]);
  stripe.control.settleRefund(stripe.control.refunds(slow.session)[0] as never);
  await world.settle();
  expect(await refunds(slow.id)).toMatchObject([{ state: "succeeded" }]);
  const doomed = await world.bought(account.scope, "10", FAILS);
  await refundOwn(account.scope, doomed.id, "10");
  await world.settle();
  expect(await world.balance(account.org)).toBe(0);
  stripe.control.settleRefund(stripe.control.refunds(doomed.session)[0] as never);
  await world.settle();
  expect(await refunds(doomed.id)).toMatchObject([{ state: "failed" }]);
  expect(await world.balance(account.org)).toBe(10);
  await assertHealthy(database.pool, account.org);
});

test("what Stripe refuses for good is credited again", async () => {
  const account = await world.buyer();
  stripe.control.deliveries.copies = 0;
  const { id, session } = await world.buy(account.scope, "25");
  stripe.control.pay("4242 4242 4242 4242", session);
  await world.sweep();
  await refundOwn(account.scope, id, "20");
  // somebody was faster at Stripe, and no webhook has told of it
  stripe.control.refund(1_000, session);
  await world.settle();
  expect(await refunds(id)).toMatchObject([
    { state: "failed", failure: "charge_already_refunded" },
    { state: "succeeded", failure: null },
  ]);
  expect(await world.balance(account.org)).toBe(15);
  await assertHealthy(database.pool, account.org);
});

test("only what is left of this purchase: not what is spent, held, given or bought otherwise", async () => {
  const account = await world.buyer();
  const first = await world.bought(account.scope, "25");
  await world.bought(account.scope, "50");
  await grant(database.pool, account.org, { amount: 5 * DOLLAR, source: "promo" });
  await spend(database.pool, account, 15 * DOLLAR); // the promotion first, then the older purchase
  await expect(refundOwn(account.scope, first.id, "15.01")).rejects.toThrow("Only 15 USD of this purchase");
  const hold = holdItem(account, { amount: 60 * DOLLAR });
  await authorize(database.pool, [hold]);
  await expect(refundOwn(account.scope, first.id, "15")).rejects.toThrow("Only 5 USD of this purchase");
  await settleHold(database.pool, [settleItem(hold, { price: 0, cost: 0 })]);
  expect(await refundOwn(account.scope, first.id, "15")).toEqual({ state: "requested" });
  await world.settle();
  expect(await world.balance(account.org)).toBe(50);
  await assertHealthy(database.pool, account.org);
});

test("spending and refunding at once never give more than there was", async () => {
  const account = await world.buyer();
  const { id } = await world.bought(account.scope, "25");
  // a batch that finds the wallet locked skips it, as it does for the gateway, and comes again
  const spendSome = async () => {
    const hold = holdItem(account, { amount: 2 * DOLLAR });
    const [answer] = await authorize(database.pool, [hold]);
    if (!answer?.granted) return;
    const item = settleItem(hold, { price: 2 * DOLLAR });
    while (!(await settleHold(database.pool, [item]))[0]?.applied);
  };
  const spends = Array.from({ length: 10 }, spendSome);
  const asked = Array.from({ length: 5 }, () => refundOwn(account.scope, id, "5").catch(() => null));
  await Promise.all([...spends, ...asked]);
  await world.settle();
  const { posted, status } = await wallet(database.pool, account.org);
  expect(posted).toBeGreaterThanOrEqual(0);
  expect(status).toBe("active");
  await assertHealthy(database.pool, account.org);
});

test("the buyer's window closes; the operator may still refund, an old one by two people", async () => {
  const account = await world.buyer();
  const { id } = await world.bought(account.scope, "25");
  const [one, other] = [await staff(), await staff()];
  const age = async (days: number) => {
    const statement = "UPDATE topup SET paid_at = clock_timestamp() - $2 * interval '1 day' WHERE id = $1";
    await database.pool.query(statement, [id, days]);
  };
  await age(2);
  await expect(refundOwn(account.scope, id, "5")).rejects.toThrow("is over");
  expect(await refundFor(one, account, id, "5")).toEqual({ state: "requested" });
  await world.settle();
  await age(31);
  expect(await refundFor(one, account, id, "10")).toEqual({ state: "proposed" });
  expect(await world.balance(account.org)).toBe(20);
  await assertHealthy(database.pool, account.org);
  const { decideRefund } = await import("@/lib/billing/admin-refunds");
  const [, proposal] = await refunds(id);
  const decision = { orgId: account.org, refundId: proposal.id, isApproved: true };
  await expect(decideRefund(one, decision)).rejects.toMatchObject({ code: "forbidden" });
  await expect(refundFor(one, account, id, "1")).rejects.toThrow("waits for approval");
  expect(await decideRefund(other, decision)).toEqual({ state: "requested" });
  await world.settle();
  expect(await decideRefund(other, decision)).toEqual({ state: "succeeded" });
  expect(await world.balance(account.org)).toBe(10);
  await assertHealthy(database.pool, account.org);
});

test("a large refund waits for the operator, whoever asks, and a rejected one moves nothing", async () => {
  const account = await world.buyer();
  const { id, session } = await world.bought(account.scope, "500");
  const one = await staff();
  expect(await refundOwn(account.scope, id, "500")).toEqual({ state: "proposed" });
  const { decideRefund, listPayments } = await import("@/lib/billing/admin-refunds");
  const [payment] = await listPayments(one, account.org);
  expect(payment).toMatchObject({ creditUsd: "500", refundableUsd: "500", refunds: [{ state: "proposed" }] });
  const refundId = payment?.refunds[0]?.id as string;
  expect(await decideRefund(one, { orgId: account.org, refundId, isApproved: false })).toEqual({ state: "failed" });
  await world.settle();
  expect([atStripe(session), await world.balance(account.org)]).toEqual([[], 500]);
  const foreign = await world.buyer();
  await expect(refundFor(one, foreign, id, "1")).rejects.toMatchObject({ code: "not_found" });
  await expect(decideRefund(one, { orgId: foreign.org, refundId, isApproved: true })).rejects.toMatchObject({
    code: "not_found",
  });
  await expect(refundOwn(foreign.scope, id, "1")).rejects.toMatchObject({ code: "not_found" });
});

test("the role that serves pages changes no refund but through its functions", async () => {
  const account = await world.buyer();
  const { id } = await world.bought(account.scope, "25");
  const { createPool } = await import("@/lib/pg");
  const web = createPool(database.roleUrl("web"), { max: 1, applicationName: "test" });
  const denied = { code: "42501" };
  await expect(
    web.query("INSERT INTO refund (id, topup_id, credit_nano) VALUES ('rfd_x', $1, 1)", [id]),
  ).rejects.toMatchObject(denied);
  await expect(web.query("UPDATE refund SET state = 'failed'")).rejects.toMatchObject(denied);
  await expect(web.query("SELECT fail_refund('rfd_x', 'x')")).rejects.toMatchObject(denied);
  await expect(web.query("SELECT post_refunds($1)", [id])).rejects.toMatchObject(denied);
  await web.end();
});

test("a lost dispute takes what is left; the rest is the operator's loss, until it is won after all", async () => {
  const account = await world.buyer();
  const { session } = await world.bought(account.scope, "25");
  await spend(database.pool, account, 10 * DOLLAR);
  const dispute = stripe.control.dispute(session);
  await world.settle();
  expect(await wallet(database.pool, account.org)).toMatchObject({ posted: -10 * DOLLAR, freeze_reason: "dispute" });
  stripe.control.closeDispute(dispute, "lost");
  await world.settle();
  await world.sweep();
  expect(await wallet(database.pool, account.org)).toMatchObject({ posted: 0, freeze_reason: "dispute" });
  const loss = async () =>
    (
      await database.pool.query(
        "SELECT -sum(e.amount)::bigint AS nano FROM entry e JOIN journal j ON j.id = e.journal_id WHERE j.org_id = $1 AND e.account_id = 'bad_debt'",
        [account.org],
      )
    ).rows[0].nano;
  expect(await loss()).toBe(String(10 * DOLLAR));
  await assertHealthy(database.pool, account.org);
  stripe.control.closeDispute(dispute, "won");
  await world.settle();
  expect(await loss()).toBe("0");
  expect(await wallet(database.pool, account.org)).toMatchObject({ posted: 15 * DOLLAR, status: "active" });
  await assertHealthy(database.pool, account.org);
});

test("an early warning of fraud refunds a young organisation's unspent credit and freezes it, once", async () => {
  const account = await world.buyer();
  const { session } = await world.bought(account.scope, "25");
  await spend(database.pool, account, 5 * DOLLAR);
  stripe.control.warn(session);
  await world.settle();
  await world.sweep();
  expect(atStripe(session)).toEqual([[2_000, "succeeded"]]);
  expect(await wallet(database.pool, account.org)).toMatchObject({ posted: 0, freeze_reason: "fraud" });
  await assertHealthy(database.pool, account.org);
  const old = await world.buyer();
  await database.pool.query("UPDATE org SET created_at = created_at - interval '31 days' WHERE id = $1", [old.org]);
  const theirs = await world.bought(old.scope, "25");
  stripe.control.warn(theirs.session);
  await world.settle();
  expect(atStripe(theirs.session)).toEqual([]);
  expect(await wallet(database.pool, old.org)).toMatchObject({ posted: 25 * DOLLAR, status: "active" });
});
