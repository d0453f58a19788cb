import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { assertHealthy, type TestDatabase, testDatabase } from "@/e2e/support/database";
import { authorize, createOrg, grant, holdItem, inParallel, settle, settleItem, spend, wallet } from "./testing";

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.drop());

const lots = async (org: string) =>
  Object.fromEntries(
    (await database.pool.query("SELECT id, remaining FROM credit_lot WHERE org_id = $1", [org])).rows.map((row) => [
      row.id,
      Number(row.remaining),
    ]),
  );
const events = async (org: string) =>
  (await database.pool.query("SELECT * FROM usage_event WHERE org_id = $1 ORDER BY at, id", [org])).rows;

describe("settle_batch", () => {
  test("closes the hold and writes event, attempt, ledger and rollup with one timestamp", async () => {
    const org = await createOrg(database.pool, { credit: 10_000 });
    const item = holdItem(org, { amount: 2_000, member: "mem_1" });
    await authorize(database.pool, [item]);
    const usage = { input: 100, cacheRead: 7, output: 20, reasoning: 5, toolCalls: { search: 2 } };
    expect(await settle(database.pool, [settleItem(item, { price: "1500", usage, waste: 30 })])).toEqual([
      { ord: 1, id: item.id, applied: true, prior_state: "open", skipped: false },
    ]);
    expect(await wallet(database.pool, org.org)).toMatchObject({ posted: 8_500, held: 0 });
    const [event] = await events(org.org);
    expect(event).toMatchObject({
      id: item.id,
      kind: "call",
      key_id: org.key,
      app_id: org.app,
      member_id: "mem_1",
      model_id: "test/model",
      endpoint: "chat.completions",
      dialect: "openai-chat",
      stream: true,
      outcome: "ok",
      input_tokens: 100,
      cache_read_tokens: 7,
      output_tokens: 20,
      reasoning_tokens: 5,
      tool_calls: { search: 2 },
      price_nano: "1500",
      promo_nano: "1500",
      cost_nano: "700",
      waste_nano: "30",
      held_nano: "2000",
      price_version_id: "1",
      upstream_id: `up_${item.id}`,
    });
    const journal = (await database.pool.query("SELECT * FROM journal WHERE id = $1", [event.journal_id])).rows[0];
    expect(journal).toMatchObject({ kind: "usage", ref: `settle:${item.id}`, at: event.at });
    const entries = await database.pool.query(
      "SELECT account_id, amount FROM entry WHERE journal_id = $1 ORDER BY amount",
      [journal.id],
    );
    expect(entries.rows).toEqual([
      { account_id: `customer:${org.org}`, amount: "-1500" },
      { account_id: "revenue", amount: "1500" },
    ]);
    const rollup = (await database.pool.query("SELECT * FROM usage_rollup WHERE org_id = $1", [org.org])).rows[0];
    expect(rollup).toMatchObject({
      calls: "1",
      input_tokens: "100",
      price_paid: "0",
      price_promo: "1500",
      cost: "700",
      waste: "30",
      status: "ok",
    });
    expect(rollup.latency_histogram.map(Number).indexOf(1)).toBe(6); // 120 ms lies in [82, 144)
    expect(rollup.first_token_histogram.map(Number).indexOf(1)).toBe(3); // 20 ms lies in [15, 27)
    expect(
      (await database.pool.query("SELECT n, provider, cost_nano FROM attempt WHERE request_id = $1", [item.id])).rows,
    ).toEqual([{ n: 1, provider: "sandbox", cost_nano: "700" }]);
    await assertHealthy(database.pool, org.org);
  });

  test("a repeated batch applies nothing; an unknown id is missing and never charged", async () => {
    const org = await createOrg(database.pool, { credit: 10_000 });
    const item = holdItem(org);
    await authorize(database.pool, [item]);
    const batch = [settleItem(item), settleItem({ org: org.org, id: "req_unknown" })];
    const first = await settle(database.pool, batch);
    const again = await settle(database.pool, batch, { epoch: 2 });
    expect(first.map(({ applied, prior_state }) => [applied, prior_state])).toEqual([
      [true, "open"],
      [false, "missing"],
    ]);
    expect(again.map(({ applied, prior_state }) => [applied, prior_state])).toEqual([
      [false, "captured"],
      [false, "missing"],
    ]);
    expect((await wallet(database.pool, org.org)).posted).toBe(9_000);
    await assertHealthy(database.pool, org.org);
  });

  test("one journal per wallet for a whole batch, each call priced by itself", async () => {
    const [a, b] = [
      await createOrg(database.pool, { credit: 10_000 }),
      await createOrg(database.pool, { credit: 10_000 }),
    ];
    const items = [holdItem(a), holdItem(b), holdItem(a), holdItem(b)] as const;
    await authorize(database.pool, items);
    await settle(
      database.pool,
      items.map((item, n) => settleItem(item, { price: n * 100 })),
    );
    const journals = await database.pool.query(
      "SELECT org_id, count(*)::int AS n FROM journal WHERE kind = 'usage' AND org_id = ANY($1) GROUP BY 1",
      [[a.org, b.org]],
    );
    expect(journals.rows.map((row) => row.n)).toEqual([1, 1]);
    expect((await wallet(database.pool, a.org)).posted).toBe(9_800);
    expect((await wallet(database.pool, b.org)).posted).toBe(9_600);
    expect((await events(a.org)).map((event) => event.price_nano).sort()).toEqual(["0", "200"]);
    await assertHealthy(database.pool, a.org);
    await assertHealthy(database.pool, b.org);
  });

  test("lots burn in order: promo, comp, paid; within them the one that expires first", async () => {
    const org = await createOrg(database.pool);
    const [paid, comp, later, sooner] = ["paid", "comp", "later", "sooner"].map((name) => `${name}_${org.org}`) as [
      string,
      string,
      string,
      string,
    ];
    await grant(database.pool, org.org, { id: paid, amount: 1_000, source: "paid" });
    await grant(database.pool, org.org, { id: comp, amount: 500, source: "comp" });
    await grant(database.pool, org.org, { id: later, amount: 300, source: "promo" });
    await grant(database.pool, org.org, { id: sooner, amount: 200, source: "promo", expiresInMs: 3_600_000 });
    const items = [
      holdItem(org, { amount: 350 }),
      holdItem(org, { amount: 350 }),
      holdItem(org, { amount: 500 }),
    ] as const;
    await authorize(database.pool, items);
    await settle(
      database.pool,
      items.map((item, n) => settleItem(item, { price: [350, 350, 500][n] })),
    );
    expect(await lots(org.org)).toEqual({ [sooner]: 0, [later]: 0, [comp]: 0, [paid]: 800 });
    const promo = Object.fromEntries((await events(org.org)).map((event) => [event.id, event.promo_nano]));
    expect(items.map((item) => promo[item.id])).toEqual(["350", "350", "300"]);
    const draws = await database.pool.query("SELECT lot_id, amount FROM lot_draw WHERE request_id = $1 ORDER BY id", [
      items[0].id,
    ]);
    expect(draws.rows).toEqual([
      { lot_id: sooner, amount: "200" },
      { lot_id: later, amount: "150" },
    ]);
    await assertHealthy(database.pool, org.org);
  });

  test("what overruns the floor is written off in the same journal", async () => {
    const org = await createOrg(database.pool, { credit: 1_000 });
    const items = [holdItem(org, { amount: 500 }), holdItem(org, { amount: 500 })] as const;
    await authorize(database.pool, items);
    await settle(database.pool, [settleItem(items[0], { price: 800 }), settleItem(items[1], { price: 500 })]);
    expect(await wallet(database.pool, org.org)).toMatchObject({ posted: 0, held: 0, status: "active" });
    const entries = await database.pool.query(
      "SELECT account_id, e.amount FROM entry e JOIN journal j ON j.id = e.journal_id WHERE j.org_id = $1 AND j.kind = 'usage' ORDER BY e.amount",
      [org.org],
    );
    expect(entries.rows).toEqual([
      { account_id: `customer:${org.org}`, amount: "-1300" },
      { account_id: "bad_debt", amount: "-300" },
      { account_id: `customer:${org.org}`, amount: "300" },
      { account_id: "revenue", amount: "1300" },
    ]);
    await assertHealthy(database.pool, org.org);
  });

  test("an unpriced call is recorded without a price and without a journal", async () => {
    const org = await createOrg(database.pool, { floor: null });
    const item = holdItem(org, { amount: 0, price_version: null });
    await authorize(database.pool, [item]);
    await settle(database.pool, [settleItem(item, { price: null, cost: null })]);
    expect((await events(org.org))[0]).toMatchObject({ price_nano: null, cost_nano: null, journal_id: null });
    expect(
      (await database.pool.query("SELECT unpriced, calls FROM usage_rollup WHERE org_id = $1", [org.org])).rows,
    ).toEqual([{ unpriced: "1", calls: "1" }]);
    await assertHealthy(database.pool, org.org);
  });

  test("a poison item fails alone in kind (class 22 or 23), so the caller can bisect; nothing of its batch is applied", async () => {
    const org = await createOrg(database.pool, { credit: 10_000 });
    const items = [holdItem(org), holdItem(org)] as const;
    await authorize(database.pool, items);
    const poisoned = [settleItem(items[0]), settleItem(items[1], { usage: { input: "many" } })];
    await expect(settle(database.pool, poisoned)).rejects.toMatchObject({ code: expect.stringMatching(/^2[23]/) });
    expect(
      (await settle(database.pool, [settleItem(items[0]), settleItem(items[1], { price: 0 })])).map(
        (row) => row.applied,
      ),
    ).toEqual([true, true]);
    await assertHealthy(database.pool, org.org);
  });

  test("a call is settled only by the organisation that holds it", async () => {
    const [mine, theirs] = [
      await createOrg(database.pool, { credit: 5_000 }),
      await createOrg(database.pool, { credit: 5_000 }),
    ];
    const item = holdItem(theirs);
    await authorize(database.pool, [item]);
    const foreign = settleItem({ org: mine.org, id: item.id });
    expect((await settle(database.pool, [foreign]))[0]).toMatchObject({ applied: false, prior_state: "missing" });
    expect((await settle(database.pool, [settleItem(item)]))[0]).toMatchObject({ applied: true });
    expect([(await wallet(database.pool, mine.org)).posted, (await wallet(database.pool, theirs.org)).posted]).toEqual([
      5_000, 4_000,
    ]);
  });

  test("a negative price is refused, now and later", async () => {
    const org = await createOrg(database.pool, { credit: 10_000 });
    const item = holdItem(org);
    await authorize(database.pool, [item]);
    await expect(settle(database.pool, [settleItem(item, { price: -1 })])).rejects.toMatchObject({ code: "23514" });
    await settle(database.pool, [settleItem(item)]);
    await assertHealthy(database.pool, org.org);
  });

  test("concurrent settles of the same calls charge each once", async () => {
    const org = await createOrg(database.pool, { credit: 1_000_000 });
    const items = Array.from({ length: 60 }, () => holdItem(org));
    await authorize(database.pool, items);
    const applied = await inParallel(database.pool, 4, async (client) => {
      let waiting = items.map((item) => settleItem(item));
      let count = 0;
      while (waiting.length > 0) {
        const batch = waiting.slice(0, 7);
        const answers = await settle(client, batch);
        count += answers.filter((answer) => answer.applied).length;
        waiting = [...waiting.slice(7), ...batch.filter((_, n) => answers[n]?.skipped)];
      }
      return count;
    });
    expect(applied.reduce((sum, count) => sum + count)).toBe(60);
    expect((await wallet(database.pool, org.org)).posted).toBe(1_000_000 - 60_000);
    await assertHealthy(database.pool, org.org);
  });

  test("finds limits by key, even by plans that were made while the tables were empty", async () => {
    const org = await createOrg(database.pool, { credit: 10_000 });
    await database.pool.query("SELECT set_limits($1, 'key', $2, '{\"day\": 50000, \"rpm\": 99}')", [org.org, org.key]);
    await database.pool.query("TRUNCATE limit_slot");
    await database.pool.query("VACUUM ANALYZE limit_slot, limit_state");
    const client = await database.pool.connect();
    await spend(client, org, 100);
    await database.pool.query(
      `WITH slots AS (INSERT INTO limit_slot (org_id, scope, scope_id, slot, sec) SELECT 'crowd' || n, 'key', 'k', 0, 1 FROM generate_series(1, 2000) n)
       INSERT INTO limit_state (org_id, scope, scope_id, period, rpm) SELECT 'crowd' || n, 'key', 'k', 'rate', 1 FROM generate_series(1, 2000) n`,
    );
    await client.query("BEGIN");
    await spend(client, org, 100);
    const { rows } = await client.query(
      "SELECT sum(seq_tup_read + idx_tup_fetch)::int AS n FROM pg_stat_xact_user_tables WHERE relname IN ('limit_slot', 'limit_state')",
    );
    await client.query("COMMIT");
    client.release();
    expect(rows[0].n).toBeLessThan(100);
    await database.pool.query("DELETE FROM limit_state WHERE org_id LIKE 'crowd%'");
    await assertHealthy(database.pool, org.org);
  });
});

