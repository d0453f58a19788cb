import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { assertHealthy, type TestDatabase, testDatabase } from "@/e2e/support/database";
import { newId } from "@/lib/ids";
import { CENT, type Level, paid, paymentsIn, type RefundFact, UNPAID, worth } from "./payment-testing";
import { authorize, checkpoint, createOrg, grant, holdItem, settle, settleItem, spend, wallet } from "./testing";

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.drop());

const { purchase, look, apply, reconcile } = paymentsIn(() => database.pool);

test("a paid top-up becomes one lot, once", async () => {
  const { org } = await createOrg(database.pool);
  const bought = await purchase(org, 2_500);
  expect(await reconcile(bought, UNPAID)).toMatchObject({ outcome: "unchanged", state: "created" });
  expect(await reconcile(bought, { ...UNPAID, status: "processing" })).toMatchObject({ state: "processing" });
  for (let time = 0; time < 5; time++) {
    expect(await reconcile(bought, paid(2_500))).toMatchObject({
      outcome: time ? "unchanged" : "applied",
      state: "paid",
    });
  }
  expect(await wallet(database.pool, org)).toMatchObject({ posted: 2_500 * CENT, status: "active" });
  const { rows } = await database.pool.query("SELECT source, remaining, payment_id FROM credit_lot WHERE org_id = $1", [
    org,
  ]);
  expect(rows).toEqual([{ source: "paid", remaining: String(2_500 * CENT), payment_id: bought.intent }]);
  await assertHealthy(database.pool, org);
});

test("what does not match the row is never credited", async () => {
  const { org } = await createOrg(database.pool);
  const bought = await purchase(org, 2_500);
  const other = await purchase(org, 2_500);
  for (const lie of [
    { customer: "cus_2" },
    { currency: "eur" },
    { subtotal: 250_000 },
    { livemode: true },
    { captured: 100 },
  ]) {
    expect(await apply(bought, paid(2_500), await look(bought), lie)).toMatchObject({ outcome: "mismatch" });
  }
  expect(await reconcile(bought, paid(2_500))).toMatchObject({ outcome: "applied" });
  // one payment, two rows
  expect(await reconcile({ ...other, intent: bought.intent }, paid(2_500))).toMatchObject({ outcome: "mismatch" });
  expect(await apply({ ...bought, topup: "top_none" }, paid(2_500), "0")).toMatchObject({ outcome: "unknown" });
  expect(await wallet(database.pool, org)).toMatchObject({ posted: 2_500 * CENT });
  await assertHealthy(database.pool, org);
});

test("a look that began before another one ended changes nothing", async () => {
  const { org } = await createOrg(database.pool);
  const bought = await purchase(org, 1_000);
  const before = await look(bought);
  await reconcile(bought, paid(1_000, { refunds: [{ id: newId("re"), amount: 1_000, status: "succeeded" }] }));
  expect(await apply(bought, paid(1_000), before)).toMatchObject({ outcome: "stale", state: "refunded" });
  expect(await wallet(database.pool, org)).toMatchObject({ posted: 0 });
});

test("a refund of spent credit makes the balance negative and freezes it; credit cures that", async () => {
  const org = await createOrg(database.pool);
  const bought = await purchase(org.org, 1_000);
  await reconcile(bought, paid(1_000));
  await spend(database.pool, org, 400 * CENT);
  const refund = { id: newId("re"), amount: 1_000, status: "succeeded" };
  await reconcile(bought, paid(1_000, { refunds: [refund] }));
  expect(await wallet(database.pool, org.org)).toMatchObject({
    ...{ posted: -400 * CENT, status: "frozen", freeze_reason: "negative" },
  });
  await assertHealthy(database.pool, org.org);
  const next = await purchase(org.org, 1_000);
  await reconcile(next, paid(1_000));
  expect(await wallet(database.pool, org.org)).toMatchObject({
    posted: 600 * CENT,
    status: "active",
    freeze_reason: null,
  });
  await assertHealthy(database.pool, org.org);
  // the bank sends the refund back
  await reconcile(bought, paid(1_000, { refunds: [{ ...refund, status: "failed" }] }));
  expect(await wallet(database.pool, org.org)).toMatchObject({ posted: 1_600 * CENT, status: "active" });
  await assertHealthy(database.pool, org.org);
});

