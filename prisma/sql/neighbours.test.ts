import fs from "node:fs";
import path from "node:path";
import type pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { assertHealthy, type TestDatabase, testDatabase } from "@/e2e/support/database";
import { newId } from "@/lib/ids";
import { CENT, paid, paymentsIn, UNPAID } from "./payment-testing";
import {
  authorize,
  checkpoint,
  createOrg,
  grant,
  holdItem,
  settle,
  settleItem,
  spend,
  type TestOrg,
  wallet,
} from "./testing";

// An organisation goes through everything the money functions do while a richer one beside it rests. Under `npm run prove` each
// predicate on an organisation is taken away in turn, and this must notice.

const MUTATE = Boolean(process.env.MUTATE);
const FILES = [
  "authorize",
  "checkpoint",
  "settle",
  "late_adjust",
  "holds",
  "credits",
  "payments",
  "refunds",
  "limits",
  "reads",
  "auto_topup",
];

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.drop());

const LIMITS = { day: 900_000 * CENT, total: 900_000 * CENT, rpm: 500, tpm: 900_000, maxConcurrency: 50 };

async function limit(sql: pg.Pool, org: TestOrg, scope: "key" | "org", limits: object): Promise<void> {
  const id = scope === "key" ? org.key : org.org;
  await sql.query("SELECT set_limits($1, $2, $3, $4)", [org.org, scope, id, JSON.stringify(limits)]);
}

/** Purchases, promotional and restricted credit, something spent, a hold that runs. */
async function rich(sql: pg.Pool, cents: number) {
  const { purchase, reconcile } = paymentsIn(() => sql);
  const org = await createOrg(sql);
  const bought = await purchase(org.org, cents);
  await reconcile(bought, paid(cents));
  await grant(sql, org.org, { amount: 7 * CENT, source: "promo", restricted: true, expiresInMs: 86_400_000 });
  await limit(sql, org, "key", LIMITS);
  await limit(sql, org, "org", LIMITS);
  await spend(sql, org, 50 * CENT);
  const open = holdItem(org, { amount: 20 * CENT });
  await authorize(sql, [open]);
  return { ...org, bought, open, reconcile };
}

/** Switches automatic top-ups on, with a page on which another card is being saved. */
async function wish(sql: pg.Pool, org: string, threshold: number): Promise<void> {
  await sql.query(
    `INSERT INTO auto_topup (org_id, state, threshold_nano, amount_nano, daily_cap_nano, monthly_cap_nano, actor_id, livemode, stripe_customer, payment_method, setup_session)
     VALUES ($1, 'on', $2, $3, $3, $3, 'usr_1', false, 'cus_1', 'pm_1', 'cs_1')`,
    [org, threshold, 10 * CENT],
  );
}

/** Everything of an organisation that money functions write. */
async function fingerprint(sql: pg.Pool, org: string): Promise<unknown> {
  const tables = [
    "wallet",
    "hold",
    "credit_lot",
    "lot_draw",
    "limit_state",
    "limit_slot",
    "topup",
    "auto_topup",
    "journal",
    "usage_event",
    "usage_rollup",
    "idempotency",
  ];
  const rows = await Promise.all(
    tables.map(
      async (table) =>
        (await sql.query(`SELECT to_jsonb(x) AS row FROM ${table} x WHERE org_id = $1 ORDER BY x::text`, [org])).rows,
    ),
  );
  return Object.fromEntries(tables.map((table, n) => [table, rows[n]]));
}

const late = (sql: pg.Pool, item: object) => sql.query("SELECT * FROM late_adjust($1)", [JSON.stringify([item])]);