describe("credits", () => {
  test("a grant is applied once per id and refuses other terms", async () => {
    const org = await createOrg(database.pool);
    const id = `credit_${org.org}`;
    expect(await grant(database.pool, org.org, { id, amount: 500 })).toEqual({
      applied: true,
      posted: "500",
      held: "0",
    });
    expect(await grant(database.pool, org.org, { id, amount: 500 })).toMatchObject({ applied: false, posted: "500" });
    await expect(grant(database.pool, org.org, { id, amount: 501 })).rejects.toMatchObject({ code: "23505" });
    await expect(grant(database.pool, org.org, { amount: 0 })).rejects.toMatchObject({ code: "22023" });
    await assertHealthy(database.pool, org.org);
  });

  test("corrections go both ways, once per key, and never take what is held", async () => {
    const org = await createOrg(database.pool, { credit: 1_000 });
    const correct = (amount: number, key: string) =>
      database.pool.query("SELECT * FROM correct_balance($1, $2, $3, 'test', 'mistake')", [
        org.org,
        amount,
        `${org.org}:${key}`,
      ]);
    expect((await correct(200, "up")).rows[0]).toMatchObject({ applied: true, posted: "1200" });
    expect((await correct(200, "up")).rows[0]).toMatchObject({ applied: false, posted: "1200" });
    const item = holdItem(org, { amount: 900 });
    await authorize(database.pool, [item]);
    await expect(correct(-301, "down")).rejects.toMatchObject({ code: "22003" });
    expect((await correct(-300, "down")).rows[0]).toMatchObject({ applied: true, posted: "900" });
    await settle(database.pool, [settleItem(item, { price: 900 })]);
    expect((await wallet(database.pool, org.org)).posted).toBe(0);
    await assertHealthy(database.pool, org.org);
  });

  test("expired credit is gone at the next authorize; a hold made before is honoured", async () => {
    const org = await createOrg(database.pool);
    await grant(database.pool, org.org, { amount: 1_000, source: "promo", expiresInMs: 3_600_000 });
    const item = holdItem(org, { amount: 400 });
    await authorize(database.pool, [item]);
    await database.pool.query(
      "UPDATE credit_lot SET expires_at = clock_timestamp() - interval '1 s' WHERE org_id = $1",
      [org.org],
    );
    await database.pool.query(
      "UPDATE wallet SET next_expiry_at = clock_timestamp() - interval '1 s' WHERE org_id = $1",
      [org.org],
    );
    expect((await authorize(database.pool, [holdItem(org, { amount: 100 })]))[0]).toMatchObject({
      granted: false,
      refused_by: "holds_only",
    });
    expect(await wallet(database.pool, org.org)).toMatchObject({ posted: 400, held: 400 });
    await settle(database.pool, [settleItem(item, { price: 300 })]);
    expect((await database.pool.query("SELECT expire_credit()")).rows[0].expire_credit).toBeGreaterThanOrEqual(1);
    expect(await wallet(database.pool, org.org)).toMatchObject({ posted: 0, held: 0 });
    await assertHealthy(database.pool, org.org);
  });

  test("only the organisation's own lots expire with its call", async () => {
    const [a, b] = [await createOrg(database.pool), await createOrg(database.pool)];
    for (const { org } of [a, b]) await grant(database.pool, org, { amount: 1_000, expiresInMs: 3_600_000 });
    const past = "clock_timestamp() - interval '1 s'";
    await database.pool.query(`UPDATE credit_lot SET expires_at = ${past} WHERE org_id = ANY($1)`, [[a.org, b.org]]);
    await database.pool.query(`UPDATE wallet SET next_expiry_at = ${past} WHERE org_id = ANY($1)`, [[a.org, b.org]]);
    // the younger one's call: a mix-up would take the older lot first
    expect((await authorize(database.pool, [holdItem(b)]))[0]).toMatchObject({ refused_by: "insufficient_credits" });
    expect((await wallet(database.pool, a.org)).posted).toBe(1_000);
    await assertHealthy(database.pool, a.org);
    await assertHealthy(database.pool, b.org);
  });

  test("an admin freeze stops new calls until it is lifted", async () => {
    const org = await createOrg(database.pool, { credit: 5_000 });
    await database.pool.query("SELECT freeze_wallet($1, 'admin')", [org.org]);
    await expect(spend(database.pool, org, 100)).rejects.toThrow("wallet_frozen");
    await database.pool.query("SELECT freeze_wallet($1, NULL)", [org.org]);
    await spend(database.pool, org, 100);
    await assertHealthy(database.pool, org.org);
  });
});