test("a dispute freezes, whatever is bought, until it is won", async () => {
  const { org } = await createOrg(database.pool);
  const bought = await purchase(org, 1_000);
  const dispute = { id: "dp_1", amount: 1_000, status: "needs_response", withdrawn: false };
  await reconcile(bought, paid(1_000, { disputes: [{ ...dispute, status: "warning_needs_response" }] }));
  expect(await wallet(database.pool, org)).toMatchObject({ posted: 1_000 * CENT, status: "active" });
  await reconcile(bought, paid(1_000, { disputes: [{ ...dispute, withdrawn: true }] }));
  await reconcile(await purchase(org, 500), paid(500));
  expect(await wallet(database.pool, org)).toMatchObject({ posted: 500 * CENT, freeze_reason: "dispute" });
  await reconcile(bought, paid(1_000, { disputes: [{ ...dispute, status: "won" }] }));
  expect(await wallet(database.pool, org)).toMatchObject({ posted: 1_500 * CENT, status: "active" });
  await assertHealthy(database.pool, org);
});

test("a call that runs while credit is disputed or refunded at Stripe is owed, and not free once that is won or paid", async () => {
  const org = await createOrg(database.pool);
  const bought = await purchase(org.org, 1_000);
  await reconcile(bought, paid(1_000));
  const [first, second] = [holdItem(org, { amount: 400 * CENT }), holdItem(org, { amount: 100 * CENT })];
  await authorize(database.pool, [first, second]);
  const dispute = { id: newId("dp"), amount: 1_000, status: "needs_response", withdrawn: true };
  await reconcile(bought, paid(1_000, { disputes: [dispute] }));
  await settle(database.pool, [settleItem(first, { price: 400 * CENT })]);
  expect(await wallet(database.pool, org.org)).toMatchObject({ posted: -400 * CENT, freeze_reason: "dispute" });
  await reconcile(bought, paid(1_000, { disputes: [{ ...dispute, status: "lost" }] }));
  expect(await wallet(database.pool, org.org)).toMatchObject({ posted: 0 });
  await reconcile(bought, paid(1_000, { disputes: [{ ...dispute, status: "won", withdrawn: false }] }));
  expect(await wallet(database.pool, org.org)).toMatchObject({ posted: 600 * CENT, status: "active" });
  await reconcile(bought, paid(1_000, { refunds: [{ id: newId("re"), amount: 1_000, status: "succeeded" }] }));
  // swept below zero; the truth, once the debt is paid, was less
  await checkpoint(database.pool, [
    { org: org.org, id: second.id, attempt: 1, units: 1, accrued: 100 * CENT, accrued_cost: 1, usage: { output: 1 } },
  ]);
  await database.pool.query("UPDATE hold SET expires_at = clock_timestamp() - interval '20 seconds' WHERE id = $1", [
    second.id,
  ]);
  await database.pool.query("SELECT * FROM sweep_holds()");
  expect(await wallet(database.pool, org.org)).toMatchObject({ posted: -500 * CENT, freeze_reason: "negative" });
  await reconcile(await purchase(org.org, 1_000), paid(1_000));
  await database.pool.query("SELECT * FROM late_adjust($1)", [
    JSON.stringify([settleItem(second, { price: 60 * CENT })]),
  ]);
  expect(await wallet(database.pool, org.org)).toMatchObject({ posted: 540 * CENT, status: "active" });
  await assertHealthy(database.pool, org.org);
});

test("a person's freeze changes nothing of what is owed", async () => {
  const org = await createOrg(database.pool);
  const bought = await purchase(org.org, 1_000);
  await reconcile(bought, paid(1_000));
  const item = holdItem(org, { amount: 400 * CENT });
  await authorize(database.pool, [item]);
  await database.pool.query("SELECT freeze_wallet($1, 'admin')", [org.org]);
  const dispute = { id: newId("dp"), amount: 1_000, status: "needs_response", withdrawn: true };
  await reconcile(bought, paid(1_000, { disputes: [dispute] }));
  await settle(database.pool, [settleItem(item, { price: 400 * CENT })]);
  await reconcile(bought, paid(1_000, { disputes: [{ ...dispute, status: "won", withdrawn: false }] }));
  expect(await wallet(database.pool, org.org)).toMatchObject({ posted: 600 * CENT, freeze_reason: "admin" });
  await assertHealthy(database.pool, org.org);
});

