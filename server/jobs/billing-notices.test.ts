import { afterAll, beforeAll, expect, test } from "vitest";
import { type Buyer, DOLLAR, type PaymentWorld, startPayments } from "@/e2e/support/payments";
import { LOCALES } from "@/lib/locale";
import { grant, spend } from "@/prisma/sql/testing";

let world: PaymentWorld;
let database: PaymentWorld["database"];
beforeAll(async () => {
  world = await startPayments();
  ({ database } = world);
});
afterAll(() => world.close());

/** With an owner, somebody for billing and a developer, who is told nothing. */
async function team(): Promise<Buyer> {
  const account = await world.buyer();
  const people = [
    ["owner", "zh"],
    ["billing", null],
    ["developer", null],
  ] as const;
  for (const [role, locale] of people) {
    const user = `${account.org}_${role}`;
    await database.pool.query('INSERT INTO "user" (id, email, locale) VALUES ($1, $2, $3)', [
      ...[user, `${user}@example.com`, locale],
    ]);
    const member = "INSERT INTO member (id, org_id, user_id, role) VALUES ($1, $2, $1, $3)";
    await database.pool.query(member, [user, account.org, role]);
  }
  return account;
}

/** What has been mailed to the organisation since the last time, as template and language. */
function heard({ org }: Buyer): string[] {
  const own = world.mails.filter(({ to }) => to.startsWith(org));
  for (const mail of own) world.mails.splice(world.mails.indexOf(mail), 1);
  return own.map(({ template, locale }) => `${template} ${locale}`).toSorted();
}

test("a purchase is told once, with its receipt, to those who manage billing", async () => {
  const account = await team();
  const { id } = await world.bought(account.scope, "10");
  expect(world.mails.find(({ to }) => to.startsWith(account.org))?.data.receipt).toContain("/__stripe/receipt/");
  expect(heard(account)).toEqual(["purchase en", "purchase zh"]);
  // the job that reports it runs again after all mails are out
  await database.pool.query("SELECT graphile_worker.add_job('report_purchase', json_build_object('topup', $1::text))", [
    id,
  ]);
  await world.settle();
  expect(heard(account)).toEqual([]);
});

test("a low balance is told once per crossing, an empty one at once", async () => {
  const account = await team();
  await world.bought(account.scope, "10");
  heard(account);
  const look = () => world.runJob("find_low_balances");
  await look();
  await spend(database.pool, account, 9.5 * DOLLAR);
  for (let n = 0; n < 3; n++) await look();
  expect(world.mails.find(({ to }) => to.includes("billing"))?.data).toMatchObject({ balance: "$0.50" });
  expect(heard(account)).toEqual(["lowBalance en", "lowBalance zh"]);
  await spend(database.pool, account, 0.5 * DOLLAR);
  for (let n = 0; n < 3; n++) await look();
  expect(heard(account)).toEqual(["balanceExhausted en", "balanceExhausted zh"]);
  await grant(database.pool, account.org, { amount: 0.25 * DOLLAR });
  await look();
  await spend(database.pool, account, 0.25 * DOLLAR);
  await look();
  expect(heard(account)).toEqual(["balanceExhausted en", "balanceExhausted zh"]);
});

test("the organisation chooses the amount and who hears of it", async () => {
  const account = await team();
  await world.bought(account.scope, "10");
  heard(account);
  const { setBalanceAlert } = await import("@/lib/billing/mutations");
  const recipients = [`${account.org}_developer`];
  await setBalanceAlert(account.scope, { lowUsd: 8n * BigInt(DOLLAR), recipients });
  await expect(setBalanceAlert(account.scope, { lowUsd: 1n, recipients: ["usr_stranger"] })).rejects.toMatchObject({
    code: "invalid_request",
  });
  await world.runJob("find_low_balances");
  expect(heard(account)).toEqual([]);
  await spend(database.pool, account, 3 * DOLLAR);
  await world.runJob("find_low_balances");
  expect(heard(account)).toEqual(["lowBalance en"]);
});