async function life(sql: pg.Pool): Promise<void> {
  // the first wallet of the table is of another mode: what forgets to ask whose wallet it reads takes that one
  const showback = await createOrg(sql, { floor: null });
  const cut = holdItem(showback, { amount: 9 });
  await authorize(sql, [cut]);
  await settle(sql, [settleItem(cut, { price: 9, finish_reason: "shutdown" })]);
  const rest = await rich(sql, 50_000);
  const due = newId("lot");
  await grant(sql, rest.org, { amount: 3 * CENT, source: "promo", restricted: true, id: due, expiresInMs: 60_000 });
  await sql.query("UPDATE credit_lot SET expires_at = clock_timestamp() - interval '1 s' WHERE id = $1", [due]);
  await sql.query("UPDATE wallet SET next_expiry_at = NULL WHERE org_id = $1", [rest.org]);
  const lost = await rich(sql, 2_000);
  const gone = { id: newId("dp"), amount: 100, status: "lost", withdrawn: true };
  await lost.reconcile(lost.bought, paid(2_000, { disputes: [gone] }));
  const disputed = await rich(sql, 3_000);
  await disputed.reconcile(
    disputed.bought,
    paid(3_000, { disputes: [{ ...gone, id: newId("dp"), status: "needs_response" }] }),
  );
  const stopped = await createOrg(sql, { credit: 5 });
  await limit(sql, stopped, "key", { day: 5 });
  await sql.query("SELECT freeze_wallet($1, 'dispute')", [stopped.org]);
  const others = [showback, rest, lost, disputed, stopped];
  for (const { org } of others) await wish(sql, org, org === rest.org ? 2_000 * CENT : 1);
  await sql.query(
    `INSERT INTO topup (id, org_id, actor_id, credit_nano, currency, amount_minor, livemode, stripe_customer, payment_method)
     VALUES ($1, $2, 'usr_1', $3, 'usd', 10, false, 'cus_1', 'pm_1')`,
    [newId("top"), lost.org, 10 * CENT],
  );
  await sql.query("UPDATE auto_topup SET failures = 2 WHERE org_id = $1", [rest.org]);
  const before = await Promise.all(others.map(({ org }) => fingerprint(sql, org)));
  const own = await rich(sql, 1_000);
  await plantTwins(sql, own, rest);
  const is = async (posted: number, held: number, more: object = {}) =>
    expect(await wallet(sql, own.org)).toMatchObject({
      posted: posted * CENT,
      held: held * CENT,
      status: "active",
      ...more,
    });
  const budget = async () =>
    (
      await sql.query("SELECT scope, period, spent, held, inflight FROM limit_state WHERE org_id = $1 ORDER BY 1, 2", [
        own.org,
      ])
    ).rows;
  await is(957, 20);

  // what belongs to the neighbour is not there
  const theirs = { org: own.org, id: rest.open.id };
  const progress = { attempt: 1, units: 5, accrued: 5 * CENT, accrued_cost: 1, usage: { output: 5 } };
  expect((await settle(sql, [settleItem(theirs)]))[0]).toMatchObject({ applied: false });
  expect((await checkpoint(sql, [{ ...theirs, ...progress, want_amount: 30 * CENT }]))[0]).toMatchObject({
    state: "missing",
  });
  expect((await authorize(sql, [{ ...holdItem(own), id: rest.open.id }]))[0]).toMatchObject({
    granted: false,
    refused_by: "idempotency_mismatch",
  });
  expect((await authorize(sql, [holdItem(own, { key: rest.key })]))[0]).toMatchObject({ refused_by: "key_revoked" });
  expect((await late(sql, settleItem(theirs))).rows[0]).toMatchObject({ applied: false });
  for (const read of ["find_usage", "find_receipt"])
    expect(
      (await sql.query(`SELECT x FROM ${read}($1, $2) x WHERE x IS NOT NULL`, [own.org, own.open.id])).rows,
    ).toEqual([]);

  // holding, extending, settling, giving up, sweeping, the truth afterwards
  expect(
    (await checkpoint(sql, [{ org: own.org, id: own.open.id, ...progress, want_amount: 30 * CENT }]))[0],
  ).toMatchObject({ amount: String(30 * CENT) });
  await is(957, 30);
  await checkpoint(sql, [{ org: own.org, id: own.open.id, ...progress, want_amount: 9_000 * CENT }]);
  await is(957, 957);
  await settle(sql, [settleItem(own.open, { price: 10 * CENT })]);
  await is(947, 0);
  const foreign = await sql.query("SELECT x FROM find_usage($1, $2) x", [rest.org, own.open.id]);
  expect([
    foreign.rows,
    (await sql.query("SELECT find_receipt($1, $2) AS x", [rest.org, own.open.id])).rows[0].x,
  ]).toEqual([[], null]);
  await grant(sql, own.org, { amount: 4 * CENT, source: "promo", restricted: true, expiresInMs: 86_400_000 });
  const idempotency = { path: "/p", key: newId("idk"), hash: "h" };
  const [given, swept] = [holdItem(own, { amount: 40 * CENT }), holdItem(own, { amount: 40 * CENT })];
  await authorize(sql, [given, { ...swept, idempotency } as typeof swept]);
  await is(951, 80);
  await settle(sql, [settleItem({ org: rest.org, id: swept.id }, { idempotency: { ...idempotency, state: "done" } })]);
  expect((await sql.query("SELECT state FROM idempotency WHERE org_id = $1", [own.org])).rows).toEqual([
    { state: "running" },
  ]);
  await sql.query("SELECT * FROM void_holds($1, 'node', 1)", [[given.id]]);
  await checkpoint(sql, [{ org: own.org, id: swept.id, ...progress }]);
  await sql.query("UPDATE hold SET expires_at = clock_timestamp() - interval '20 s' WHERE id = $1", [swept.id]);
  await sql.query("SELECT * FROM sweep_holds()");
  await is(946, 0, { restricted: 0 });
  await sql.query("SELECT compensate_shutdowns()");
  await late(sql, settleItem({ org: rest.org, id: swept.id }, { price: 1 }));
  await sql.query(
    `WITH made AS (INSERT INTO journal (org_id, kind, ref, at, reason) VALUES ($1, 'mode', $1, hub_now(), 'to service') RETURNING id)
     INSERT INTO entry (journal_id, account_id, amount) SELECT id, a.account, a.amount FROM made, (VALUES ('revenue', 1), ('bad_debt', -1)) a(account, amount)`,
    [newId("org")],
  );
  await late(sql, settleItem(swept, { price: 2 * CENT }));
  await is(949, 0, { restricted: 2 * CENT });
  const spent = { spent: String(62 * CENT), held: "0", inflight: 0 };
  expect(await budget()).toEqual(
    ["key", "org"].flatMap((scope) =>
      ["day", "rate", "total"].map((period) => ({
        ...{ scope, period },
        ...spent,
        ...(period === "rate" && { spent: "0" }),
      })),
    ),
  );

  // credit of every kind
  await sql.query("SELECT * FROM correct_balance($1, $2, $3, 'test', 'test')", [own.org, -5 * CENT, newId("jrn")]);
  await is(944, 0, { restricted: 0 });
  const expiring = newId("lot");
  await grant(sql, own.org, {
    amount: 30 * CENT,
    source: "promo",
    id: expiring,
    expiresInMs: 60_000,
    restricted: true,
  });
  await is(974, 0, { restricted: 30 * CENT });
  await sql.query("UPDATE credit_lot SET expires_at = clock_timestamp() - interval '1 s' WHERE id = $1", [expiring]);
  await sql.query("UPDATE wallet SET next_expiry_at = clock_timestamp() - interval '1 s' WHERE org_id = $1", [own.org]);
  await sql.query("SELECT expire_credit()");
  await is(944, 0, { restricted: 0 });
  expect((await sql.query("SELECT next_expiry_at FROM wallet WHERE org_id = $1", [own.org])).rows).toEqual([
    { next_expiry_at: null },
  ]);
  expect((await sql.query("SELECT freeze_wallet($1, 'fraud') AS status", [own.org])).rows).toEqual([
    { status: "frozen" },
  ]);
  await sql.query("SELECT freeze_wallet($1, NULL)", [own.org]);
  await is(944, 0);

  // new limits know what is spent and held; removing one removes one
  const running = holdItem(own, { amount: 15 * CENT });
  await authorize(sql, [running]);
  await limit(sql, own, "key", { week: LIMITS.day, rpm: null, tpm: null, maxConcurrency: null, day: null });
  await limit(sql, own, "key", { maxConcurrency: 3 });
  expect((await budget()).filter(({ scope }) => scope === "key")).toEqual([
    { scope: "key", period: "rate", spent: "0", held: "0", inflight: 1 },
    { scope: "key", period: "total", spent: String(62 * CENT), held: String(15 * CENT), inflight: 0 },
    { scope: "key", period: "week", spent: String(62 * CENT), held: String(15 * CENT), inflight: 0 },
  ]);

  // an automatic top-up that is paid, one that is declined, and another card
  const { apply } = paymentsIn(() => sql);
  const payer = await createOrg(sql);
  await wish(sql, payer.org, CENT);
  const [charged] = (await sql.query("SELECT b AS id FROM begin_auto_topups(false) b")).rows;
  await apply({ topup: charged.id, intent: `pi_${charged.id}`, cents: 10, org: payer.org }, paid(10), "0");
  expect(await wallet(sql, payer.org)).toMatchObject({ posted: 10 * CENT });
  await wish(sql, own.org, 1_000 * CENT);
  const may = async (...orgs: string[]) =>
    (
      await sql.query(
        "SELECT auto_topup_is_due(o) AS due, auto_topup_may_charge(o) AS charge FROM unnest($1::text[]) WITH ORDINALITY x(o, n) ORDER BY n",
        [orgs],
      )
    ).rows;
  expect(await may(own.org, rest.org, disputed.org, newId("org"))).toEqual([
    { due: true, charge: true },
    { due: false, charge: true },
    ...[1, 2].map(() => ({ due: false, charge: false })),
  ]);
  const begun = (await sql.query("SELECT b AS id FROM begin_auto_topups(false) b")).rows;
  expect(begun).toEqual([{ id: expect.stringMatching(/^top_[a-z0-9]{26}$/) }]);
  expect((await sql.query("SELECT * FROM begin_auto_topups(false)")).rows).toEqual([]);
  const automatic = { topup: begun[0].id, intent: `pi_${begun[0].id}`, cents: 10, org: own.org };
  await apply(automatic, { ...UNPAID, status: "canceled" }, "0");
  const wished = async () =>
    (await sql.query("SELECT state, reason, failures, card FROM auto_topup WHERE org_id = $1", [own.org])).rows[0];
  expect(await wished()).toEqual({ state: "on", reason: null, failures: 1, card: null });
  const save = "SELECT save_auto_topup_card($1, $2, 'pm_2', 'visa 1') AS saved";
  expect((await sql.query(save, [own.org, "cs_other"])).rows).toEqual([{ saved: false }]);
  expect((await sql.query(save, [own.org, "cs_1"])).rows).toEqual([{ saved: true }]);
  expect(await wished()).toEqual({ state: "on", reason: null, failures: 0, card: "visa 1" });

  // refunds, a dispute, the debt it leaves
  const refundable = async () =>
    Number((await sql.query("SELECT refundable($1) AS nano", [own.bought.topup])).rows[0].nano) / CENT;
  expect(await refundable()).toBe(929);
  await sql.query("SELECT request_refund($1, $2, $3, false, 'u', 'r')", [newId("rfd"), own.bought.topup, 900 * CENT]);
  await is(44, 15);
  const dispute = { id: newId("dp"), amount: 100, status: "needs_response", withdrawn: true };
  const sent = { id: newId("re"), amount: 900, status: "succeeded" };
  await sql.query("UPDATE refund SET stripe_refund = $1 WHERE topup_id = $2", [sent.id, own.bought.topup]);
  await own.reconcile(own.bought, paid(1_000, { refunds: [sent], disputes: [dispute] }));
  await is(-56, 15, { status: "frozen", freeze_reason: "dispute" });
  expect(await wished()).toMatchObject({ state: "disabled", reason: "dispute" });
  await settle(sql, [settleItem(running, { price: 15 * CENT })]);
  await own.reconcile(own.bought, paid(1_000, { refunds: [sent], disputes: [{ ...dispute, status: "lost" }] }));
  await is(0, 0, { status: "frozen", freeze_reason: "dispute" });
  await own.reconcile(
    own.bought,
    paid(1_000, { refunds: [sent], disputes: [{ ...dispute, status: "won", withdrawn: false }] }),
  );
  await is(29, 0);
  const more = { id: newId("re"), amount: 100, status: "succeeded" };
  await own.reconcile(own.bought, paid(1_000, { refunds: [sent, more] }));
  await is(-71, 0, { status: "frozen", freeze_reason: "negative" });
  await sql.query("SELECT * FROM write_off($1, $2, $3, 'test', 'test')", [own.org, 71 * CENT, newId("jrn")]);
  await is(0, 0);
  await sql.query("SELECT heed_fraud_warning($1)", [own.bought.topup]);
  await is(0, 0, { status: "frozen", freeze_reason: "fraud" });

  await sql.query("SELECT change_default_cap(NULL, 5)");
  expect((await budget()).find(({ scope, period }) => scope === "key" && period === "day")).toMatchObject({
    spent: String(77 * CENT),
    held: "0",
  });

  await pullTwins(sql, own, rest);
  expect(await Promise.all(others.map(({ org }) => fingerprint(sql, org)))).toEqual(before);
  const orgs = [own, ...others].map(({ org }) => org);
  expect((await sql.query("SELECT * FROM violations WHERE org_id = ANY ($1)", [orgs])).rows).toEqual([]);
  for (const { open } of [rest, lost, disputed]) await settle(sql, [settleItem(open, { price: 0 })]);
}