test("a freeze for a dispute is lifted by a person once it is lost, and stays lifted", async () => {
  const { org } = await createOrg(database.pool);
  const bought = await purchase(org, 1_000);
  const disputed = (status: string) =>
    paid(1_000, { disputes: [{ id: `dp_${org}`, amount: 1_000, status, withdrawn: true }] });
  await reconcile(bought, disputed("needs_response"));
  const lift = () => database.pool.query("SELECT freeze_wallet($1, NULL)", [org]);
  await expect(lift()).rejects.toMatchObject({ code: "55006" });
  await reconcile(bought, disputed("lost"));
  expect(await wallet(database.pool, org)).toMatchObject({ posted: 0, freeze_reason: "dispute" });
  await lift();
  await reconcile(bought, disputed("lost"));
  expect(await wallet(database.pool, org)).toMatchObject({ status: "active", freeze_reason: null });
  await assertHealthy(database.pool, org);
});

test("a person's freeze outlives payments", async () => {
  const { org } = await createOrg(database.pool);
  await database.pool.query("SELECT freeze_wallet($1, 'admin')", [org]);
  await reconcile(await purchase(org, 500), paid(500));
  expect(await wallet(database.pool, org)).toMatchObject({ posted: 500 * CENT, freeze_reason: "admin" });
});

test("a requested refund counts before Stripe has heard of it, and is recognised afterwards", async () => {
  const { org } = await createOrg(database.pool);
  const bought = await purchase(org, 1_000);
  await reconcile(bought, paid(1_000));
  const row = newId("rfd");
  await database.pool.query("INSERT INTO refund (id, topup_id, credit_nano) VALUES ($1, $2, $3)", [
    ...[row, bought.topup, 300 * CENT],
  ]);
  await reconcile(bought, paid(1_000));
  expect(await wallet(database.pool, org)).toMatchObject({ posted: 700 * CENT });
  const refund = { id: newId("re"), row, amount: 300, status: "succeeded" };
  expect(await reconcile(bought, paid(1_000, { refunds: [refund] }))).toMatchObject({ outcome: "unchanged" });
  expect(await wallet(database.pool, org)).toMatchObject({ posted: 700 * CENT });
  await assertHealthy(database.pool, org);
});

test("what was bought cannot be edited, not even by the owner", async () => {
  const { org } = await createOrg(database.pool);
  const { topup } = await purchase(org, 1_000);
  await expect(database.pool.query("UPDATE topup SET credit_nano = 1 WHERE id = $1", [topup])).rejects.toThrow(
    "append-only",
  );
  await expect(database.pool.query("DELETE FROM topup WHERE id = $1", [topup])).rejects.toThrow("refused");
  await expect(database.pool.query("TRUNCATE topup CASCADE")).rejects.toThrow("refused");
});

test("the view sees credit that no payment backs, and credit given twice", async () => {
  const { org } = await createOrg(database.pool);
  const bought = await purchase(org, 1_000);
  await reconcile(bought, paid(1_000));
  const client = await database.pool.connect();
  const seen = async () =>
    (await client.query("SELECT DISTINCT rule FROM violations WHERE org_id = $1 ORDER BY 1", [org])).rows.map(
      (r) => r.rule,
    );
  const journal = async (ref: string) => {
    const { rows } = await client.query(
      "INSERT INTO journal (org_id, kind, ref, at) VALUES ($1, 'topup', $2, hub_now()) RETURNING id",
      [org, ref],
    );
    const values = [rows[0].id, `customer:${org}`];
    await client.query(
      "INSERT INTO entry (journal_id, account_id, amount) VALUES ($1, $2, 5), ($1, 'bank', -5)",
      values,
    );
  };
  try {
    await client.query("BEGIN");
    await journal(`pi:${bought.intent}:9`);
    expect(await seen()).toEqual(["I1", "I12", "I15"]);
    await client.query("ROLLBACK; BEGIN");
    await journal("pi:pi_nobody:1");
    expect(await seen()).toEqual(["I1", "I12"]);
    await client.query("ROLLBACK; BEGIN; SET LOCAL session_replication_role = replica");
    await client.query("UPDATE topup SET refunded_nano = 7 WHERE id = $1", [bought.topup]);
    expect(await seen()).toEqual(["I12"]);
  } finally {
    await client.query("ROLLBACK");
    client.release();
  }
});