test("credit given, corrected and refunded is told once per entry", async () => {
  const account = await team();
  const { id } = await world.bought(account.scope, "10");
  await grant(database.pool, account.org, { amount: 2 * DOLLAR, source: "promo" });
  await database.pool.query("SELECT correct_balance($1, $2, $3, 'staff:x', 'made good')", [
    ...[account.org, -1 * DOLLAR, `c_${account.org}`],
  ]);
  const { refundTopup } = await import("@/lib/billing/mutations");
  const { randomUUID } = await import("node:crypto");
  await refundTopup(account.scope, { id, amountUsd: 5n * BigInt(DOLLAR), form: randomUUID() });
  await world.settle();
  heard(account);
  for (let n = 0; n < 3; n++) await world.runJob("find_ledger_entries");
  expect(heard(account)).toEqual(
    ["creditAdded", "creditTaken", "refund"].flatMap((template) => [`${template} en`, `${template} zh`]),
  );
});

test("expiring credit is told 7 days and 1 day before, and not when it was given for hardly longer", async () => {
  const account = await team();
  const day = 24 * 3_600_000;
  const lot = (name: string, givenDays: number, leftDays: number) =>
    database.pool
      .query("ALTER TABLE credit_lot DISABLE TRIGGER ALL")
      .then(() =>
        grant(database.pool, account.org, {
          amount: DOLLAR,
          source: "promo",
          id: `${name}_${account.org}`,
          expiresInMs: leftDays * day,
        }),
      )
      .then(() =>
        database.pool.query("UPDATE credit_lot SET created_at = expires_at - $2 * interval '1 day' WHERE id = $1", [
          ...[`${name}_${account.org}`, givenDays],
        ]),
      );
  await lot("week", 30, 6.5);
  await lot("starter", 7, 6.9);
  await lot("later", 30, 20);
  for (let n = 0; n < 2; n++) await world.runJob("find_expiring_credit");
  expect(heard(account)).toEqual(["creditExpires en", "creditExpires zh"]);
  await database.pool.query(
    "UPDATE credit_lot SET expires_at = expires_at - interval '6 days', created_at = created_at - interval '6 days' WHERE org_id = $1",
    [account.org],
  );
  for (let n = 0; n < 2; n++) await world.runJob("find_expiring_credit");
  // the week's and the starter's last day
  expect(heard(account)).toEqual(["creditExpires en", "creditExpires en", "creditExpires zh", "creditExpires zh"]);
});

test("a key with unusual spend is paused, and those who can resume it are told", async () => {
  const account = await team();
  await world.bought(account.scope, "20");
  heard(account);
  await database.pool.query(
    "UPDATE api_key SET created_at = created_at - interval '2 days', created_by = $2 WHERE id = $1",
    [account.key, `${account.org}_developer`],
  );
  await spend(database.pool, account, 11 * DOLLAR);
  for (let n = 0; n < 2; n++) await world.runJob("pause_unusual_keys");
  await world.settle();
  expect(world.mails.find(({ to }) => to.includes("developer"))?.data).toMatchObject({
    ...{ key: "key", spent: "$11.00", usual: "$0.00" },
    url: expect.stringContaining(`/keys/${account.key}`),
  });
  expect(heard(account)).toEqual(["keyPaused en", "keyPaused en", "keyPaused zh"]);
});

test("every billing mail is in all languages", async () => {
  const { renderMail } = await import("@/lib/notifications/render");
  const templates = [
    "balanceExhausted",
    "refund",
    "refundReturned",
    "creditAdded",
    "creditTaken",
    "creditExpires",
    "keyPaused",
  ] as const;
  const data = { org: "Acme", amount: "$1.00", balance: "$2.00", reason: "why", date: "soon", url: "https://hub.test" };
  const texts = templates.map((template) => LOCALES.map((locale) => renderMail({ template, locale, data }).text));
  for (const own of texts) expect(new Set(own).size).toBe(LOCALES.length);
});
