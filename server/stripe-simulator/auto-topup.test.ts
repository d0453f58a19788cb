import "@/e2e/support/property";
import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { assertHealthy } from "@/e2e/support/database";
import { type Buyer, DOLLAR, type PaymentWorld, SECRETS, SUCCESS, startPayments } from "@/e2e/support/payments";
import { beginAutoTopups } from "@/lib/billing/auto-topup";
import type { Payments } from "@/lib/billing/stripe";
import { parseUsd } from "@/lib/money";
import { paid, paymentsIn } from "@/prisma/sql/payment-testing";
import { createOrg, spend, type TestOrg, wallet } from "@/prisma/sql/testing";

// Automatic top-ups over HTTP on both sides. Time is moved by the database's clock.

const DECLINES = "4000 0000 0000 0341";
const ASKS = "4000 0027 6000 3184";
const PLACE = { origin: "http://localhost:3000", slug: "acme", locale: "en" } as const;

let world: PaymentWorld;
let database: PaymentWorld["database"];
let stripe: PaymentWorld["stripe"];
let payments: Payments;
let settings: typeof import("@/lib/billing/mutations");
let findAutoTopup: typeof import("@/lib/billing/queries").findAutoTopup;
beforeAll(async () => {
  world = await startPayments();
  ({ database, stripe } = world);
  const { createPayments } = await import("@/lib/billing/stripe");
  payments = createPayments({ secretKey: SECRETS.secretKey, apiBase: stripe.url, fetch });
  settings = await import("@/lib/billing/mutations");
  ({ findAutoTopup } = await import("@/lib/billing/queries"));
});
afterEach(async () => {
  await later("0");
  await assertHealthy(database.pool);
});
afterAll(() => world.close());

const LIMITS = { thresholdUsd: "5", amountUsd: "25", dailyCapUsd: "100", monthlyCapUsd: "200" };

/** From now on the database's clock is ahead by so much. */
async function later(interval: string): Promise<void> {
  await database.pool.query(
    `CREATE OR REPLACE FUNCTION hub_now() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE AS $$ SELECT date_trunc('milliseconds', clock_timestamp() + interval '${interval}') $$`,
  );
}

/** Somebody with an empty balance who has switched it on. */
async function topper(card: string, limits: Partial<typeof LIMITS> = {}): Promise<Buyer> {
  const account = await world.buyer();
  const member = "INSERT INTO member (id, org_id, user_id, role) VALUES ($1, $1, $2, 'billing')";
  await database.pool.query(member, [account.org, account.scope.actor.id]);
  const usd = Object.fromEntries(
    Object.entries({ ...LIMITS, ...limits }).map(([name, text]) => [name, parseUsd(text)]),
  );
  const input = { ...(usd as Record<keyof typeof LIMITS, bigint>), isNewCard: false, form: randomUUID() };
  const { url } = await settings.setAutoTopup(account.scope, input, { payments, place: PLACE });
  const session = new URL(String(url)).pathname.split("/").at(-1) as string;
  if (stripe.control.pay(card, session) === "authenticate") stripe.control.confirm(true, session);
  await world.runJob("sweep_card_pages");
  return account;
}

/** The scan that the worker repeats, and what follows from it. */
async function cross(times = 1): Promise<void> {
  await Promise.all(Array.from({ length: times }, () => beginAutoTopups(world.worker, false)));
  await world.settle();
}

async function topups({ org }: TestOrg) {
  const { rows } = await database.pool.query(
    "SELECT id, state, failure, stripe_pi FROM topup WHERE org_id = $1 AND payment_method IS NOT NULL ORDER BY created_at",
    [org],
  );
  return rows as { id: string; state: string; failure: string | null; stripe_pi: string | null }[];
}

async function stands({ org }: Buyer) {
  const { rows } = await database.pool.query(
    `SELECT state, reason, failures, round(extract(epoch FROM next_attempt_at - hub_now()) / 3600)::int AS hours, stripe_customer, payment_method
     FROM auto_topup WHERE org_id = $1`,
    [org],
  );
  return rows[0];
}