const history = fc.record({
  cents: fc.integer({ min: 500, max: 100_000 }),
  pays: fc.boolean(),
  refunds: fc.array(fc.record({ part: fc.integer({ min: 1, max: 60 }), fails: fc.boolean() }), { maxLength: 3 }),
  dispute: fc.constantFrom("none", "won", "lost", "open"),
});
type History = typeof history extends fc.Arbitrary<infer T> ? T : never;

/** The levels a payment goes through at Stripe, oldest first. */
function levelsOf({ cents, pays, refunds, dispute }: History): Level[] {
  if (!pays) return [UNPAID, { ...UNPAID, closed: true }];
  const levels: Level[] = [UNPAID, { ...UNPAID, status: "processing" }, paid(cents)];
  const facts: RefundFact[] = [];
  const id = newId("re");
  refunds.forEach(({ part, fails }, index) => {
    facts.push({ id: `${id}_${index}`, amount: Math.max(1, Math.floor((cents * part) / 100)), status: "pending" });
    levels.push(paid(cents, { refunds: facts.map((fact) => ({ ...fact })) }));
    (facts[index] as RefundFact).status = fails ? "failed" : "succeeded";
    levels.push(paid(cents, { refunds: facts.map((fact) => ({ ...fact })) }));
  });
  const disputed = (status: string, withdrawn: boolean) =>
    paid(cents, { refunds: facts, disputes: [{ id: `dp_${id}`, amount: cents, status, withdrawn }] });
  if (dispute !== "none") levels.push(disputed("needs_response", true));
  if (dispute === "won") levels.push(disputed("won", false));
  if (dispute === "lost") levels.push(disputed("lost", true));
  return levels;
}

test("any deliveries, in any order and number, end at Stripe's truth; so do none", { timeout: 60_000 }, async () => {
  const deliveries = fc.array(
    fc.record({ payment: fc.nat(), advance: fc.boolean(), copies: fc.integer({ min: 1, max: 4 }) }),
    {
      maxLength: 24,
    },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(history, { minLength: 1, maxLength: 4 }),
      deliveries,
      fc.nat(3),
      fc.boolean(),
      async (histories, hints, spends, promo) => {
        const org = await createOrg(database.pool);
        if (promo) await grant(database.pool, org.org, { amount: 700 * CENT, source: "promo", restricted: true });
        const payments = await Promise.all(
          histories.map(async (h) => ({ bought: await purchase(org.org, h.cents), levels: levelsOf(h), now: 0 })),
        );
        let spent = 0;
        for (const [turn, hint] of hints.entries()) {
          const payment = payments[hint.payment % payments.length] as (typeof payments)[number];
          // the world moves on by itself; the hint only makes us look
          if (hint.advance) payment.now = Math.min(payment.now + 1, payment.levels.length - 1);
          const level = payment.levels[payment.now] as Level;
          await Promise.all(Array.from({ length: hint.copies }, async () => reconcile(payment.bought, level)));
          if (turn % 5 === spends) {
            const { posted, status } = await wallet(database.pool, org.org);
            const price = Math.floor(posted / 3);
            if (status === "active" && price > 0) {
              // starter credit alone pays once a second
              await database.pool.query("UPDATE wallet SET starter_at = NULL WHERE org_id = $1", [org.org]);
              await spend(database.pool, org, price);
              spent += price;
            }
          }
          await assertHealthy(database.pool, org.org);
        }
        // the sweep looks at everything once, without any hint
        for (const { bought, levels } of payments) await reconcile(bought, levels.at(-1) as Level);
        const truth = payments.reduce((sum, { bought, levels }) => sum + worth(bought, levels.at(-1) as Level), 0);
        const { posted, status, freeze_reason } = await wallet(database.pool, org.org);
        const { rows } = await database.pool.query(
          "SELECT sum(written_off_nano)::bigint AS loss FROM topup WHERE org_id = $1",
          [org.org],
        );
        expect(posted).toBe(truth + (promo ? 700 * CENT : 0) - spent + Number(rows[0].loss));
        const disputed = histories.some(({ pays, dispute }) => pays && (dispute === "open" || dispute === "lost"));
        expect({ status, freeze_reason }).toEqual(
          disputed
            ? { status: "frozen", freeze_reason: "dispute" }
            : posted < 0
              ? { status: "frozen", freeze_reason: "negative" }
              : { status: "active", freeze_reason: null },
        );
        await assertHealthy(database.pool, org.org);
      },
    ),
    { numRuns: 30 },
  );
});
