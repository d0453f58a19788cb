import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { assertHealthy, type TestDatabase, testDatabase } from "@/e2e/support/database";
import { newId } from "@/lib/ids";
import {
  authorize,
  checkpoint,
  createKey,
  createOrg,
  grant,
  holdItem,
  inParallel,
  settle,
  settleItem,
  spend,
  wallet,
} from "./testing";

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.drop());

async function settleAll(items: readonly { org: string; id: string }[]) {
  await settle(
    database.pool,
    items.map((item) => settleItem(item)),
  );
}

describe("authorize_batch", () => {
  test("holds the amount and answers the same when it is asked again", async () => {
    const org = await createOrg(database.pool, { credit: 5_000 });
    const item = holdItem(org, { amount: 2_000 });
    const [first] = await authorize(database.pool, [item]);
    const [again] = await authorize(database.pool, [item]);
    expect(first).toMatchObject({
      ord: 1,
      granted: true,
      amount: "2000",
      refused_by: null,
      available: "5000",
      skipped: false,
    });
    expect(again).toMatchObject({ granted: true, amount: "2000" });
    expect(await wallet(database.pool, org.org)).toMatchObject({ posted: 5_000, held: 2_000 });
    await settleAll([item]);
    await assertHealthy(database.pool, org.org);
  });

  test("refuses the same id with another input, and an id that is closed", async () => {
    const org = await createOrg(database.pool, { credit: 5_000 });
    const item = holdItem(org);
    await authorize(database.pool, [item]);
    expect((await authorize(database.pool, [{ ...item, input_hash: "other" }]))[0]).toMatchObject({
      granted: false,
      refused_by: "idempotency_mismatch",
    });
    await settleAll([item]);
    expect((await authorize(database.pool, [item]))[0]).toMatchObject({ granted: false, refused_by: "voided" });
    await assertHealthy(database.pool, org.org);
  });

  test("a refused item consumes nothing, so a smaller one behind it passes", async () => {
    const org = await createOrg(database.pool, { credit: 1_000 });
    const items = [
      holdItem(org, { amount: 800 }),
      holdItem(org, { amount: 500 }),
      holdItem(org, { amount: 200 }),
    ] as const;
    const answers = await authorize(database.pool, items);
    expect(answers.map((answer) => answer.granted)).toEqual([true, false, true]);
    expect(answers[1]).toMatchObject({ refused_by: "holds_only", available: "200" });
    expect((await wallet(database.pool, org.org)).held).toBe(1_000);
    await settleAll([items[0], items[2]]);
    await assertHealthy(database.pool, org.org);
  });

  test("grants what fits between min_amount and amount", async () => {
    const org = await createOrg(database.pool, { credit: 1_000 });
    const item = holdItem(org, { amount: 5_000, min_amount: 300 });
    expect((await authorize(database.pool, [item]))[0]).toMatchObject({
      granted: true,
      amount: "1000",
      available: "1000",
    });
    const late = holdItem(org, { amount: 5_000, min_amount: 300 });
    expect((await authorize(database.pool, [late]))[0]).toMatchObject({ granted: false, refused_by: "holds_only" });
    const large = holdItem(org, { amount: 5_000, min_amount: 1_001 });
    expect((await authorize(database.pool, [large]))[0]).toMatchObject({
      granted: false,
      refused_by: "insufficient_credits",
    });
    await settleAll([item]);
    await assertHealthy(database.pool, org.org);
  });

  test("an enterprise wallet never blocks", async () => {
    const org = await createOrg(database.pool, { floor: null });
    expect(await spend(database.pool, org, 7_000)).toMatch(/^req_/);
    expect(await wallet(database.pool, org.org)).toMatchObject({ posted: -7_000, held: 0, status: "active" });
    await assertHealthy(database.pool, org.org);
  });

  test("restricted credit pays only for calls that may use it", async () => {
    const org = await createOrg(database.pool);
    await grant(database.pool, org.org, { amount: 600, source: "promo", restricted: true });
    await grant(database.pool, org.org, { amount: 400, source: "comp" });
    const dear = holdItem(org, { amount: 500, restricted_ok: false });
    expect((await authorize(database.pool, [dear]))[0]).toMatchObject({
      granted: false,
      refused_by: "restricted_credits",
      available: "400",
    });
    const fits = holdItem(org, { amount: 400, restricted_ok: false });
    const cheap = holdItem(org, { amount: 600 });
    expect((await authorize(database.pool, [fits, cheap])).map((answer) => answer.granted)).toEqual([true, true]);
    await settle(database.pool, [settleItem(cheap, { price: 600 }), settleItem(fits, { price: 400 })]);
    expect(await wallet(database.pool, org.org)).toMatchObject({ posted: 0, restricted: 0 });
    await assertHealthy(database.pool, org.org);
  });

  describe("while only starter credit pays", () => {
    const starter = async () => {
      const org = await createOrg(database.pool);
      await grant(database.pool, org.org, { amount: 10_000, source: "promo", restricted: true });
      return org;
    };

    test("one call a second passes, in a batch and after it", async () => {
      const org = await starter();
      // what is refused for another reason takes nobody's turn
      const [tooMuch, first, second] = [holdItem(org, { amount: 20_000 }), holdItem(org), holdItem(org)];
      const answers = await authorize(database.pool, [tooMuch, first, second]);
      expect(answers.map(({ refused_by }) => refused_by)).toEqual(["insufficient_credits", null, "starter_rate"]);
      expect(answers[2]).toMatchObject({ scope: "org", limit_value: "1", used_value: "1", retry_after_ms: 1_000 });
      const [soon] = await authorize(database.pool, [holdItem(org)]);
      expect(soon?.refused_by).toBe("starter_rate");
      expect(soon?.retry_after_ms).toBeLessThanOrEqual(1_000);
      await database.pool.query("UPDATE wallet SET starter_at = starter_at - interval '1 s' WHERE org_id = $1", [
        org.org,
      ]);
      const third = holdItem(org);
      expect((await authorize(database.pool, [third]))[0]).toMatchObject({ granted: true });
      await settleAll([first, third]);
      await assertHealthy(database.pool, org.org);
    });

    test.each(["comp", "paid"] as const)("any %s credit beside it lifts that", async (source) => {
      const org = await starter();
      await grant(database.pool, org.org, { amount: 1, source });
      const items = [holdItem(org), holdItem(org)];
      expect((await authorize(database.pool, items)).map(({ granted }) => granted)).toEqual([true, true]);
      await settleAll(items);
      await assertHealthy(database.pool, org.org);
    });

    test("a first payment frees it for every model", async () => {
      const org = await starter();
      const dear = () => holdItem(org, { restricted_ok: false });
      expect((await authorize(database.pool, [dear()]))[0]).toMatchObject({ refused_by: "restricted_credits" });
      await grant(database.pool, org.org, { amount: 1, source: "paid" });
      expect(await wallet(database.pool, org.org)).toMatchObject({ posted: 10_001, restricted: 0 });
      const item = dear();
      expect((await authorize(database.pool, [item]))[0]).toMatchObject({ granted: true });
      await settleAll([item]);
      await assertHealthy(database.pool, org.org);
    });
  });

  test("a fenced life of a node holds nothing any more, not even again", async () => {
    const org = await createOrg(database.pool, { credit: 5_000 });
    const node = newId("node");
    const boot = async () => Number((await database.pool.query("SELECT node_boot($1) AS epoch", [node])).rows[0].epoch);
    const epoch = await boot();
    const item = holdItem(org);
    expect((await authorize(database.pool, [item], { node, epoch }))[0]).toMatchObject({ granted: true });
    const newer = await boot();
    for (const again of [item, holdItem(org)])
      expect((await authorize(database.pool, [again], { node, epoch }))[0]).toMatchObject({
        granted: false,
        refused_by: "fenced",
      });
    const late = holdItem(org);
    expect((await authorize(database.pool, [late], { node, epoch: newer }))[0]).toMatchObject({ granted: true });
    await settleAll([item, late]);
    await assertHealthy(database.pool, org.org);
  });

  test.each([
    ["key_revoked", "UPDATE api_key SET status = 'revoked' WHERE id = $1", "key"],
    ["key_disabled", "UPDATE api_key SET status = 'disabled' WHERE id = $1", "key"],
    ["key_expired", "UPDATE api_key SET expires_at = clock_timestamp() - interval '1 s' WHERE id = $1", "key"],
    ["key_revoked", "DELETE FROM api_key WHERE id = $1", "key"],
    ["org_suspended", "UPDATE org SET status = 'suspended' WHERE id = $1", "org"],
    ["wallet_frozen", "UPDATE wallet SET status = 'frozen', freeze_reason = 'fraud' WHERE org_id = $1", "org"],
    ["no_wallet", "DELETE FROM wallet WHERE org_id = $1", "org"],
  ] as const)("refuses with %s after %s", async (refusedBy, statement, subject) => {
    const org = await createOrg(database.pool, { floor: null });
    await database.pool.query(statement, [org[subject]]);
    expect((await authorize(database.pool, [holdItem(org)]))[0]).toMatchObject({
      granted: false,
      refused_by: refusedBy,
    });
  });

  test("a key of another organisation is no key", async () => {
    const [mine, theirs] = [
      await createOrg(database.pool, { credit: 5_000 }),
      await createOrg(database.pool, { credit: 5_000 }),
    ];
    expect((await authorize(database.pool, [holdItem(mine, { key: theirs.key })]))[0]).toMatchObject({
      granted: false,
      refused_by: "key_revoked",
    });
  });

  test("a wallet locked elsewhere is skipped, the others are served", async () => {
    const [busy, idle] = [
      await createOrg(database.pool, { credit: 5_000 }),
      await createOrg(database.pool, { credit: 5_000 }),
    ];
    const items = [holdItem(busy), holdItem(idle)] as const;
    await inParallel(database.pool, 2, async (client, index) => {
      if (index === 0) return;
      await client.query("BEGIN");
      await client.query("SELECT FROM wallet WHERE org_id = $1 FOR NO KEY UPDATE", [busy.org]);
      const answers = await authorize(database.pool, items);
      expect(answers.map(({ granted, skipped }) => [granted, skipped])).toEqual([
        [false, true],
        [true, false],
      ]);
      await client.query("ROLLBACK");
    });
    await settleAll([items[1]]);
    await assertHealthy(database.pool, busy.org);
  });

  test("of 1,000 concurrent calls exactly the 100 that credit covers pass", async () => {
    const org = await createOrg(database.pool, { credit: 100_000 });
    const queue = Array.from({ length: 1_000 }, () => holdItem(org));
    const granted: string[] = [];
    await inParallel(database.pool, 8, async (client, index) => {
      let waiting = queue.filter((_, n) => n % 8 === index);
      while (waiting.length > 0) {
        const batch = waiting.slice(0, 23);
        const answers = await authorize(client, batch);
        const again = batch.filter((_, n) => answers[n]?.skipped);
        granted.push(...batch.filter((_, n) => answers[n]?.granted).map((item) => item.id));
        waiting = [...waiting.slice(23), ...again];
      }
    });
    expect(granted).toHaveLength(100);
    let open = granted.map((id) => settleItem({ org: org.org, id }));
    while (open.length > 0) {
      const settled = await settle(database.pool, open);
      open = open.filter((_, n) => settled[n]?.skipped);
    }
    expect(await wallet(database.pool, org.org)).toMatchObject({ posted: 0, held: 0 });
    await assertHealthy(database.pool, org.org);
  });
});

