import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { assertHealthy, type TestDatabase, testDatabase } from "@/e2e/support/database";
import { newId } from "@/lib/ids";
import { authorize, checkpoint, createOrg, holdItem, settle, settleItem, type TestOrg, wallet } from "./testing";

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.drop());

const boot = async (node: string) =>
  Number((await database.pool.query("SELECT node_boot($1) AS epoch", [node])).rows[0].epoch);
const sweep = async (steady = false) => (await database.pool.query("SELECT * FROM sweep_holds($1)", [steady])).rows;
const voidHolds = async (ids: string[], node: string) =>
  (await database.pool.query("SELECT * FROM void_holds($1, $2, 1)", [ids, node])).rows;
const late = async (items: unknown[]) =>
  (await database.pool.query("SELECT * FROM late_adjust($1)", [JSON.stringify(items)])).rows;
const event = async (id: string) =>
  (await database.pool.query("SELECT * FROM usage_event WHERE id = $1", [id])).rows[0];
const age = (id: string, seconds: number) =>
  database.pool.query("UPDATE hold SET expires_at = clock_timestamp() - $2 * interval '1 second' WHERE id = $1", [
    id,
    seconds,
  ]);

async function running(
  node: string,
  epoch: number,
  { credit = 10_000, amount = 2_000 } = {},
): Promise<{ org: TestOrg; item: ReturnType<typeof holdItem> }> {
  const org = await createOrg(database.pool, { credit });
  const item = holdItem(org, { amount });
  await authorize(database.pool, [item], { node, epoch });
  return { org, item };
}
const progress = (item: { org: string; id: string }, more: Record<string, unknown> = {}) => ({
  org: item.org,
  id: item.id,
  attempt: 1,
  usage: { input: 100, output: 10 },
  units: 10,
  accrued: 900,
  accrued_cost: 500,
  ctx: {
    provider: "sandbox",
    upstream_model: "chat",
    offer: "off_1",
    route: "relay",
    upstream_id: "up_1",
    cost_version: 2,
  },
  ...more,
});