/** What its people have been mailed of it since the last time. */
async function heard({ org }: Buyer): Promise<string[]> {
  await world.runJob("find_auto_topup_news");
  const own = world.mails.filter(({ to }) => to.startsWith(org));
  for (const mail of own) world.mails.splice(world.mails.indexOf(mail), 1);
  return own.map(({ template }) => template);
}

const intents = async (account: Buyer) => stripe.control.intents((await stands(account)).stripe_customer);

test("a balance below the threshold is topped up once, however many cross it", async () => {
  const account = await topper(SUCCESS);
  expect(await stands(account)).toMatchObject({ state: "on" });
  expect(await intents(account)).toEqual([]);
  await cross(500);
  expect(await topups(account)).toMatchObject([{ state: "paid", failure: null }]);
  expect(await intents(account)).toHaveLength(1);
  expect(await world.balance(account.org)).toBe(25);
  await cross();
  await spend(database.pool, account, 20 * DOLLAR);
  await cross();
  expect(await world.balance(account.org)).toBe(5);
  await spend(database.pool, account, DOLLAR);
  await cross();
  expect(await world.balance(account.org)).toBe(29);
  expect(await heard(account)).toEqual(["autoTopupDone", "autoTopupDone"]);
});

test("off, and while a card is only asked for, nothing is charged", async () => {
  const account = await topper(SUCCESS);
  await settings.stopAutoTopup(account.scope);
  const other = await world.buyer();
  const input = {
    thresholdUsd: 1n,
    amountUsd: parseUsd("25"),
    dailyCapUsd: parseUsd("25"),
    monthlyCapUsd: parseUsd("25"),
  };
  await settings.setAutoTopup(
    other.scope,
    { ...input, isNewCard: false, form: randomUUID() },
    { payments, place: PLACE },
  );
  await world.runJob("sweep_card_pages");
  await cross();
  expect([await topups(account), await topups(other)]).toEqual([[], []]);
  expect(await findAutoTopup(other.scope)).toMatchObject({ state: "saving", card: null });
  expect(await findAutoTopup(account.scope)).toMatchObject({ state: "off", card: "visa 4242" });
});

test("declined, it waits 1, 6 and 24 hours, then it is off", async () => {
  const account = await topper(DECLINES);
  let passed = 0;
  for (const [n, hours] of [1, 6, 24].entries()) {
    await cross();
    expect(await topups(account)).toHaveLength(n + 1);
    expect(await stands(account)).toMatchObject({ state: "on", failures: n + 1, hours });
    expect(await heard(account)).toEqual(["autoTopupFailed"]);
    await later(`${passed + hours} hours - 1 minute`);
    await cross();
    expect(await topups(account)).toHaveLength(n + 1);
    passed += hours;
    await later(`${passed} hours + 1 minute`);
  }
  await cross();
  expect(await topups(account)).toMatchObject(Array(4).fill({ state: "failed", failure: "generic_decline" }));
  expect(await stands(account)).toMatchObject({ state: "disabled", reason: "declined" });
  expect(await heard(account)).toEqual(["autoTopupOff"]);
  await later("90 hours");
  await cross();
  expect(await intents(account)).toHaveLength(4);
  expect(await world.balance(account.org)).toBe(0);
});

