import { afterAll, beforeAll, expect, test } from "vitest";
import { assertHealthy, type TestDatabase, testDatabase } from "@/e2e/support/database";
import { pauseUnusualKeys } from "@/lib/usage/unusual-spend";
import { createOrg, spend, type TestOrg } from "@/prisma/sql/testing";

const DOLLAR = 1_000_000_000;

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(async () => {
  await assertHealthy(database.pool);
  await database.drop();
});

/** With a key that was made ten days ago. */
async function org({ floor = 0, ageDays = 10 }: { floor?: number | null; ageDays?: number } = {}): Promise<TestOrg> {
  const made = await createOrg(database.pool, floor === null ? { floor } : { credit: 1_000 * DOLLAR });
  await database.pool.query(
    "UPDATE api_key SET created_at = clock_timestamp() - $2 * interval '1 day' - interval '1 minute' WHERE id = $1",
    [made.key, ageDays],
  );
  return made;
}

/** Everything the money functions do in `work` happens that long ago. */
async function ago(interval: string, work: () => Promise<unknown>): Promise<void> {
  const clock = (shift: string) =>
    database.pool.query(
      `CREATE OR REPLACE FUNCTION hub_now() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE AS $$ SELECT date_trunc('milliseconds', clock_timestamp() - interval '${shift}') $$`,
    );
  await clock(interval);
  await work();
  await clock("0");
}

async function status({ key }: TestOrg): Promise<[string, string | null]> {
  const { rows } = await database.pool.query("SELECT status, status_reason FROM api_key WHERE id = $1", [key]);
  return [rows[0].status, rows[0].status_reason];
}

const look = () => pauseUnusualKeys(database.pool);
const ACTIVE = ["active", null];
const PAUSED = ["disabled", "unusual_spend"];

test("more than ten times the most before, and more than $10, pauses the key once", async () => {
  const account = await org();
  // two halves of one ten minutes, which an hour later would be two
  await ago("2 days", () => spend(database.pool, account, 0.6 * DOLLAR));
  await ago("2 days -4 minutes", () => spend(database.pool, account, 0.5 * DOLLAR));
  await ago("1 day", () => spend(database.pool, account, DOLLAR));
  await spend(database.pool, account, 11 * DOLLAR);
  expect(await look()).toBe(0);
  await spend(database.pool, account, 0.1 * DOLLAR);
  expect(await status(account)).toEqual(ACTIVE);
  expect([await look(), await look()]).toEqual([1, 0]);
  expect(await status(account)).toEqual(PAUSED);
  const { rows } = await database.pool.query(
    "SELECT actor_type, action, target, after FROM audit_event WHERE org_id = $1",
    [account.org],
  );
  expect(rows).toEqual([
    {
      actor_type: "system",
      action: "key.pause",
      target: `key:${account.key}`,
      after: { status: "disabled", statusReason: "unusual_spend", spentUsd: "11.1", usualUsd: "1.1" },
    },
  ]);
});

test("an old key that slept may spend $10 and no more", async () => {
  const account = await org();
  await spend(database.pool, account, 10 * DOLLAR);
  expect(await look()).toBe(0);
  await spend(database.pool, account, 1);
  expect(await look()).toBe(1);
});

test("what was usual more than 7 days ago does not count, nor does what was spent more than 10 minutes ago", async () => {
  const [forgotten, earlier] = [await org(), await org()];
  await ago("8 days", () => spend(database.pool, forgotten, 50 * DOLLAR));
  await spend(database.pool, forgotten, 11 * DOLLAR);
  await ago("11 minutes", () => spend(database.pool, earlier, 11 * DOLLAR));
  await look();
  expect([await status(forgotten), await status(earlier)]).toEqual([PAUSED, ACTIVE]);
});

test("a key younger than a day is not judged, nor is any where nobody pays", async () => {
  const [young, enterprise] = [await org({ ageDays: 0 }), await org({ floor: null })];
  for (const account of [young, enterprise]) await spend(database.pool, account, 100 * DOLLAR);
  expect(await look()).toBe(0);
});

test("a resumed key is judged by what it spent since, against what it was resumed with", async () => {
  const account = await org();
  await spend(database.pool, account, 11 * DOLLAR);
  expect(await look()).toBe(1);
  await database.pool.query(
    // rounded to milliseconds, the present may lie behind what is spent next
    "UPDATE api_key SET status = 'active', status_reason = NULL, resumed_at = (SELECT max(at) FROM usage_event WHERE key_id = $1) WHERE id = $1",
    [account.key],
  );
  await spend(database.pool, account, 110 * DOLLAR);
  expect(await look()).toBe(0);
  await spend(database.pool, account, DOLLAR);
  expect(await look()).toBe(1);
});