describe("checkpoint_batch", () => {
  test("keeps the furthest progress, stamps the sending and renews the hold", async () => {
    const node = newId("node");
    const { org, item } = await running(node, await boot(node));
    await age(item.id, 5);
    await checkpoint(database.pool, [progress(item)], { node });
    const [answer] = await checkpoint(
      database.pool,
      [progress(item, { units: 4, accrued: 300, usage: { input: 1 }, ctx: { finish: 1 } })],
      { node },
    );
    expect(answer).toMatchObject({ state: "open", amount: "2000", refused_by: null, skipped: false });
    const hold = (
      await database.pool.query(
        "SELECT *, expires_at > clock_timestamp() + interval '110 s' AS renewed FROM hold WHERE id = $1",
        [item.id],
      )
    ).rows[0];
    expect(hold).toMatchObject({
      units: "10",
      accrued: "900",
      usage: { input: 100, output: 10 },
      renewed: true,
      ctx: { provider: "sandbox", finish: 1, endpoint: "chat.completions" },
    });
    expect(hold.sent_at).not.toBeNull();
    await settle(database.pool, [settleItem(item)]);
    await assertHealthy(database.pool, org.org);
  });

  test("extends by what fits, refuses when nothing does, and binds budgets", async () => {
    const node = newId("node");
    const { org, item } = await running(node, await boot(node), { credit: 3_000, amount: 1_000 });
    expect((await checkpoint(database.pool, [progress(item, { want_amount: 2_500 })], { node }))[0]).toMatchObject({
      state: "open",
      amount: "2500",
      refused_by: null,
    });
    expect((await checkpoint(database.pool, [progress(item, { want_amount: 2_500 })], { node }))[0]).toMatchObject({
      amount: "2500",
    });
    expect((await checkpoint(database.pool, [progress(item, { want_amount: 4_000 })], { node }))[0]).toMatchObject({
      amount: "3000",
      refused_by: null,
      available: "3000",
    });
    expect((await checkpoint(database.pool, [progress(item, { want_amount: 4_000 })], { node }))[0]).toMatchObject({
      amount: "3000",
      refused_by: "insufficient_credits",
    });
    expect(await wallet(database.pool, org.org)).toMatchObject({ posted: 3_000, held: 3_000 });
    await settle(database.pool, [settleItem(item, { price: 3_000 })]);

    const second = await running(node, 1);
    await database.pool.query("SELECT set_limits($1, 'key', $2, '{\"day\": 2500}')", [second.org.org, second.org.key]);
    expect(
      (await checkpoint(database.pool, [progress(second.item, { want_amount: 4_000 })], { node }))[0],
    ).toMatchObject({ amount: "2500" });
    expect(
      (await checkpoint(database.pool, [progress(second.item, { want_amount: 4_000 })], { node }))[0],
    ).toMatchObject({ refused_by: "budget" });
    await database.pool.query("SELECT freeze_wallet($1, 'fraud')", [second.org.org]);
    expect(
      (await checkpoint(database.pool, [progress(second.item, { want_amount: 4_000 })], { node }))[0],
    ).toMatchObject({ refused_by: "wallet_frozen" });
    await settle(database.pool, [settleItem(second.item, { price: 100 })]);
    await assertHealthy(database.pool);
  });

  test("pins a hold anew for another model, whole or not at all, and only before any output", async () => {
    const node = newId("node");
    const { org, item } = await running(node, await boot(node), { credit: 3_000, amount: 1_000 });
    const nothing = { units: 0, accrued: 0, accrued_cost: 0, usage: {} };
    const repin = { ...nothing, model: "other/model", price_version: 7, restricted_ok: true };
    const ask = async (more: Record<string, unknown>) =>
      (await checkpoint(database.pool, [progress(item, more)], { node }))[0];
    expect(await ask({ ...repin, want_amount: 3_001 })).toMatchObject({
      amount: "1000",
      refused_by: "insufficient_credits",
      available: "3000",
    });
    expect(await ask({ ...repin, want_amount: 2_400 })).toMatchObject({ amount: "2400", refused_by: null });
    expect(await ask({ ...repin, want_amount: 600 })).toMatchObject({ amount: "600", refused_by: null });
    expect(await wallet(database.pool, org.org)).toMatchObject({ held: 600 });
    const pinned = "SELECT model_id, price_version_id::int AS price FROM hold WHERE id = $1";
    expect((await database.pool.query(pinned, [item.id])).rows[0]).toEqual({ model_id: "other/model", price: 7 });

    const limit = (limits: string) =>
      database.pool.query("SELECT set_limits($1, 'key', $2, $3::jsonb)", [org.org, org.key, limits]);
    await limit('{"day": 700}');
    expect(await ask({ ...repin, want_amount: 701 })).toMatchObject({ amount: "600", refused_by: "budget" });
    expect(await ask({ ...repin, price_version: null, want_amount: 700 })).toMatchObject({ refused_by: "budget" });
    await limit('{"day": null}');
    await database.pool.query("UPDATE api_key SET status = 'revoked' WHERE id = $1", [org.key]);
    expect(await ask({ ...repin, want_amount: 700 })).toMatchObject({ amount: "600", refused_by: "key_revoked" });
    await database.pool.query("UPDATE api_key SET status = 'active' WHERE id = $1", [org.key]);
    expect(await ask({ ...repin, want_amount: 700, units: 1 })).toMatchObject({ amount: "600", refused_by: "started" });
    await settle(database.pool, [settleItem(item)]);
    expect(await event(item.id)).toMatchObject({ model_id: "other/model", price_version_id: "7" });
    await assertHealthy(database.pool, org.org);
  });

  test("tells a fenced node, and the owner of a closed hold, to stop", async () => {
    const node = newId("node");
    const { item } = await running(node, await boot(node));
    expect((await checkpoint(database.pool, [progress(item)], { node: "other" }))[0]).toMatchObject({ state: "stale" });
    await boot(node);
    expect((await checkpoint(database.pool, [progress(item, { units: 99 })], { node, epoch: 1 }))[0]).toMatchObject({
      state: "stale",
    });
    expect((await database.pool.query("SELECT units FROM hold WHERE id = $1", [item.id])).rows[0].units).toBe("0");
    await settle(database.pool, [settleItem(item)]);
    expect(
      (
        await checkpoint(database.pool, [progress(item), { org: item.org, id: "req_none", units: 1 }], {
          node,
          epoch: 2,
        })
      ).map((row) => row.state),
    ).toEqual(["captured", "missing"]);
    expect(
      (await database.pool.query("SELECT node_heartbeat($1, 1) AS old, node_heartbeat($1, 2) AS new", [node])).rows[0],
    ).toEqual({ old: false, new: true });
  });
});

test("a closed hold keeps the progress it had", async () => {
  const node = newId("node");
  const { item } = await running(node, await boot(node));
  await settle(database.pool, [settleItem(item)]);
  expect((await checkpoint(database.pool, [progress(item, { units: 77 })], { node }))[0]).toMatchObject({
    state: "captured",
  });
  expect((await database.pool.query("SELECT units, sent_at FROM hold WHERE id = $1", [item.id])).rows).toEqual([
    { units: "0", sent_at: null },
  ]);
});

