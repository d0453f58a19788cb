import { afterAll, beforeAll, expect, test } from "vitest";
import { assertHealthy, type TestDatabase, testDatabase } from "@/e2e/support/database";
import { authorize, createOrg, holdItem, settle, settleItem, wallet } from "./testing";

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.drop());

async function call(floor: number | null, settlement: Record<string, unknown>) {
  const org = await createOrg(database.pool, floor === null ? { floor } : { credit: 5_000 });
  const item = holdItem(org);
  await authorize(database.pool, [item]);
  await settle(database.pool, [settleItem(item, settlement)]);
  return org.org;
}

test("what a restart cut off is given back once, and nothing else is", async () => {
  const cut = { outcome: "internal_error", finish_reason: "shutdown", price: 700 };
  const mine = await call(0, cut);
  const free = await call(0, { ...cut, price: 0 });
  const complete = await call(0, { price: 700 });
  const enterprise = await call(null, cut);
  const compensate = async () =>
    (await database.pool.query("SELECT compensate_shutdowns() AS given")).rows[0].given as number;
  expect([await compensate(), await compensate()]).toEqual([1, 0]);
  const posted = await Promise.all([mine, free, complete, enterprise].map((org) => wallet(database.pool, org)));
  expect(posted.map((row) => row.posted)).toEqual([5_000, 5_000, 4_300, -700]);
  await assertHealthy(database.pool);
});
