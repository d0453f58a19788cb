import { afterAll, beforeAll, expect, test } from "vitest";
import { assertHealthy, type TestDatabase, testDatabase } from "@/e2e/support/database";
import { authorize, createOrg, holdItem, settle, settleItem } from "./testing";

const ORGS = 100;
const BATCHES = 12;
const CALLS = ORGS * BATCHES;
/** Rows that a plan may handle for each call. Reading all calls anew for each of them handles thousands. */
const PER_CALL = 200;

type PlanNode = {
  "Actual Rows": number;
  "Actual Loops": number;
  "Rows Removed by Filter"?: number;
  "Rows Removed by Join Filter"?: number;
  Plans?: PlanNode[];
};

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
  const { pool } = database;
  const orgs = await Promise.all(Array.from({ length: ORGS }, () => createOrg(pool, { credit: 1_000_000 })));
  // what the planner knows is from before the first call: no usage, no revenue
  await pool.query("ANALYZE");
  for (let batch = 0; batch < BATCHES; batch++) {
    const items = orgs.map((org) => holdItem(org));
    await authorize(pool, items);
    await settle(
      pool,
      items.map((item) => settleItem(item)),
    );
  }
});
afterAll(() => database.drop());

/** How many rows a plan and everything below it handled. */
function rowsOf(node: PlanNode): number {
  const own = node["Actual Rows"] + (node["Rows Removed by Filter"] ?? 0) + (node["Rows Removed by Join Filter"] ?? 0);
  return own * node["Actual Loops"] + (node.Plans ?? []).reduce((sum, child) => sum + rowsOf(child), 0);
}

test.each(["'-infinity'", "now() - interval '1 hour'"])(
  "the check of the books from %s handles each call a few times, though statistics are old",
  async (since) => {
    const client = await database.pool.connect();
    try {
      const { rows } = await client.query("SELECT prosrc, proconfig FROM pg_proc WHERE proname = 'violations_since'");
      await client.query("BEGIN");
      for (const setting of rows[0].proconfig) await client.query(`SET LOCAL ${setting}`);
      const body = rows[0].prosrc.replaceAll(/--.*$/gm, "").replaceAll(/\bsince\b/g, `(${since})::timestamptz`);
      const plan = await client.query(`EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) ${body}`);
      await client.query("ROLLBACK");
      const perCall = rowsOf(plan.rows[0]["QUERY PLAN"][0].Plan) / CALLS;
      expect(perCall).toBeGreaterThan(1);
      expect(perCall).toBeLessThan(PER_CALL);
    } finally {
      client.release();
    }
    await assertHealthy(database.pool);
  },
);
