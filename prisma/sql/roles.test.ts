import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ignoreEnd, type TestDatabase, testDatabase } from "@/e2e/support/database";
import { newId } from "@/lib/ids";
import { authorize, createOrg, grant, holdItem, settle, settleItem, spend } from "./testing";

const ROLES = ["gateway", "web", "worker"] as const;
const MONEY = [
  "wallet",
  "hold",
  "credit_lot",
  "lot_draw",
  "journal",
  "entry",
  "account",
  "usage_event",
  "attempt",
  "usage_rollup",
  "refusal",
  "refusal_rollup",
  "limit_state",
  "limit_slot",
  "node",
  "config_version",
];
const APPEND_ONLY = ["journal", "entry", "usage_event", "lot_draw", "attempt", "audit_event", "price_version"];

let database: TestDatabase;
const as = {} as Record<(typeof ROLES)[number], pg.Pool>;
beforeAll(async () => {
  database = await testDatabase();
  for (const role of ROLES) {
    as[role] = new pg.Pool({ connectionString: database.roleUrl(role), max: 2 });
    ignoreEnd(as[role]);
  }
});
afterAll(async () => {
  for (const role of ROLES) await as[role].end();
  await database.drop();
});
const DENIED = { code: "42501" };

describe.each(ROLES)("hub_%s", (role) => {
  test("writes no money table", async () => {
    for (const table of MONEY) {
      for (const right of ["INSERT", "UPDATE", "DELETE", "TRUNCATE"]) {
        const { rows } = await as[role].query("SELECT has_table_privilege($1, $2) AS may", [table, right]);
        expect({ table, right, may: rows[0].may }).toEqual({ table, right, may: false });
      }
    }
    await expect(as[role].query("UPDATE wallet SET posted = 1")).rejects.toMatchObject(DENIED);
    await expect(
      as[role].query("INSERT INTO entry (journal_id, account_id, amount) VALUES (1, 'revenue', 1)"),
    ).rejects.toMatchObject(DENIED);
  });

  test("changes, deletes and truncates no append-only row", async () => {
    for (const table of APPEND_ONLY) {
      for (const statement of [`UPDATE ${table} SET org_id = org_id`, `DELETE FROM ${table}`, `TRUNCATE ${table}`]) {
        await expect(as[role].query(statement)).rejects.toMatchObject({
          code: expect.stringMatching(/^(42501|42703)$/),
        });
      }
    }
  });

  test("makes no table and no function of its own in our schema", async () => {
    await expect(as[role].query("CREATE TABLE mine (id int)")).rejects.toMatchObject(DENIED);
    await expect(
      as[role].query("CREATE FUNCTION hub_mine() RETURNS int LANGUAGE sql AS 'SELECT 1'"),
    ).rejects.toMatchObject(DENIED);
  });
});

test("not even the owner edits an append-only row", async () => {
  const org = await createOrg(database.pool, { credit: 5_000 });
  await spend(database.pool, org, 100);
  await database.pool.query(
    "INSERT INTO audit_event (id, actor_type, actor_id, action, target) VALUES ($1, 'system', 'test', 'test', 'test')",
    [newId("aud")],
  );
  await database.pool.query(
    "INSERT INTO price_version (subject, subject_id, rates, content_hash, source, created_by) VALUES ('model', 'm', '{}', 'h', 'seed', 'test')",
  );
  for (const table of APPEND_ONLY) {
    for (const statement of [
      `UPDATE ${table} SET ${table === "entry" ? "amount = 1" : "org_id = NULL"}`,
      `DELETE FROM ${table}`,
      `TRUNCATE ${table}`,
    ]) {
      await expect(database.pool.query(statement), statement).rejects.toThrow("append-only");
    }
  }
  for (const { name } of (
    await database.pool.query(
      "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'usage_event'::regclass",
    )
  ).rows) {
    await expect(database.pool.query(`TRUNCATE ${name}`)).rejects.toThrow("append-only");
  }
});

test("the gateway holds and settles, reads usage by organisation only, and grants nothing", async () => {
  const org = await createOrg(database.pool, { credit: 5_000 });
  const item = holdItem(org);
  expect((await authorize(as.gateway, [item]))[0]).toMatchObject({ granted: true });
  expect((await settle(as.gateway, [settleItem(item)]))[0]).toMatchObject({ applied: true });
  expect((await as.gateway.query("SELECT id FROM find_usage($1, $2)", [org.org, `up_${item.id}`])).rows).toEqual([
    { id: item.id },
  ]);
  expect((await as.gateway.query("SELECT id FROM find_usage('org_other', $1)", [item.id])).rows).toEqual([]);
  const claim = [org.org, org.key, "/api/v1/chat/completions", "k"];
  expect((await as.gateway.query("SELECT * FROM read_idempotency($1, $2, $3, $4)", claim)).rows).toEqual([]);
  // answers kept for a retry are the tenant's words
  for (const role of [as.gateway, as.web, as.worker])
    await expect(role.query("SELECT response FROM idempotency")).rejects.toMatchObject(DENIED);
  await as.gateway.query("SELECT id, status FROM api_key LIMIT 1");
  await expect(as.gateway.query("SELECT * FROM usage_event")).rejects.toMatchObject(DENIED);
  await expect(as.gateway.query('SELECT * FROM "user"')).rejects.toMatchObject(DENIED);
  await expect(grant(as.gateway, org.org, { amount: 1 })).rejects.toMatchObject(DENIED);
  await expect(as.gateway.query("SELECT sweep_holds()")).rejects.toMatchObject(DENIED);
  await expect(as.gateway.query("SELECT post_settlements('{}', now(), 'x')")).rejects.toMatchObject(DENIED);
  await expect(as.gateway.query("UPDATE api_key SET status = 'active'")).rejects.toMatchObject(DENIED);
});

