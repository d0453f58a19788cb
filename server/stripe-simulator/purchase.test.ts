import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { assertHealthy } from "@/e2e/support/database";
import { DOLLAR, type PaymentWorld, SECRETS, SUCCESS, startPayments } from "@/e2e/support/payments";
import { ORG_ROLES } from "@/lib/orgs/permissions";
import { mintScope, type Scope } from "@/lib/orgs/scope";
import { spend, wallet } from "@/prisma/sql/testing";
import { startStripeSimulator } from "./server";

let world: PaymentWorld;
let database: PaymentWorld["database"];
let stripe: PaymentWorld["stripe"];
beforeAll(async () => {
  world = await startPayments();
  ({ database, stripe } = world);
});
afterEach(() => {
  Object.assign(stripe.control.deliveries, { copies: 1, reorder: false });
});
afterAll(() => world.close());

const buyer = () => world.buyer();
const buy = (scope: Scope, usd: string, form?: string) => world.buy(scope, usd, form);
const settle = () => world.settle();
const sweep = () => world.sweep();
const balance = (org: string) => world.balance(org);
const stateOf = async (id: string) =>
  (await database.pool.query("SELECT state, failure FROM topup WHERE id = $1", [id])).rows[0];

test("a card that pays: credit by webhook alone, the tab closed", async () => {
  const { org, scope } = await buyer();
  const { id, session } = await buy(scope, "25");
  expect(stripe.control.pay(SUCCESS, session)).toBe("paid");
  await settle();
  expect(await stateOf(id)).toEqual({ state: "paid", failure: null });
  expect(await balance(org)).toBe(25);
  const { rows } = await database.pool.query("SELECT receipt_url, stripe_pi FROM topup WHERE id = $1", [id]);
  expect(rows[0].receipt_url).toContain(`/__stripe/receipt/${session}`);
  await assertHealthy(database.pool, org);
});

test("the hosted page pays in a browser without scripts, and sends it back", async () => {
  const { org, scope } = await buyer();
  const { id, url } = await buy(scope, "10");
  const page = `${stripe.url}${new URL(url).pathname}`;
  const text = await (await fetch(page)).text();
  expect(text).toContain("Simulation of Stripe");
  expect(text).toContain("$10.00");
  const post = (number: string, path = "") =>
    fetch(page + path, { method: "POST", body: new URLSearchParams({ number, answer: number }), redirect: "manual" });
  const declined = await post("4000 0000 0000 0002");
  expect(declined.status).toBe(402);
  expect(await declined.text()).toContain("Your card was declined. Nothing was charged.");
  const asks = await post("4000 0025 0000 3155");
  expect(asks.headers.get("location")).toMatch(/\/bank$/);
  const paid = await post("yes", "/bank");
  expect(paid.headers.get("location")).toBe(`http://localhost:3000/acme/billing/return/${id}`);
  expect((await fetch(page)).status).toBe(410);
  await settle();
  expect(await balance(org)).toBe(10);
  await assertHealthy(database.pool, org);
});

test("a declined card charges nothing, and another one may be tried", async () => {
  const { org, scope } = await buyer();
  const { id, session } = await buy(scope, "25");
  stripe.control.pay("4000 0000 0000 0002", session);
  await settle();
  expect(await stateOf(id)).toEqual({ state: "created", failure: "generic_decline" });
  expect(await balance(org)).toBe(0);
  stripe.control.pay(SUCCESS, session);
  await settle();
  expect(await stateOf(id)).toEqual({ state: "paid", failure: null });
  expect(await balance(org)).toBe(25);
  await assertHealthy(database.pool, org);
});

test("a bank that asks: needs_action, then what the person answers", async () => {
  const { org, scope } = await buyer();
  const { id, session } = await buy(scope, "25");
  expect(stripe.control.pay("4000 0025 0000 3155", session)).toBe("authenticate");
  await settle();
  expect(await stateOf(id)).toEqual({ state: "needs_action", failure: null });
  stripe.control.confirm(false, session);
  await settle();
  expect(await stateOf(id)).toEqual({ state: "created", failure: "authentication_failed" });
  stripe.control.confirm(true, session);
  await settle();
  expect(await balance(org)).toBe(25);
});

test("cancelled and expired: nothing is charged", async () => {
  const { org, scope } = await buyer();
  const { id, session } = await buy(scope, "25");
  await settle();
  expect(await stateOf(id)).toEqual({ state: "created", failure: null });
  stripe.control.expire(session);
  await settle();
  expect(await stateOf(id)).toEqual({ state: "failed", failure: null });
  expect(await balance(org)).toBe(0);
});

