import fs from "node:fs";
import path from "node:path";
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type TestDatabase, testDatabase } from "@/e2e/support/database";
import { newId } from "@/lib/ids";
import { authorize, checkpoint, createOrg, grant, holdItem, settle, settleItem, wallet } from "./testing";

// Every guard of the wallet is taken away in turn: the scenario that needs it must then fail, or nobody would notice its loss.

type Scenario = (sql: pg.Pool) => Promise<void>;
type Mutant = { guard: string; file: string; without: [find: string, replace: string][]; scenario: Scenario };

/** Other scenarios leave holds to sweep as well. */
const sweepOf = "SELECT * FROM sweep_holds() WHERE id = $1";
const late = "SELECT * FROM late_adjust($1)";

/** Resolves once a statement of another connection that holds `text` waits for a lock. */
async function waits(sql: pg.Pool, text: string): Promise<void> {
  const waiting = `SELECT count(*)::int AS n FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE $1 AND pid <> pg_backend_pid()`;
  await expect
    .poll(async () => (await sql.query(waiting, [`%${text}%`])).rows[0].n, { timeout: 10_000, interval: 20 })
    .toBe(1);
}

/** Runs `work` while another transaction has the wallet. */
async function whileLocked(sql: pg.Pool, org: string, work: (holder: pg.PoolClient) => Promise<void>): Promise<void> {
  const holder = await sql.connect();
  try {
    await holder.query("BEGIN");
    await holder.query("SELECT FROM wallet WHERE org_id = $1 FOR NO KEY UPDATE", [org]);
    await work(holder);
  } finally {
    await holder.query("ROLLBACK");
    holder.release();
  }
}

async function held(sql: pg.Pool, { credit = 10_000, epoch = 1, node = "node" } = {}) {
  const org = await createOrg(sql, { credit });
  const item = holdItem(org);
  await authorize(sql, [item], { node, epoch });
  return { org: org.org, item };
}

const expire = (sql: pg.Pool, id: string) =>
  sql.query("UPDATE hold SET expires_at = clock_timestamp() - interval '20 s' WHERE id = $1", [id]);