test("a bank that wants its customer: the same payment is confirmed on its page", async () => {
  const account = await topper(ASKS);
  await cross(3);
  const [waiting] = await topups(account);
  expect(waiting).toMatchObject({ state: "needs_action", failure: "authentication_required" });
  expect(await findAutoTopup(account.scope)).toMatchObject({ state: "paused" });
  expect(await heard(account)).toEqual(["autoTopupPaused"]);
  await cross();
  const { url } = await settings.confirmAutoTopup(account.scope, { payments, place: PLACE });
  expect((await settings.confirmAutoTopup(account.scope, { payments, place: PLACE })).url).toBe(url);
  expect(new URL(url).pathname).toBe(`/__stripe/bank/${waiting?.stripe_pi}`);
  const page = `${stripe.url}${new URL(url).pathname}`;
  expect(await (await fetch(page)).text()).toContain("$25.00");
  const answer = { method: "POST", body: new URLSearchParams({ answer: "yes" }), redirect: "manual" } as const;
  expect((await fetch(page, answer)).headers.get("location")).toBe(
    `${PLACE.origin}/acme/billing/return/${waiting?.id}`,
  );
  await world.settle();
  expect(await topups(account)).toMatchObject([{ state: "paid", stripe_pi: waiting?.stripe_pi }]);
  expect(await intents(account)).toHaveLength(1);
  expect(await world.balance(account.org)).toBe(25);
  await expect(settings.confirmAutoTopup(account.scope, { payments, place: PLACE })).rejects.toMatchObject({
    code: "not_found",
  });
});

test("who refuses at the bank is not asked again for an hour", async () => {
  const account = await topper(ASKS);
  await cross();
  const { url } = await settings.confirmAutoTopup(account.scope, { payments, place: PLACE });
  const answer = { method: "POST", body: new URLSearchParams({ answer: "no" }), redirect: "manual" } as const;
  await fetch(`${stripe.url}${new URL(url).pathname}`, answer);
  await world.settle();
  await cross();
  expect(await topups(account)).toMatchObject([{ state: "failed", failure: "payment_intent_authentication_failure" }]);
  expect(await stands(account)).toMatchObject({ state: "on", failures: 1, hours: 1 });
});

test("what nobody confirms within a day is ended, and so is what is switched off", async () => {
  const [late, off] = [await topper(ASKS), await topper(ASKS)];
  await cross();
  await settings.stopAutoTopup(off.scope);
  await world.settle();
  expect(await topups(off)).toMatchObject([{ state: "failed" }]);
  expect(await stands(off)).toMatchObject({ state: "off", failures: 0 });
  await later("23 hours + 1 minute");
  await world.runJob("sweep_open_payments");
  expect(await topups(late)).toMatchObject([{ state: "failed" }]);
  expect(await stands(late)).toMatchObject({ state: "on", failures: 1, hours: 1 });
  for (const account of [late, off]) expect((await intents(account))[0]?.status).toBe("canceled");
});

test("a crash after the row: the sweep charges it once, or not at all where it may not any more", async () => {
  const [account, lost, stopped] = [await topper(SUCCESS), await topper(SUCCESS), await topper(SUCCESS)];
  await database.pool.query("SELECT begin_auto_topups(false)");
  await chargeUnheard(lost);
  await database.pool.query("SELECT freeze_wallet($1, 'fraud')", [stopped.org]);
  await world.runJob("sweep_open_payments");
  for (const one of [account, lost]) {
    expect(await world.balance(one.org)).toBe(25);
    expect(await intents(one)).toHaveLength(1);
  }
  expect(await topups(stopped)).toMatchObject([{ state: "failed", failure: "stopped", stripe_pi: null }]);
  expect(await intents(stopped)).toEqual([]);
});

test("a day after the row, when Stripe has forgotten its key, none is made again", async () => {
  const [never, lost] = [await topper(SUCCESS), await topper(SUCCESS)];
  await database.pool.query("SELECT begin_auto_topups(false)");
  await chargeUnheard(lost);
  await later("23 hours + 1 minute");
  await world.runJob("sweep_open_payments");
  expect(await topups(never)).toMatchObject([{ state: "failed", failure: "stopped" }]);
  expect(await intents(never)).toEqual([]);
  expect(await topups(lost)).toMatchObject([{ state: "paid" }]);
  expect(await world.balance(lost.org)).toBe(25);
});