test("a delayed method: pending until the bank reports", async () => {
  const { org, scope } = await buyer();
  const good = await buy(scope, "25");
  stripe.control.pay("DE89370400440532013000", good.session);
  await settle();
  expect(await stateOf(good.id)).toMatchObject({ state: "processing" });
  expect(await balance(org)).toBe(0);
  stripe.control.settleDelayed(good.session);
  await settle();
  expect(await balance(org)).toBe(25);
  const bad = await buy(scope, "50");
  stripe.control.pay("DE62370400440532013001", bad.session);
  stripe.control.settleDelayed(bad.session);
  await settle();
  expect(await stateOf(bad.id)).toEqual({ state: "failed", failure: "debit_not_authorized" });
  expect(await balance(org)).toBe(25);
  await assertHealthy(database.pool, org);
});

test("each webhook ten times and in any order", async () => {
  const { org, scope } = await buyer();
  Object.assign(stripe.control.deliveries, { copies: 10, reorder: true });
  const { session } = await buy(scope, "100");
  stripe.control.pay(SUCCESS, session);
  const refund = stripe.control.refund(4_000, session);
  stripe.control.failRefund(refund);
  stripe.control.refund(1_500, session);
  await settle();
  expect(await balance(org)).toBe(85);
  const dispute = stripe.control.dispute(session);
  await settle();
  expect(await wallet(database.pool, org)).toMatchObject({ posted: 0, freeze_reason: "dispute" });
  stripe.control.closeDispute(dispute, "won");
  await settle();
  expect(await wallet(database.pool, org)).toMatchObject({ posted: 85 * DOLLAR, status: "active" });
  const { rows } = await database.pool.query(
    "SELECT count(*)::int AS n FROM journal WHERE org_id = $1 AND kind = 'topup'",
    [org],
  );
  expect(rows[0].n).toBe(1);
  await assertHealthy(database.pool, org);
});

test("without a single webhook the sweep ends at the same balance", async () => {
  const account = await buyer();
  stripe.control.deliveries.copies = 0;
  const first = await buy(account.scope, "100");
  stripe.control.pay(SUCCESS, first.session);
  await buy(account.scope, "50");
  await sweep();
  expect(await balance(account.org)).toBe(100);
  await spend(database.pool, account, 70 * DOLLAR);
  stripe.control.refund(undefined, first.session);
  await sweep();
  expect(await wallet(database.pool, account.org)).toMatchObject({ posted: -70 * DOLLAR, freeze_reason: "negative" });
  await assertHealthy(database.pool, account.org);
});

test("a payment whose session was never saved is found by what it says of itself, at the row's amount", async () => {
  const { org, scope } = await buyer();
  const { id, session } = await buy(scope, "25");
  await database.pool.query("ALTER TABLE topup DISABLE TRIGGER guard");
  await database.pool.query("UPDATE topup SET stripe_session = NULL WHERE id = $1", [id]);
  await database.pool.query("ALTER TABLE topup ENABLE TRIGGER guard");
  stripe.control.pay(SUCCESS, session);
  await sweep();
  expect(await balance(org)).toBe(25);
});

test("the same form twice is one purchase; with another amount it is refused", async () => {
  const { org, scope } = await buyer();
  const first = await buy(scope, "25");
  const again = await buy(scope, "25", first.form);
  expect(again).toEqual(first);
  await expect(buy(scope, "50", first.form)).rejects.toThrow("another amount");
  stripe.control.pay(SUCCESS, first.session);
  await settle();
  await expect(buy(scope, "25", first.form)).rejects.toThrow("paid already");
  expect(await balance(org)).toBe(25);
});

test("who may not manage billing buys nothing, and payment pages are limited", async () => {
  const { org, scope } = await buyer();
  const developer = mintScope({ orgId: org, actor: scope.actor, permissions: new Set(ORG_ROLES.developer) });
  await expect(buy(developer, "25")).rejects.toThrow("billing.manage");
  for (let n = 0; n < 5; n++) await buy(scope, "5");
  await expect(buy(scope, "5")).rejects.toThrow("5 payment pages were opened");
});

test("one organisation sees nothing of another one's purchase", async () => {
  const [mine, theirs] = [await buyer(), await buyer()];
  const { id } = await buy(mine.scope, "25");
  const { getTopup } = await import("@/lib/billing/queries");
  const { checkTopup } = await import("@/lib/billing/mutations");
  await expect(getTopup(theirs.scope, id)).rejects.toMatchObject({ code: "not_found" });
  await expect(checkTopup(theirs.scope, id)).rejects.toMatchObject({ code: "not_found" });
  expect(await getTopup(mine.scope, id)).toMatchObject({ state: "created", creditUsd: "25", availableUsd: "0" });
});