describe("limits", () => {
  async function limited(limits: Record<string, number>, scope: "key" | "app" | "org" | "self" = "key") {
    const org = await createOrg(database.pool, { credit: 1_000_000 });
    await setLimits(org, scope, limits);
    return org;
  }
  const setLimits = (
    org: { org: string; app: string; key: string },
    scope: "key" | "app" | "org" | "self",
    limits: Record<string, number | null>,
  ) =>
    database.pool.query("SELECT set_limits($1, $2, $3, $4)", [
      ...[org.org, scope, org[scope === "self" ? "org" : scope], JSON.stringify(limits)],
    ]);

  test("what an organisation allows itself binds beside what the operator allows it, and names itself", async () => {
    const org = await limited({ month: 2_000 }, "self");
    await setLimits(org, "org", { month: 1_000 });
    const item = holdItem(org, { amount: 900 });
    const over = (await authorize(database.pool, [item, holdItem(org, { amount: 200 })]))[1];
    expect(over).toMatchObject({ refused_by: "budget", scope: "org", limit_value: "1000", used_value: "900" });
    await setLimits(org, "org", { month: null });
    const grown = { org: org.org, id: item.id, units: 1, want_amount: 5_000 };
    expect((await checkpoint(database.pool, [grown]))[0]).toMatchObject({ amount: "2000" });
    expect((await authorize(database.pool, [holdItem(org)]))[0]).toMatchObject({
      ...{ refused_by: "budget", scope: "self", period: "month", limit_value: "2000", used_value: "2000" },
    });
    await settle(database.pool, [settleItem(item, { price: 1_500 })]);
    expect((await authorize(database.pool, [holdItem(org)]))[0]).toMatchObject({ scope: "self", used_value: "1500" });
    await assertHealthy(database.pool, org.org);
  });

  test("a budget counts spend and holds, over every scope and period", async () => {
    const org = await limited({ day: 3_000 });
    await setLimits(org, "org", { month: 10_000 });
    await spend(database.pool, org, 1_000);
    const items = [holdItem(org, { amount: 1_500 }), holdItem(org, { amount: 1_000 })] as const;
    const answers = await authorize(database.pool, items);
    expect(answers[0]).toMatchObject({ granted: true, available: "2000" });
    expect(answers[1]).toMatchObject({
      granted: false,
      refused_by: "budget",
      scope: "key",
      limit_value: "3000",
      used_value: "2500",
    });
    const tomorrow = new Date();
    tomorrow.setUTCHours(24, 0, 0, 0);
    expect(answers[1]?.reset_at).toEqual(tomorrow);
    const second = { ...org, key: await createKey(database.pool, org) };
    const other = holdItem(second, { amount: 7_501 });
    expect((await authorize(database.pool, [other]))[0]).toMatchObject({
      refused_by: "budget",
      scope: "org",
      limit_value: "10000",
      used_value: "2500",
    });
    await settle(database.pool, [settleItem(items[0], { price: 900 })]);
    const states = await database.pool.query(
      "SELECT period, spent, held FROM limit_state WHERE org_id = $1 ORDER BY period",
      [org.org],
    );
    expect(states.rows).toEqual([
      { period: "day", spent: "1900", held: "0" },
      { period: "month", spent: "1900", held: "0" },
    ]);
    await assertHealthy(database.pool, org.org);
  });

  test("a budget clamps like credit does, and an unpriced call fits no budget", async () => {
    const org = await limited({ total: 700 }, "app");
    const item = holdItem(org, { amount: 5_000, min_amount: 100 });
    expect((await authorize(database.pool, [item]))[0]).toMatchObject({ granted: true, amount: "700" });
    await settle(database.pool, [settleItem(item, { price: 700 })]);
    expect((await authorize(database.pool, [holdItem(org, { amount: 0, price_version: null })]))[0]).toMatchObject({
      refused_by: "budget",
      scope: "app",
      reset_at: null,
    });
    await assertHealthy(database.pool, org.org);
  });

  test("a new day starts with an empty budget; what is held stays held", async () => {
    const org = await limited({ day: 1_000 });
    await spend(database.pool, org, 900);
    await database.pool.query(
      "UPDATE limit_state SET period_start = period_start - interval '1 day' WHERE org_id = $1",
      [org.org],
    );
    const item = holdItem(org, { amount: 1_000 });
    expect((await authorize(database.pool, [item]))[0]).toMatchObject({ granted: true });
    const [state] = (
      await database.pool.query(
        "SELECT spent, held, period_start = date_trunc('day', clock_timestamp(), 'UTC') AS rolled FROM limit_state WHERE org_id = $1",
        [org.org],
      )
    ).rows;
    expect(state).toEqual({ spent: "0", held: "1000", rolled: true });
    await settle(database.pool, [settleItem(item, { price: 0 })]);
  });

  test("concurrency counts open holds and frees them at settle", async () => {
    const org = await limited({ maxConcurrency: 2 }, "org");
    const items = [holdItem(org), holdItem(org), holdItem(org)] as const;
    const answers = await authorize(database.pool, items);
    expect(answers.map((answer) => answer.granted)).toEqual([true, true, false]);
    expect(answers[2]).toMatchObject({ refused_by: "concurrency", scope: "org", limit_value: "2", used_value: "2" });
    await settleAll([items[0]]);
    const next = holdItem(org);
    expect((await authorize(database.pool, [next]))[0]).toMatchObject({ granted: true });
    await settleAll([items[1], next]);
    await assertHealthy(database.pool, org.org);
  });

  test("rpm admits N in any 60 s and says when the next fits", async () => {
    const org = await limited({ rpm: 3 });
    const first = await authorize(database.pool, [holdItem(org), holdItem(org)]);
    expect(first.map((answer) => answer.granted)).toEqual([true, true]);
    await database.pool.query("UPDATE limit_slot SET sec = sec - 50, slot = (sec - 50) % 64 WHERE org_id = $1", [
      org.org,
    ]);
    const second = await authorize(database.pool, [holdItem(org), holdItem(org)]);
    expect(second.map((answer) => answer.granted)).toEqual([true, false]);
    expect(second[1]).toMatchObject({ refused_by: "rpm", scope: "key", limit_value: "3", used_value: "3" });
    expect(second[1]?.retry_after_ms).toBeGreaterThan(9_000);
    expect(second[1]?.retry_after_ms).toBeLessThanOrEqual(11_000);
    await database.pool.query("DELETE FROM limit_slot WHERE org_id = $1 AND calls = 2", [org.org]);
    expect((await authorize(database.pool, [holdItem(org)]))[0]).toMatchObject({ granted: true });
  });

  test("tpm reserves the estimate and is corrected at settle", async () => {
    const org = await limited({ tpm: 1_000 });
    const item = holdItem(org, { tokens_estimate: 800 });
    await authorize(database.pool, [item]);
    expect((await authorize(database.pool, [holdItem(org, { tokens_estimate: 300 })]))[0]).toMatchObject({
      refused_by: "tpm",
      used_value: "800",
      limit_value: "1000",
    });
    expect((await authorize(database.pool, [holdItem(org, { tokens_estimate: 1_001 })]))[0]).toMatchObject({
      refused_by: "tpm_too_large",
      retry_after_ms: null,
    });
    await settle(database.pool, [settleItem(item, { usage: { input: 150, output: 50 } })]);
    const next = holdItem(org, { tokens_estimate: 800 });
    expect((await authorize(database.pool, [next]))[0]).toMatchObject({ granted: true });
    await settleAll([next]);
    await assertHealthy(database.pool, org.org);
  });

  test("an edit binds from the next statement and starts with what is running and spent", async () => {
    const org = await createOrg(database.pool, { credit: 1_000_000 });
    await spend(database.pool, org, 400);
    const item = holdItem(org, { amount: 500 });
    await authorize(database.pool, [item]);
    await setLimits(org, "key", { month: 1_000, maxConcurrency: 1 });
    expect((await authorize(database.pool, [holdItem(org, { amount: 50 })]))[0]).toMatchObject({
      refused_by: "concurrency",
    });
    await setLimits(org, "key", { maxConcurrency: null });
    expect((await authorize(database.pool, [holdItem(org, { amount: 101 })]))[0]).toMatchObject({
      refused_by: "budget",
      used_value: "900",
    });
    await setLimits(org, "key", { month: null });
    await settleAll([item]);
    expect((await database.pool.query("SELECT FROM limit_state WHERE org_id = $1", [org.org])).rowCount).toBe(0);
    await assertHealthy(database.pool, org.org);
  });

  test("limits of another organisation never bind, even under the same scope id", async () => {
    const [mine, theirs] = [await limited({ maxConcurrency: 9 }), await limited({ maxConcurrency: 9 })];
    for (const [{ org }, budget] of [
      [mine, 5_000],
      [theirs, 500],
    ] as const) {
      await database.pool.query("SELECT set_limits($1, 'app', 'shared', $2)", [org, JSON.stringify({ total: budget })]);
    }
    const item = holdItem({ ...mine, app: "shared" });
    expect((await authorize(database.pool, [item]))[0]).toMatchObject({ granted: true });
    await settleAll([item]);
    await assertHealthy(database.pool, mine.org);
    await assertHealthy(database.pool, theirs.org);
  });

  test("an edit waits for whoever holds the wallet", async () => {
    const org = await limited({ day: 1_000 });
    await inParallel(database.pool, 2, async (client, index) => {
      if (index === 0) return;
      await client.query("BEGIN");
      await client.query("SELECT FROM wallet WHERE org_id = $1 FOR NO KEY UPDATE", [org.org]);
      const edit =
        "SET statement_timeout = 200; SELECT set_limits('ORG', 'key', 'KEY', '{\"month\": 1}'); RESET statement_timeout";
      const waiting = database.pool.query(edit.replace("ORG", org.org).replace("KEY", org.key));
      await expect(waiting).rejects.toMatchObject({ code: "57014" });
      await client.query("ROLLBACK");
    });
  });

  test.each([
    ["maxConcurrency", { maxConcurrency: 20 }],
    ["rpm", { rpm: 20 }],
    ["budget", { day: 20_000 }],
    ["tpm", { tpm: 200 }],
  ] as const)("%s is exact over concurrent batches", async (_, limits) => {
    const org = await limited(limits);
    const granted = await inParallel(database.pool, 4, async (client) => {
      let waiting = Array.from({ length: 60 }, () => holdItem(org));
      const passed: string[] = [];
      while (waiting.length > 0) {
        const batch = waiting.slice(0, 7);
        const answers = await authorize(client, batch);
        passed.push(...batch.filter((_, n) => answers[n]?.granted).map((item) => item.id));
        waiting = [...waiting.slice(7), ...batch.filter((_, n) => answers[n]?.skipped)];
      }
      return passed;
    });
    expect(granted.flat()).toHaveLength(20);
  });
});
