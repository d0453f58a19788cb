import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { assertHealthy, type TestDatabase, testDatabase } from "@/e2e/support/database";
import { newId } from "@/lib/ids";
import { authorize, checkpoint, createOrg, grant, holdItem, settle, settleItem, type TestOrg, wallet } from "./testing";

// Credit at the edge of its time, by a clock that moves when it is told to.

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
  await database.pool.query("CREATE TABLE test_clock AS SELECT date_trunc('milliseconds', clock_timestamp()) AS at");
  await database.pool.query("GRANT SELECT ON test_clock TO PUBLIC");
  await database.pool.query(
    "CREATE OR REPLACE FUNCTION hub_now() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE AS $$ SELECT at FROM test_clock $$",
  );
});
let start: Date;
beforeEach(async () => {
  start = (
    await database.pool.query("UPDATE test_clock SET at = date_trunc('milliseconds', clock_timestamp()) RETURNING at")
  ).rows[0].at;
});
afterAll(() => database.drop());

/** That many milliseconds after the beginning of the test. */
const at = (ms: number) => database.pool.query("UPDATE test_clock SET at = $1", [new Date(start.getTime() + ms)]);

/** `promo` expires 60 s after the beginning. */
async function org({ promo = 1_000, paid = 0 } = {}): Promise<TestOrg & { lot: string }> {
  const made = await createOrg(database.pool);
  const lot = newId("lot");
  await database.pool.query("SELECT grant_credit($1, $2, 'promo', $3, 'test', 'test', $4, false)", [
    ...[made.org, promo, lot, new Date(start.getTime() + 60_000)],
  ]);
  if (paid > 0) await grant(database.pool, made.org, { amount: paid, source: "paid" });
  return { ...made, lot };
}

const posted = async ({ org }: TestOrg) => (await wallet(database.pool, org)).posted;
const expired = async ({ org }: TestOrg) =>
  Number(
    (
      await database.pool.query(
        "SELECT coalesce(-sum(e.amount), 0) AS total FROM journal j JOIN entry e ON e.journal_id = j.id AND e.account_id = 'customer:' || j.org_id WHERE j.org_id = $1 AND j.kind = 'expiry'",
        [org],
      )
    ).rows[0].total,
  );
const sweep = () => database.pool.query("SELECT expire_credit()");

test("a lot is whole one millisecond before its time and gone at it", async () => {
  const account = await org();
  await at(59_999);
  await sweep();
  const last = holdItem(account, { amount: 400 });
  expect((await authorize(database.pool, [last]))[0]).toMatchObject({ granted: true });
  await settle(database.pool, [settleItem(last, { price: 400 })]);
  expect([await posted(account), await expired(account)]).toEqual([600, 0]);
  await at(60_000);
  const [late] = await authorize(database.pool, [holdItem(account, { amount: 1 })]);
  expect(late).toMatchObject({ granted: false, refused_by: "insufficient_credits" });
  expect([await posted(account), await expired(account)]).toEqual([0, 600]);
  await assertHealthy(database.pool, account.org);
});

test("a hold across the expiry is honoured in full; what it leaves expires once it is closed", async () => {
  const account = await org();
  const held = holdItem(account, { amount: 700 });
  await at(59_999);
  await authorize(database.pool, [held]);
  await at(60_000);
  await sweep();
  expect([await posted(account), await expired(account)]).toEqual([700, 300]);
  // what is held cannot grow out of what has expired
  const progress = { org: held.org, id: held.id, attempt: 1, units: 5, accrued: 5, accrued_cost: 1, usage: {} };
  expect((await checkpoint(database.pool, [{ ...progress, want_amount: 900 }]))[0]).toMatchObject({
    ...{ state: "open", amount: "700", refused_by: "insufficient_credits" },
  });
  await at(90_000);
  await settle(database.pool, [settleItem(held, { price: 450 })]);
  await sweep();
  await sweep();
  expect([await posted(account), await expired(account)]).toEqual([0, 550]);
  await assertHealthy(database.pool, account.org);
});

test("a hold given back after the expiry frees nothing that could be spent", async () => {
  const account = await org({ paid: 200 });
  const held = holdItem(account, { amount: 1_100 });
  await authorize(database.pool, [held]);
  await at(61_000);
  await database.pool.query("SELECT * FROM void_holds($1, 'node', 1)", [[held.id]]);
  const [answer] = await authorize(database.pool, [holdItem(account, { amount: 201 })]);
  expect(answer).toMatchObject({ granted: false, available: "200" });
  expect([await posted(account), await expired(account)]).toEqual([200, 1_000]);
  await assertHealthy(database.pool, account.org);
});

test("credit that comes back to a lot after its expiry expires again", async () => {
  const account = await org();
  const topup = newId("top");
  await database.pool.query(
    `INSERT INTO topup (id, org_id, actor_id, credit_nano, currency, amount_minor, livemode, stripe_customer)
     VALUES ($1, $2, 'usr_1', 50000000, 'usd', 5, false, 'cus_1')`,
    [topup, account.org],
  );
  const look = async (disputes: object[]) => {
    const { rows } = await database.pool.query("SELECT version FROM topup WHERE id = $1", [topup]);
    const payment = {
      ...{
        topup,
        version: rows[0].version,
        intent: `pi_${topup}`,
        customer: "cus_1",
        currency: "usd",
        livemode: false,
      },
      ...{
        subtotal: 5,
        closed: false,
        failure: null,
        receipt_url: null,
        status: "succeeded",
        captured: 5,
        refunds: [],
      },
      disputes,
    };
    await database.pool.query("SELECT * FROM apply_payment($1)", [JSON.stringify(payment)]);
  };
  const dispute = { id: `dp_${topup}`, amount: 5, withdrawn: true, status: "needs_response" };
  await look([]);
  // the promotion pays this call; a part of the purchase, taken by the next one, is then missing to the dispute
  const dear = holdItem(account, { amount: 30_000_000 });
  await authorize(database.pool, [dear]);
  await settle(database.pool, [settleItem(dear, { price: 30_000_000 })]);
  const lot = newId("lot");
  await database.pool.query("SELECT grant_credit($1, 40000000, 'promo', $2, 'test', 'test', $3, false)", [
    ...[account.org, lot, new Date(start.getTime() + 60_000)],
  ]);
  // it takes what is left of the purchase, then of the new promotion
  await look([dispute]);
  expect(await posted(account)).toBe(10_001_000);
  await at(60_000);
  await sweep();
  expect([await posted(account), await expired(account)]).toEqual([0, 10_001_000]);
  // won: what it took of the promotion comes back to that lot, whose time is over
  await look([{ ...dispute, withdrawn: false, status: "won" }]);
  await sweep();
  expect([await posted(account), await expired(account)]).toEqual([20_001_000, 40_000_000]);
  await assertHealthy(database.pool, account.org);
});