/** Rows of `rest` that name things of `own`: ids of two organisations never meet, so only such rows tell whether somebody asks whose they are. */
async function plantTwins(sql: pg.Pool, own: TestOrg, rest: TestOrg): Promise<void> {
  for (const id of [own.key, own.org]) {
    const scope = id === own.key ? "key" : "org";
    await sql.query(
      `INSERT INTO limit_state (org_id, scope, scope_id, period, budget, period_start, rpm, tpm, max_concurrency)
       SELECT $1, $2, $3, p.period, CASE WHEN p.period <> 'rate' THEN 1 END, period_begin(p.period, hub_now()), 1, 1, 1
       FROM unnest('{rate,day,week,total}'::text[]) p(period)`,
      [rest.org, scope, id],
    );
    await sql.query(
      `INSERT INTO limit_slot (org_id, scope, scope_id, slot, sec, calls, tokens)
       SELECT $1, $2, $3, sec % 64, sec, 600, 900000 FROM (SELECT floor(extract(epoch FROM hub_now()))::bigint + n AS sec FROM generate_series(0, 20) n) s`,
      [rest.org, scope, id],
    );
  }
  await sql.query(
    `INSERT INTO hold SELECT (jsonb_populate_record(h, jsonb_build_object('id', 'twin_' || h.id, 'key_id', $2::text))).* FROM hold h
     WHERE h.org_id = $1 AND h.state = 'open'`,
    [rest.org, own.key],
  );
  await sql.query(
    `INSERT INTO usage_rollup SELECT (jsonb_populate_record(r, jsonb_build_object('node', 'twin', 'key_id', $2::text))).* FROM usage_rollup r WHERE r.org_id = $1`,
    [rest.org, own.key],
  );
}