describe("void_holds", () => {
  test("closes an open hold of its own node at no charge", async () => {
    const { org, item } = await running("void-node", 1);
    await database.pool.query("SELECT set_limits($1, 'org', $1, '{\"day\": 5000, \"maxConcurrency\": 5}')", [org.org]);
    expect(await voidHolds([item.id], "someone-else")).toEqual([{ id: item.id, state: "open" }]);
    expect(await voidHolds([item.id], "void-node")).toEqual([{ id: item.id, state: "voided" }]);
    expect(await wallet(database.pool, org.org)).toMatchObject({ posted: 10_000, held: 0 });
    expect((await settle(database.pool, [settleItem(item)]))[0]).toMatchObject({
      applied: false,
      prior_state: "voided",
    });
    await assertHealthy(database.pool, org.org);
  });

  test("an id not seen yet leaves a tombstone, so the authorize that arrives later is refused", async () => {
    const org = await createOrg(database.pool, { credit: 5_000 });
    const item = holdItem(org);
    expect(await voidHolds([item.id, item.id], "void-node")).toEqual([{ id: item.id, state: "voided" }]);
    expect((await authorize(database.pool, [item], { node: "void-node" }))[0]).toMatchObject({
      granted: false,
      refused_by: "voided",
    });
    expect((await wallet(database.pool, org.org)).held).toBe(0);
    await assertHealthy(database.pool, org.org);
  });

  test("a void that overtakes its authorize on another connection still wins", async () => {
    const org = await createOrg(database.pool, { credit: 5_000 });
    const item = holdItem(org);
    const client = await database.pool.connect();
    await client.query("BEGIN");
    expect((await authorize(client, [item], { node: "void-node" }))[0]).toMatchObject({ granted: true });
    const voiding = voidHolds([item.id], "void-node"); // waits for the insert of the same id
    await client.query("COMMIT");
    client.release();
    expect(await voiding).toEqual([{ id: item.id, state: "voided" }]);
    expect((await wallet(database.pool, org.org)).held).toBe(0);
    await assertHealthy(database.pool, org.org);
  });
});

describe("sweep_holds", () => {
  test("never touches a live node's hold before it is 15 s past expiry", async () => {
    const node = newId("node");
    const { item } = await running(node, await boot(node));
    await age(item.id, 14);
    expect((await sweep(true)).map((row) => row.id)).not.toContain(item.id);
    await age(item.id, 16);
    expect((await sweep()).find((row) => row.id === item.id)).toMatchObject({ reason: "expired", price: "0" });
  });

  test("charges the last checkpoint of a call whose output had begun, else nothing, and writes the whole event", async () => {
    const node = newId("node");
    await boot(node);
    const [begun, silent] = [await running(node, 1), await running(node, 1)];
    await checkpoint(database.pool, [progress(begun.item)], { node });
    await checkpoint(database.pool, [progress(silent.item, { units: 0, accrued: 800, accrued_cost: 0 })], { node });
    await Promise.all([age(begun.item.id, 20), age(silent.item.id, 20)]);
    const swept = (await Promise.all([sweep(), sweep(), sweep()])).flat().filter((row) => row.node === node);
    expect(swept).toHaveLength(2);
    expect(await event(begun.item.id)).toMatchObject({
      kind: "call",
      outcome: "crashed",
      price_nano: "900",
      cost_nano: "500",
      input_tokens: 100,
      output_tokens: 10,
      usage_source: "estimated",
      provider: "sandbox",
      upstream_model: "chat",
      route: "relay",
      upstream_id: "up_1",
      endpoint: "chat.completions",
      dialect: "openai-chat",
      stream: true,
      client: "a-program",
      node: "sweeper",
    });
    expect(await event(silent.item.id)).toMatchObject({ outcome: "crashed", price_nano: "0", input_tokens: 0 });
    expect(
      (
        await database.pool.query("SELECT outcome, cost_nano, offer_id FROM attempt WHERE request_id = $1", [
          begun.item.id,
        ])
      ).rows,
    ).toEqual([{ outcome: "crashed", cost_nano: "500", offer_id: "off_1" }]);
    expect(await wallet(database.pool, begun.org.org)).toMatchObject({ posted: 9_100, held: 0 });
    await assertHealthy(database.pool, begun.org.org);
    await assertHealthy(database.pool, silent.org.org);
  });

  test("takes an older epoch at the spool mark, or 15 s after the new boot", async () => {
    const node = newId("node");
    const { org, item } = await running(node, await boot(node));
    const epoch = await boot(node);
    expect((await sweep(true)).map((row) => row.id)).not.toContain(item.id);
    await database.pool.query("SELECT node_spool_replayed($1, $2)", [node, epoch]);
    expect((await sweep()).find((row) => row.id === item.id)).toMatchObject({ reason: "older_epoch" });
    const next = await running(node, epoch);
    await database.pool.query("UPDATE node SET booted_at = booted_at - interval '16 s' WHERE id = $1", [node]);
    expect((await sweep(true)).map((row) => row.id)).not.toContain(next.item.id);
    await boot(node);
    await database.pool.query("UPDATE node SET booted_at = booted_at - interval '16 s' WHERE id = $1", [node]);
    expect((await sweep()).map((row) => row.id)).toContain(next.item.id);
    await assertHealthy(database.pool, org.org);
  });

  test("takes a silent node's holds only from a sweeper that has been steady", async () => {
    const node = newId("node");
    const { item } = await running(node, await boot(node));
    await database.pool.query("UPDATE node SET beat_at = beat_at - interval '16 s' WHERE id = $1", [node]);
    expect((await sweep(false)).map((row) => row.id)).not.toContain(item.id);
    expect((await sweep(true)).find((row) => row.id === item.id)).toMatchObject({ reason: "silent_node" });
  });
});