test("a dispute freezes the balance and switches it off; won, it stays off", async () => {
  const account = await topper(SUCCESS);
  await cross();
  const [{ stripe_pi: intent } = { stripe_pi: null }] = await topups(account);
  const dispute = stripe.control.dispute(String(intent));
  await world.settle();
  expect(await wallet(database.pool, account.org)).toMatchObject({ posted: 0, freeze_reason: "dispute" });
  expect(await stands(account)).toMatchObject({ state: "disabled", reason: "dispute" });
  expect(await heard(account)).toEqual(["autoTopupDone", "autoTopupOff"]);
  stripe.control.closeDispute(dispute, "won");
  await world.settle();
  await spend(database.pool, account, 24 * DOLLAR);
  await cross();
  expect(await topups(account)).toHaveLength(1);
});

test("a refund of an automatic top-up needs no way of its own", async () => {
  const account = await topper(SUCCESS);
  await cross();
  const [{ stripe_pi: intent } = { stripe_pi: null }] = await topups(account);
  stripe.control.refund(1_000, String(intent));
  await world.settle();
  expect(await world.balance(account.org)).toBe(15);
});

test("the caps of day and month, and 3 in 10 minutes, hold whatever is spent and when", async () => {
  const sql = database.pool;
  await sql.query("UPDATE auto_topup SET state = 'off', reason = NULL");
  const { apply, look } = paymentsIn(() => sql);
  const begin = async (account: TestOrg) => {
    await Promise.all([1, 2].map(() => sql.query("SELECT begin_auto_topups(false)")));
    const begun = (await topups(account)).filter(({ state }) => state === "created");
    expect(begun.length).toBeLessThanOrEqual(1);
    for (const { id: topup } of begun) {
      const of = { topup, intent: `pi_${topup}`, cents: 1_000, org: account.org };
      await apply(of, paid(1_000), await look(of), { customer: "cus_1" });
      await spend(sql, account, 10 * DOLLAR);
    }
  };
  const pauses = fc.oneof(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 0, max: 3_000 }));
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 3 }),
      fc.array(pauses, { minLength: 5, maxLength: 12 }),
      async (perDay, days, pausesMinutes) => {
        const account = await createOrg(sql);
        await sql.query(
          `INSERT INTO auto_topup (org_id, state, threshold_nano, amount_nano, daily_cap_nano, monthly_cap_nano, actor_id, livemode, stripe_customer, payment_method)
           VALUES ($1, 'on', 1, $2, $3, $4, 'usr_1', false, 'cus_1', 'pm_1')`,
          [account.org, 10 * DOLLAR, perDay * 10 * DOLLAR, perDay * days * 10 * DOLLAR],
        );
        let minutes = 0;
        for (const pause of pausesMinutes) {
          minutes += pause;
          await later(`${minutes} minutes`);
          await begin(account);
        }
        await sql.query("UPDATE auto_topup SET state = 'off'");
        const { rows } = await sql.query(
          `SELECT max(day)::int AS day, max(month)::int AS month, max(late)::int AS late FROM (
             SELECT count(*) OVER (PARTITION BY date_trunc('day', created_at, 'UTC')) AS day,
               count(*) OVER (PARTITION BY date_trunc('month', created_at, 'UTC')) AS month,
               count(*) OVER (ORDER BY created_at RANGE BETWEEN interval '9 minutes 59 seconds' PRECEDING AND CURRENT ROW) AS late
             FROM topup WHERE org_id = $1) x`,
          [account.org],
        );
        const [most] = rows;
        expect(most.day).toBeLessThanOrEqual(perDay);
        expect(most.month).toBeLessThanOrEqual(perDay * days);
        expect(most.late).toBeLessThanOrEqual(3);
        expect(most.day).toBeGreaterThan(0);
      },
    ),
    { numRuns: 8 },
  );
});

/** Stripe charges, and nobody hears of it: neither the answer nor the webhook arrives. */
async function chargeUnheard(account: Buyer): Promise<void> {
  const [{ id } = { id: "" }] = await topups(account);
  const { stripe_customer: customer, payment_method: method } = await stands(account);
  const charge = { topupId: id, customer, method, currency: "usd", amountMinor: 2_500n };
  stripe.control.deliveries.copies = 0;
  await payments.chargeSavedCard({ ...charge, description: "25 USD API credit" });
  stripe.control.deliveries.copies = 1;
}