/** Throws where one was touched. */
async function pullTwins(sql: pg.Pool, own: TestOrg, rest: TestOrg): Promise<void> {
  const limits = await sql.query(
    "DELETE FROM limit_state WHERE org_id = $1 AND scope_id = ANY ($2) AND spent = 0 AND held = 0 AND inflight = 0",
    [rest.org, [own.key, own.org]],
  );
  const slots = await sql.query(
    "DELETE FROM limit_slot WHERE org_id = $1 AND scope_id = ANY ($2) AND calls = 600 AND tokens = 900000",
    [rest.org, [own.key, own.org]],
  );
  expect([limits.rowCount, slots.rowCount]).toEqual([8, 42]);
  await sql.query("DELETE FROM hold WHERE org_id = $1 AND id LIKE 'twin\\_%'", [rest.org]);
  await sql.query("DELETE FROM usage_rollup WHERE org_id = $1 AND node = 'twin'", [rest.org]);
}

test("whatever one organisation does, the one beside it stays as it is", async () => {
  await life(database.pool);
  await assertHealthy(database.pool);
});

type Mutant = { name: string; text: string };

/** Where a second predicate, or an id that no two organisations share, says the same; and locks of more than is needed. By the text beside it. */
const REDUNDANT = [
  "SELECT * FROM limit_state x WHERE x.org_id = k.org", // grants look at the organisation of each row again
  "SELECT FROM limit_state s WHERE s.org_id = l.org", // whether to look at limits at all
  "SELECT FROM limit_state l WHERE l.org_id = o.org",
  "ON k.id = wish.key_id AND k.org_id = w.org_id",
  "WHERE e.org_id = return_lots.org AND e.id",
  "SELECT a.org_id FROM auto_topup a JOIN wallet w ON w.org_id = a.org_id", // each is judged again under its lock
  "c.org_id = t.org_id AND c.payment_id = t.stripe_pi",
  "PERFORM FROM wallet",
  "EXISTS (SELECT FROM wallet w WHERE w.org_id = x.org_id)",
  "e.org_id = find_usage.org",
  "request_id = e.id AND t.org_id = e.org_id",
  "'adj_' || e.id AND x.org_id = e.org_id",
];