const scenarios = {
  async twoOfThreeFit(sql) {
    const org = await createOrg(sql, { credit: 1_000 });
    const items = [800, 500, 200].map((amount) => holdItem(org, { amount }));
    expect((await authorize(sql, items)).map(({ granted }) => granted)).toEqual([true, false, true]);
  },
  async whatFitsIsGranted(sql) {
    const org = await createOrg(sql, { credit: 1_000 });
    const [answer] = await authorize(sql, [holdItem(org, { amount: 5_000, min_amount: 300 })]);
    expect(answer).toMatchObject({ granted: true, amount: "1000" });
  },
  async budgetsBind(sql) {
    const org = await createOrg(sql, { credit: 10_000 });
    await sql.query("SELECT set_limits($1, 'key', $2, '{\"day\": 1500}')", [org.org, org.key]);
    const items = [holdItem(org), holdItem(org)];
    expect((await authorize(sql, items)).map(({ refused_by }) => refused_by)).toEqual([null, "budget"]);
  },
  /** One batch in which everything fits decides at once, one in which not everything fits item by item. */
  async ratesBind(sql) {
    for (const [limits, rule] of [
      [{ maxConcurrency: 1 }, "concurrency"],
      [{ rpm: 1 }, "rpm"],
      [{ tpm: 15 }, "tpm"],
    ] as const) {
      const org = await createOrg(sql, { credit: 10_000 });
      await sql.query("SELECT set_limits($1, 'key', $2, $3)", [org.org, org.key, JSON.stringify(limits)]);
      const answers = await authorize(sql, [holdItem(org), holdItem(org)]);
      expect(answers.map(({ refused_by }) => refused_by)).toEqual([null, rule]);
    }
  },
  async keysOfOthersAreNone(sql) {
    const [mine, theirs] = [await createOrg(sql, { credit: 5_000 }), await createOrg(sql, { credit: 5_000 })];
    expect((await authorize(sql, [holdItem(mine, { key: theirs.key })]))[0]).toMatchObject({ granted: false });
  },
  async holdsOfOthersAreNone(sql) {
    const { item } = await held(sql);
    const { org } = await createOrg(sql, { credit: 5_000 });
    expect((await settle(sql, [settleItem({ org, id: item.id })]))[0]).toMatchObject({ applied: false });
    const progress = {
      org,
      id: item.id,
      attempt: 1,
      units: 5,
      accrued: 5,
      accrued_cost: 1,
      usage: {},
      want_amount: 2_000,
    };
    expect((await checkpoint(sql, [progress]))[0]).toMatchObject({ state: "missing" });
    expect(await wallet(sql, item.org)).toMatchObject({ held: 1_000 });
  },
  async frozenWalletsHoldNothing(sql) {
    const org = await createOrg(sql, { credit: 5_000 });
    await sql.query("SELECT freeze_wallet($1, 'admin')", [org.org]);
    expect((await authorize(sql, [holdItem(org)]))[0]).toMatchObject({ granted: false, refused_by: "wallet_frozen" });
  },
  async oldBootsHoldNothing(sql) {
    const node = newId("node");
    const org = await createOrg(sql, { credit: 5_000 });
    for (let boot = 0; boot < 2; boot++) await sql.query("SELECT node_boot($1)", [node]);
    expect((await authorize(sql, [holdItem(org)], { node, epoch: 1 }))[0]).toMatchObject({ refused_by: "fenced" });
  },
  async starterCreditIsPaced(sql) {
    const org = await createOrg(sql);
    await grant(sql, org.org, { amount: 5_000, source: "promo", restricted: true });
    const answers = await authorize(sql, [holdItem(org), holdItem(org)]);
    expect(answers.map(({ refused_by }) => refused_by)).toEqual([null, "starter_rate"]);
  },
  async extensionsNeedCredit(sql) {
    const { org, item } = await held(sql, { credit: 1_500 });
    const progress = {
      org,
      id: item.id,
      attempt: 1,
      units: 5,
      accrued: 5,
      accrued_cost: 1,
      usage: {},
      want_amount: 9_000,
    };
    expect((await checkpoint(sql, [progress]))[0]).toMatchObject({ amount: "1500" });
    expect((await checkpoint(sql, [progress]))[0]).toMatchObject({
      amount: "1500",
      refused_by: "insufficient_credits",
    });
  },
  async onlyTheOwnerVoids(sql) {
    const { org, item } = await held(sql);
    await sql.query("SELECT * FROM void_holds($1, 'other', 1)", [[item.id]]);
    expect(await wallet(sql, org)).toMatchObject({ held: 1_000 });
  },
  async adjustedOnce(sql) {
    const { org, item } = await held(sql);
    await expire(sql, item.id);
    await sql.query("SELECT * FROM sweep_holds()");
    const truth = JSON.stringify([settleItem(item, { price: 300 })]);
    for (let time = 0; time < 2; time++) await sql.query(late, [truth]);
    expect(await wallet(sql, org)).toMatchObject({ posted: 9_700 });
  },
  async takenCreditMustBeThere(sql) {
    const { org } = await held(sql, { credit: 1_500 });
    const take = sql.query("SELECT * FROM correct_balance($1, -501, $2, 'test', 'test')", [org, newId("req")]);
    await expect(take).rejects.toMatchObject({ code: "22003" });
  },
  async settledOnce(sql) {
    const { org, item } = await held(sql);
    await settle(sql, [settleItem(item, { price: 600 })]);
    expect((await settle(sql, [settleItem(item, { price: 600 })]))[0]?.applied).toBe(false);
    expect(await wallet(sql, org)).toMatchObject({ posted: 9_400, held: 0 });
  },
  async journalsAreUnique(sql) {
    const insert = "INSERT INTO journal (org_id, kind, ref, at) VALUES ('org', 'topup', $1, clock_timestamp())";
    const ref = newId("req");
    await sql.query(insert, [ref]);
    await expect(sql.query(insert, [ref])).rejects.toMatchObject({ code: "23505" });
  },
  async expiredCreditIsGone(sql) {
    const org = await createOrg(sql);
    const id = newId("lot");
    await grant(sql, org.org, { amount: 1_000, id, expiresInMs: 60_000 });
    await sql.query("UPDATE credit_lot SET expires_at = clock_timestamp() - interval '1 s' WHERE id = $1", [id]);
    await sql.query("UPDATE wallet SET next_expiry_at = clock_timestamp() - interval '1 s' WHERE org_id = $1", [
      org.org,
    ]);
    expect((await authorize(sql, [holdItem(org)]))[0]).toMatchObject({ granted: false });
  },
  async givenUpBeforeItCame(sql) {
    const org = await createOrg(sql, { credit: 5_000 });
    const item = holdItem(org);
    await sql.query("SELECT * FROM void_holds($1, 'node', 1)", [[item.id]]);
    expect((await authorize(sql, [item]))[0]).toMatchObject({ granted: false, refused_by: "voided" });
  },
  async oldBootsAreFenced(sql) {
    const node = newId("node");
    await sql.query("SELECT node_boot($1)", [node]);
    const { item } = await held(sql, { node });
    await sql.query("SELECT node_boot($1)", [node]);
    const progress = { org: item.org, id: item.id, attempt: 1, units: 5, accrued: 5, accrued_cost: 1, usage: {} };
    expect((await checkpoint(sql, [progress], { node, epoch: 1 }))[0]).toMatchObject({ state: "stale" });
  },
  /** The wallet before the hold, as settle does: otherwise the two could wait for each other. */
  async voidingWaitsForTheWallet(sql) {
    const { org, item } = await held(sql);
    let voiding: Promise<unknown> = Promise.resolve();
    await whileLocked(sql, org, async (holder) => {
      voiding = sql.query("SELECT * FROM void_holds($1, 'node', 1)", [[item.id]]);
      await waits(sql, "void_holds");
      await holder.query("SELECT FROM hold WHERE id = $1 FOR UPDATE NOWAIT", [item.id]);
    }).finally(() => voiding);
  },
  /** Batches never wait for a wallet, nor touch what is under way there: they leave it to the next one. */
  async busyWalletsAreLeftOut(sql) {
    const { org, item } = await held(sql);
    await expire(sql, item.id);
    const other = await sql.connect();
    await other.query("SET lock_timeout = '500ms'");
    await whileLocked(sql, org, async () => {
      const again = { ...item, id: newId("req") };
      expect((await authorize(other, [again]))[0]).toMatchObject({ granted: false, skipped: true });
      const progress = { org, id: item.id, attempt: 1, units: 5, accrued: 5, accrued_cost: 1, usage: {} };
      expect((await checkpoint(other, [progress]))[0]).toMatchObject({ skipped: true });
      expect((await settle(other, [settleItem(item)]))[0]).toMatchObject({ applied: false, skipped: true });
      expect((await other.query(sweepOf, [item.id])).rows).toEqual([]);
    }).finally(() => other.release(true));
  },
  /** Two that take at once: the second must see what the first left. */
  async takersWaitForTheWallet(sql) {
    const { org } = await createOrg(sql, { credit: 1_000 });
    const take = "SELECT * FROM correct_balance($1, -600, $2, 'test', 'test')";
    const holder = await sql.connect();
    try {
      await holder.query("BEGIN");
      await holder.query(take, [org, newId("req")]);
      const second = expect(sql.query(take, [org, newId("req")])).rejects.toMatchObject({ code: "22003" });
      second.catch(() => {}); // it may end before anybody awaits it
      await waits(sql, "correct_balance");
      await holder.query("COMMIT");
      await second;
    } finally {
      await holder.query("ROLLBACK");
      holder.release();
    }
  },
  /** A new limit counts the hold that is being made beside it. */
  async newLimitsWaitForTheWallet(sql) {
    const org = await createOrg(sql, { credit: 5_000 });
    const holder = await sql.connect();
    try {
      await holder.query("BEGIN");
      await authorize(holder, [holdItem(org)]);
      const setting = sql.query("SELECT set_limits($1, 'org', $1, '{\"day\": 5000}')", [org.org]);
      await Promise.race([setting, waits(sql, "set_limits")]);
      await holder.query("COMMIT");
      await setting;
    } finally {
      await holder.query("ROLLBACK");
      holder.release();
    }
    expect((await sql.query("SELECT held FROM limit_state WHERE org_id = $1", [org.org])).rows).toEqual([
      { held: "1000" },
    ]);
  },
  /** Two that bring the same truth: the second must see what the first did. */
  async adjustingWaitsForTheWallet(sql) {
    const { org, item } = await held(sql);
    await expire(sql, item.id);
    await sql.query("SELECT * FROM sweep_holds()");
    const truth = JSON.stringify([settleItem(item, { price: 300 })]);
    const holder = await sql.connect();
    try {
      await holder.query("BEGIN");
      expect((await holder.query(late, [truth])).rows[0]).toMatchObject({ applied: true });
      const second = sql.query(late, [truth]);
      second.catch(() => {}); // it may end before anybody awaits it
      await waits(sql, "late_adjust");
      await holder.query("COMMIT");
      expect((await second).rows[0]).toMatchObject({ applied: false });
    } finally {
      await holder.query("ROLLBACK");
      holder.release();
    }
    expect(await wallet(sql, org)).toMatchObject({ posted: 9_700 });
  },
  /** Between the sweeper's two looks the call is settled. The first look is held up by a lock that only this test knows. */
  async sweepingLooksAgain(sql) {
    const { org, item } = await held(sql);
    await expire(sql, item.id);
    await sql.query(`
      ALTER FUNCTION sweep_reason(hold, node, boolean, timestamptz) RENAME TO real_sweep_reason;
      CREATE FUNCTION sweep_reason(h hold, n node, steady boolean, at timestamptz) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
      BEGIN
        PERFORM pg_advisory_xact_lock_shared(42);
        RETURN real_sweep_reason(h, n, steady, at);
      END $$`);
    const holder = await sql.connect();
    try {
      await holder.query("SELECT pg_advisory_lock(42)");
      const sweeping = sql.query(sweepOf, [item.id]);
      await waits(sql, "sweep_holds");
      expect((await settle(sql, [settleItem(item, { price: 600 })]))[0]?.applied).toBe(true);
      await holder.query("SELECT pg_advisory_unlock(42)");
      expect((await sweeping).rows).toEqual([]);
    } finally {
      await holder.query("SELECT pg_advisory_unlock_all()");
      holder.release();
      await sql.query(`DROP FUNCTION sweep_reason(hold, node, boolean, timestamptz);
        ALTER FUNCTION real_sweep_reason(hold, node, boolean, timestamptz) RENAME TO sweep_reason`);
    }
    expect(await wallet(sql, org)).toMatchObject({ posted: 9_400, held: 0 });
  },
} satisfies Record<string, Scenario>;