test("web grants credit and queues jobs, but neither holds nor settles", async () => {
  const org = await createOrg(database.pool);
  expect(await grant(as.web, org.org, { amount: 500 })).toMatchObject({ applied: true });
  await as.web.query("SELECT set_limits($1, 'org', $1, '{\"rpm\": 5}')", [org.org]);
  await as.web.query("SELECT * FROM violations");
  await expect(as.web.query("SELECT mark_balances()")).rejects.toMatchObject(DENIED);
  expect((await as.web.query("SELECT id FROM graphile_worker.add_job('test_job', '{}')")).rowCount).toBe(1);
  await expect(as.web.query("SELECT * FROM graphile_worker._private_jobs")).rejects.toMatchObject(DENIED);
  await expect(authorize(as.web, [holdItem(org)])).rejects.toMatchObject(DENIED);
  await expect(settle(as.web, [])).rejects.toMatchObject(DENIED);
});

test("the worker sweeps, runs jobs and probes credentials, but changes no secret", async () => {
  expect((await as.worker.query("SELECT * FROM sweep_holds()")).rows).toEqual([]);
  await as.worker.query("SELECT ensure_partitions(), prune_holds(), prune_refusals(), expire_credit()");
  expect(
    (await as.worker.query("SELECT count(*)::int AS n FROM graphile_worker._private_jobs")).rows[0].n,
  ).toBeGreaterThanOrEqual(0);
  await as.worker.query("UPDATE credential SET status = 'active', last_tested_at = clock_timestamp()");
  await expect(as.worker.query("UPDATE credential SET sealed = 'x'")).rejects.toMatchObject(DENIED);
  await expect(grant(as.worker, "org_x", { amount: 1 })).rejects.toMatchObject(DENIED);
});

test("changes of configuration and keys are announced, with the version they count", async () => {
  await as.web.query("INSERT INTO provider (id, slug, kind, display_name) VALUES ('told', 'told', 'sandbox', 'Told')");
  await as.web.query(
    "INSERT INTO credential (id, provider_id, name, sealed, sealed_origin, last4, fingerprint) VALUES ('told', 'told', 'a', 's', 'o', '1234', 'f')",
  );
  const listener = new pg.Client({ connectionString: database.roleUrl("gateway") });
  await listener.connect();
  const heard: string[] = [];
  listener.on("notification", ({ channel, payload }) => heard.push(`${channel} ${payload}`));
  await listener.query("LISTEN hub_config");
  await listener.query("LISTEN hub_key");
  const version = async () => Number((await as.gateway.query("SELECT version FROM config_version")).rows[0].version);
  const before = await version();
  await as.web.query("INSERT INTO setting (key, value) VALUES ('test', '1')");
  await as.web.query(
    "INSERT INTO price_version (subject, subject_id, rates, content_hash, source, created_by) VALUES ('model', 'm', '{}', 'h', 'panel', 'test')",
  );
  const org = await createOrg(database.pool);
  await as.web.query("UPDATE api_key SET status = 'revoked' WHERE id = $1", [org.key]);
  await as.web.query("UPDATE org SET name = 'other' WHERE id = $1", [org.org]);
  await as.web.query("UPDATE org SET status = 'suspended' WHERE id = $1", [org.org]);
  await listener.query("SELECT 1"); // notifications arrive with or before this answer
  expect(heard).toEqual([
    "hub_config setting",
    "hub_config price_version",
    `hub_key ${org.key}`,
    `hub_key org:${org.org}`,
  ]);
  expect(await version()).toBe(before + 2);
  await as.web.query("UPDATE setting SET value = '1', updated_at = clock_timestamp() WHERE key = 'test'");
  await as.web.query("DELETE FROM setting WHERE key = 'no such'");
  await as.worker.query("UPDATE credential SET last_tested_at = clock_timestamp(), status_reason = 'checked'");
  expect(await version(), "nothing was configured").toBe(before + 2);
  await as.worker.query("UPDATE credential SET status = 'disabled'");
  await as.web.query("UPDATE setting SET value = '2' WHERE key = 'test'");
  await as.web.query("DELETE FROM setting WHERE key = 'test'");
  expect(await version()).toBe(before + 5);
  await listener.end();
});