function mutants(): Mutant[] {
  return FILES.flatMap((file) => {
    const original = fs.readFileSync(path.join(import.meta.dirname, `${file}.sql`), "utf8");
    const code = original.replace(/--[^\n]*/g, (comment) => " ".repeat(comment.length));
    return [...code.matchAll(/(?<![\w.(])(?:\w+\.)?org_id (=|<>) (?!ALL|ANY)[\w.]+/g)].flatMap((match) => {
      const line = code.slice(0, match.index).split("\n").length;
      const text = code.split("\n")[line - 1] ?? "";
      if (REDUNDANT.some((known) => text.includes(known))) return [];
      const truth = match[1] === "=" ? "true" : "false";
      return {
        name: `${file}.sql:${line} ${match[0]}`,
        text: original.slice(0, match.index) + truth + original.slice(match.index + match[0].length),
      };
    });
  });
}

if (MUTATE)
  test("and of its predicates on an organisation, 95 of 100 are missed", async () => {
    const survivors: string[] = [];
    const all = mutants();
    for (const { name, text } of all) {
      const own = await testDatabase();
      try {
        await own.pool.query(text);
        await life(own.pool);
        survivors.push(name);
      } catch {
        // noticed
      } finally {
        await own.drop();
      }
    }
    console.log(`${all.length - survivors.length} of ${all.length} noticed; not: ${survivors.join(" · ")}`);
    expect(survivors.length / all.length).toBeLessThanOrEqual(0.05);
  }, 1_800_000);