const mutants: Mutant[] = [
  {
    guard: "the balance check where all fit",
    file: "authorize.sql",
    without: [["SELECT org FROM undecided WHERE want > left_over", "SELECT org FROM undecided WHERE false"]],
    scenario: scenarios.twoOfThreeFit,
  },
  {
    guard: "the balance check one by one",
    file: "authorize.sql",
    without: [["AND credit_room < item.min_amount THEN", "AND false THEN"]],
    scenario: scenarios.twoOfThreeFit,
  },
  {
    guard: "the clamp to what fits",
    file: "authorize.sql",
    without: [["item.amount := least(item.want, credit_room, budget_room);", "item.amount := item.want;"]],
    scenario: scenarios.whatFitsIsGranted,
  },
  {
    guard: "budgets",
    file: "authorize.sql",
    without: [["WHERE wanted > left_over OR", "WHERE"]],
    scenario: scenarios.budgetsBind,
  },
  {
    guard: "concurrency where all fit",
    file: "authorize.sql",
    without: [["inflight + nth > max_concurrency OR", ""]],
    scenario: scenarios.ratesBind,
  },
  {
    guard: "requests per minute where all fit",
    file: "authorize.sql",
    without: [
      ["OR inflight + nth > max_concurrency OR calls + nth > rpm OR", "OR inflight + nth > max_concurrency OR"],
    ],
    scenario: scenarios.ratesBind,
  },
  {
    guard: "tokens per minute where all fit",
    file: "authorize.sql",
    without: [["OR window_tokens + estimated > tpm", ""]],
    scenario: scenarios.ratesBind,
  },
  {
    guard: "the organisation of a key",
    file: "authorize.sql",
    without: [["OR k.org_id <> i.org ", ""]],
    scenario: scenarios.keysOfOthersAreNone,
  },
  {
    guard: "the organisation of a hold that is settled",
    file: "settle.sql",
    without: [["x.id = i.id AND x.org_id = i.org OFFSET 0", "x.id = i.id OFFSET 0"]],
    scenario: scenarios.holdsOfOthersAreNone,
  },
  {
    guard: "the organisation of a hold that goes on",
    file: "checkpoint.sql",
    without: [["x.id = i.id AND x.org_id = i.org OFFSET 0", "x.id = i.id OFFSET 0"]],
    scenario: scenarios.holdsOfOthersAreNone,
  },
  {
    guard: "the freeze",
    file: "authorize.sql",
    without: [["OR w.status <> 'active' THEN 'refused'", "THEN 'refused'"]],
    scenario: scenarios.frozenWalletsHoldNothing,
  },
  {
    guard: "the epoch fence of holding",
    file: "authorize.sql",
    without: [["fenced := EXISTS", "fenced := false AND EXISTS"]],
    scenario: scenarios.oldBootsHoldNothing,
  },
  {
    guard: "the pace of starter credit",
    file: "authorize.sql",
    without: [["item.refused_by IS NULL AND starter_from > at", "false"]],
    scenario: scenarios.starterCreditIsPaced,
  },
  {
    guard: "the credit behind an extension",
    file: "checkpoint.sql",
    without: [["more := least(more, room, budget_room);", "more := more;"]],
    scenario: scenarios.extensionsNeedCredit,
  },
  {
    guard: "the owner of a hold that is voided",
    file: "holds.sql",
    without: [["h.state = 'open' AND h.node = void_holds.node", "h.state = 'open'"]],
    scenario: scenarios.onlyTheOwnerVoids,
  },
  {
    guard: "once for each late adjustment",
    file: "late_adjust.sql",
    without: [["AND h.adjusted_at IS NULL AS due", "AS due"]],
    scenario: scenarios.adjustedOnce,
  },
  {
    guard: "what is available to a correction",
    file: "credits.sql",
    without: [["amount < 0 AND w.posted - w.held - w.floor + amount < 0", "false"]],
    scenario: scenarios.takenCreditMustBeThere,
  },
  {
    guard: "exactly-once close",
    file: "settle.sql",
    without: [["WHERE s.state = 'open'", "WHERE s.state IS NOT NULL"]],
    scenario: scenarios.settledOnce,
  },
  {
    guard: "expiry inside authorize",
    file: "authorize.sql",
    without: [["AND w.next_expiry_at <= at;", "AND false;"]],
    scenario: scenarios.expiredCreditIsGone,
  },
  {
    guard: "the tombstone",
    file: "holds.sql",
    without: [
      ["v WHERE NOT EXISTS (SELECT FROM hold h WHERE h.id = v.id)\n    ON CONFLICT", "v WHERE false\n    ON CONFLICT"],
      ["EXIT WHEN buried >= missing;", "EXIT;"],
    ],
    scenario: scenarios.givenUpBeforeItCame,
  },
  {
    guard: "the epoch fence",
    file: "checkpoint.sql",
    without: [["fenced := EXISTS", "fenced := false AND EXISTS"]],
    scenario: scenarios.oldBootsAreFenced,
  },
  {
    guard: "the first lock of void_holds",
    file: "holds.sql",
    without: [
      [
        "    PERFORM FROM wallet w WHERE w.org_id IN (SELECT h.org_id FROM hold h WHERE h.id = ANY (ids) AND h.state = 'open')\n      ORDER BY w.org_id FOR NO KEY UPDATE;\n",
        "",
      ],
    ],
    scenario: scenarios.voidingWaitsForTheWallet,
  },
  {
    guard: "the first lock of late_adjust",
    file: "late_adjust.sql",
    without: [[" ORDER BY org_id FOR NO KEY UPDATE;", ";"]],
    scenario: scenarios.adjustingWaitsForTheWallet,
  },
  ...[
    ["authorize_batch", "authorize.sql"],
    ["checkpoint_batch", "checkpoint.sql"],
    ["settle_batch", "settle.sql"],
    ["sweep_holds", "holds.sql"],
  ].map(
    ([name, file]): Mutant => ({
      guard: `the first lock of ${name}`,
      file: file as string,
      without: [["ORDER BY org_id FOR NO KEY UPDATE SKIP LOCKED", ""]],
      scenario: scenarios.busyWalletsAreLeftOut,
    }),
  ),
  {
    guard: "the first lock of correct_balance",
    file: "credits.sql",
    without: [["WHERE org_id = org FOR NO KEY UPDATE;", "WHERE org_id = org;"]],
    scenario: scenarios.takersWaitForTheWallet,
  },
  {
    guard: "the first lock of set_limits",
    file: "limits.sql",
    without: [["WHERE org_id = org FOR NO KEY UPDATE;", "WHERE org_id = org;"]],
    scenario: scenarios.newLimitsWaitForTheWallet,
  },
  {
    guard: "the sweeper's second look",
    file: "holds.sql",
    without: [
      [
        "h.org_id = ANY (locked) AND sweep_reason(h, n, steady, at) IS NOT NULL\n  ) c;",
        "h.org_id = ANY (locked)\n  ) c;",
      ],
    ],
    scenario: scenarios.sweepingLooksAgain,
  },
];

describe("with its guards", () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await testDatabase();
  });
  afterAll(() => database.drop());
  test.each(Object.entries(scenarios))("%s holds", async (_, scenario) => {
    await scenario(database.pool);
  });
});

describe("without", () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await testDatabase();
  });
  afterAll(() => database.drop());

  test.each(mutants.map((mutant) => [mutant.guard, mutant] as const))("%s a scenario fails", async (_, mutant) => {
    const original = fs.readFileSync(path.join(import.meta.dirname, mutant.file), "utf8");
    let text = original;
    for (const [find, replace] of mutant.without) {
      expect(text).toContain(find);
      text = text.replaceAll(find, replace);
    }
    await database.pool.query(text);
    try {
      await expect(mutant.scenario(database.pool)).rejects.toThrow();
    } finally {
      await database.pool.query(original);
    }
  });

  test("the ledger's uniqueness a scenario fails", async () => {
    await database.pool.query("DROP INDEX journal_kind_ref_key");
    await expect(scenarios.journalsAreUnique(database.pool)).rejects.toThrow();
  });
});