test("the history adds up to the balance", async () => {
  const account = await buyer();
  const { session } = await buy(account.scope, "25");
  stripe.control.pay(SUCCESS, session);
  await settle();
  await spend(database.pool, account, 3 * DOLLAR);
  stripe.control.refund(500, session);
  await settle();
  const { getHistory } = await import("@/lib/billing/queries");
  const { entries } = await getHistory(account.scope);
  expect(entries.map(({ kind, amountUsd, balanceUsd }) => [kind, amountUsd, balanceUsd])).toEqual([
    ["refund", "-5", "17"],
    ["usage", "-3", "22"],
    ["topup", "25", "25"],
  ]);
});

test("forged, altered, re-serialised, old and wrong-mode webhooks write nothing", async () => {
  const { org, scope } = await buyer();
  stripe.control.deliveries.copies = 0;
  const { session } = await buy(scope, "25");
  stripe.control.pay(SUCCESS, session);
  const event = stripe.control.events().find(({ type }) => type === "checkout.session.completed");
  const body = JSON.stringify(event);
  const send = (text: string, signature: string) =>
    world.handler(
      new Request("http://hub/", { method: "POST", body: text, headers: { "stripe-signature": signature } }),
    );
  const now = Math.floor(Date.now() / 1000);
  const live = JSON.stringify({ ...event, livemode: true });
  const refused: [string, string][] = [
    [body, ""],
    [body, `t=${now},v1=${"0".repeat(64)}`],
    [body.replace("2500", "9900"), stripe.control.signed(body)],
    [JSON.stringify(JSON.parse(body), null, 2), stripe.control.signed(body)],
    [body, stripe.control.signed(body, now - 301)],
    [live, stripe.control.signed(live)],
    ["{}", stripe.control.signed("{}").replace("v1=", "v0=")],
  ];
  for (const [text, signature] of refused) expect((await send(text, signature)).status).toBe(400);
  const huge = `"${"x".repeat(1_000_001)}"`;
  expect((await send(huge, stripe.control.signed(huge))).status).toBe(413);
  const { rows } = await database.pool.query("SELECT count(*)::int AS n FROM stripe_event WHERE id = $1", [event?.id]);
  expect(rows[0].n).toBe(0);
  await settle();
  expect(await balance(org)).toBe(0);
  // the same bytes with their own signature, twice
  for (let n = 0; n < 2; n++) expect((await send(body, stripe.control.signed(body))).status).toBe(200);
  await settle();
  expect(await balance(org)).toBe(25);
  await assertHealthy(database.pool, org);
});

test("nobody buys before the address is verified, and a day knows three cards", async () => {
  const { org, scope } = await buyer();
  const verified = 'UPDATE "user" SET email_verified = $2 WHERE id = $1';
  await database.pool.query(verified, [scope.actor.id, null]);
  await expect(buy(scope, "25")).rejects.toThrow("Verify your e-mail address");
  await database.pool.query(verified, [scope.actor.id, new Date()]);
  const { id, session } = await buy(scope, "25");
  const cards = ["4000 0000 0000 0002", "4000 0000 0000 9995", "4000 0000 0000 0101", "4000 0000 0000 0119"];
  for (const card of cards) {
    expect(stripe.control.pay(card, session)).toBe("failed");
    await settle();
  }
  // the fourth card ended the page
  await settle();
  expect(stripe.control.sessions().find((one) => one.id === session)).toMatchObject({ status: "expired" });
  expect(await stateOf(id)).toMatchObject({ state: "failed" });
  await expect(buy(scope, "25")).rejects.toThrow("More than 3 cards were tried today");
  await database.pool.query("UPDATE payment_card SET seen_at = seen_at - interval '1 day' WHERE org_id = $1", [org]);
  await expect(buy(scope, "25")).resolves.toBeDefined();
  expect(await balance(org)).toBe(0);
});

test("the simulation refuses production and live keys", async () => {
  await expect(startStripeSimulator({ ...SECRETS, port: 0, production: true })).rejects.toThrow("refuses production");
  const live = { ...SECRETS, secretKey: "sk_live_12345678" };
  await expect(startStripeSimulator({ ...live, port: 0, production: false })).rejects.toThrow("refuses production");
});