describe("late_adjust", () => {
  async function swept(credit = 10_000) {
    const node = newId("node");
    await boot(node);
    const { org, item } = await running(node, 1, { credit });
    await database.pool.query("SELECT set_limits($1, 'key', $2, '{\"month\": 1000000}')", [org.org, org.key]);
    await checkpoint(database.pool, [progress(item)], { node });
    await age(item.id, 20);
    await sweep();
    return { org, item };
  }

  test("posts the difference once, as an adjusting event", async () => {
    const { org, item } = await swept();
    const truth = settleItem(item, { price: 1_200, cost: 800, usage: { input: 100, output: 25 } });
    expect((await settle(database.pool, [truth]))[0]).toMatchObject({ applied: false, prior_state: "expired" });
    expect(await late([truth])).toEqual([{ ord: 1, id: item.id, applied: true, delta: "300" }]);
    expect(await late([truth, settleItem({ org: org.org, id: "req_none" })])).toMatchObject([
      { applied: false, delta: null },
      { applied: false },
    ]);
    expect(await event(`adj_${item.id}`)).toMatchObject({
      kind: "adjust",
      parent_id: item.id,
      price_nano: "300",
      promo_nano: "300",
      cost_nano: "300",
      input_tokens: 0,
      output_tokens: 15,
      outcome: "ok",
    });
    expect(await wallet(database.pool, org.org)).toMatchObject({ posted: 8_800, status: "active" });
    expect((await database.pool.query("SELECT id, kind FROM find_usage($1, $2)", [org.org, item.id])).rows).toEqual([
      { id: item.id, kind: "call" },
      { id: `adj_${item.id}`, kind: "adjust" },
    ]);
    await assertHealthy(database.pool, org.org);
  });

  test("gives back what was too much, into the lots it came from", async () => {
    const { org, item } = await swept();
    expect(await late([settleItem(item, { price: 100 })])).toMatchObject([{ applied: true, delta: "-800" }]);
    expect(await wallet(database.pool, org.org)).toMatchObject({ posted: 9_900 });
    await assertHealthy(database.pool, org.org);
  });

  test("may take the balance below its floor; the wallet is frozen until credit covers it", async () => {
    const { org, item } = await swept(2_000);
    await late([settleItem(item, { price: 2_500 })]);
    expect(await wallet(database.pool, org.org)).toMatchObject({
      posted: -500,
      status: "frozen",
      freeze_reason: "negative",
    });
    await assertHealthy(database.pool, org.org);
    await database.pool.query("SELECT * FROM grant_credit($1, 800, 'paid', $2, 'test', 'test')", [
      org.org,
      newId("lot"),
    ]);
    expect(await wallet(database.pool, org.org)).toMatchObject({ posted: 300, status: "active", freeze_reason: null });
    await assertHealthy(database.pool, org.org);
  });

  test.each([
    ["a late truth that pays the debt back frees the wallet", 0],
    ["what a person wrote off is not given back either", 200],
  ])("%s", async (_title, written) => {
    const { org, item } = await swept(2_000);
    const later = holdItem(org, { amount: 1_100 });
    await authorize(database.pool, [later], { node: "late-node" });
    await age(later.id, 20);
    await sweep();
    await late([settleItem(later, { price: 1_300 })]);
    expect(await wallet(database.pool, org.org)).toMatchObject({ posted: -200, freeze_reason: "negative" });
    if (written > 0)
      await database.pool.query("SELECT * FROM write_off($1, $2, $3, 'test', 'test')", [org.org, written, newId("k")]);
    await late([settleItem(item, { price: 400 })]);
    expect(await wallet(database.pool, org.org)).toMatchObject({ posted: 300, status: "active", freeze_reason: null });
    await assertHealthy(database.pool, org.org);
  });

  test("what was written off is not given back", async () => {
    const node = newId("node");
    await boot(node);
    const { org, item } = await running(node, 1, { credit: 300, amount: 300 });
    await checkpoint(database.pool, [progress(item)], { node });
    await age(item.id, 20);
    await sweep();
    // 900 were due, 300 there
    await late([settleItem(item, { price: 200 })]);
    expect(await wallet(database.pool, org.org)).toMatchObject({ posted: 100, status: "active" });
    const { rows } = await database.pool.query(
      `SELECT sum(e.amount)::int AS sum FROM entry e JOIN journal j ON j.id = e.journal_id WHERE j.org_id = $1 AND e.account_id = 'bad_debt'`,
      [org.org],
    );
    expect(rows).toEqual([{ sum: 0 }]);
    await assertHealthy(database.pool, org.org);
  });

  test("a showback that was closed since is not given back as credit", async () => {
    const other = await testDatabase();
    try {
      const org = await createOrg(other.pool, { floor: null });
      const item = holdItem(org, { amount: 2_000 });
      await authorize(other.pool, [item]);
      await checkpoint(other.pool, [progress(item)]);
      await other.pool.query("UPDATE hold SET expires_at = clock_timestamp() - interval '20 seconds'");
      await other.pool.query("SELECT * FROM sweep_holds()");
      await other.pool.query("SELECT switch_mode('service', 'test')");
      await other.pool.query("SELECT * FROM late_adjust($1)", [JSON.stringify([settleItem(item, { price: 300 })])]);
      expect(await wallet(other.pool, org.org)).toMatchObject({ posted: 0, status: "active" });
      await assertHealthy(other.pool);
    } finally {
      await other.drop();
    }
  });
});

describe("upkeep", () => {
  test("prunes closed holds and listed refusals when they are old", async () => {
    const { org, item } = await running("prune-node", 1);
    await settle(database.pool, [settleItem(item)]);
    const refusal = {
      id: newId("req"),
      org: org.org,
      app: org.app,
      key: org.key,
      model: "m",
      endpoint: "chat.completions",
      dialect: "openai-chat",
      stream: false,
      http_status: 402,
      rule: "budget",
    };
    const batch = Array.from({ length: 14 }, () => ({ ...refusal, id: newId("req") }));
    await database.pool.query("SELECT log_refusals($1, 'node')", [JSON.stringify(batch)]);
    await database.pool.query("SELECT log_refusals($1, 'node')", [JSON.stringify([refusal])]);
    const listed = "SELECT count(*)::int AS n FROM refusal WHERE org_id = $1";
    expect((await database.pool.query(listed, [org.org])).rows[0].n).toBe(10);
    expect((await database.pool.query("SELECT calls FROM refusal_rollup WHERE org_id = $1", [org.org])).rows).toEqual([
      { calls: "15" },
    ]);
    await database.pool.query("SELECT prune_holds(), prune_refusals()");
    expect((await database.pool.query(listed, [org.org])).rows[0].n).toBe(10);
    await database.pool.query("SELECT prune_holds('-1 s'), prune_refusals('-1 s')");
    expect((await database.pool.query(listed, [org.org])).rows[0].n).toBe(0);
    expect((await database.pool.query("SELECT FROM hold WHERE id = $1", [item.id])).rowCount).toBe(0);
    await assertHealthy(database.pool, org.org);
  });

  test("makes the partitions of the coming months, each protected from TRUNCATE", async () => {
    await database.pool.query("ALTER TABLE usage_event DETACH PARTITION usage_event_default");
    const last = (
      await database.pool.query(
        "SELECT max(inhrelid::regclass::text) AS name FROM pg_inherits WHERE inhparent = 'usage_event'::regclass AND inhrelid::regclass::text LIKE '%\\___'",
      )
    ).rows[0].name;
    await database.pool.query(`DROP TABLE ${last}`);
    expect((await database.pool.query("SELECT ensure_partitions() AS made")).rows[0].made).toEqual([last]);
    expect((await database.pool.query("SELECT ensure_partitions() AS made")).rows[0].made).toEqual([]);
    await expect(database.pool.query(`TRUNCATE ${last}`)).rejects.toThrow("append-only");
  });
});
