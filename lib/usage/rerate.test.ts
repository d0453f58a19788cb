import { afterAll, beforeAll, expect, test } from "vitest";
import { type TestDatabase, testDatabase } from "@/e2e/support/database";
import { parseRates, priceUsage } from "@/lib/billing/pricing";
import type { Usage } from "@/lib/billing/usage";
import { logger } from "@/lib/log";
import { createPool } from "@/lib/pg";
import { rerate } from "@/lib/usage/rerate";
import { restoredUsage, storedUsage } from "@/lib/usage/stored-usage";
import { authorize, createOrg, holdItem, settle, settleItem, type TestOrg } from "@/prisma/sql/testing";
import { rerateJob } from "@/server/jobs/rerate";

const STORED = {
  input: "1000000000",
  cacheRead: "100000000",
  output: "4000000000",
  perImageVariant: { "1024x1024/high": "167000000000", "512x512": "40000000000" },
  perToolCall: { web_search: "10000000000" },
  tiers: [{ aboveInputTokens: 1_000, input: "2000000000" }],
  serviceTiers: { flex: { input: "500000000", output: "2000000000" } },
};
const FACTOR_BP = 8_333;
const EVERYTHING = { since: new Date(0), until: new Date("9999-01-01") };

let database: TestDatabase;
let version: number;
beforeAll(async () => {
  database = await testDatabase();
  const { rows } = await database.pool.query(
    `INSERT INTO price_version (subject, subject_id, rates, factor_bp, content_hash, source, created_by)
     VALUES ('model', 'test/model', $1, $2, 'x', 'api', 'test') RETURNING id`,
    [JSON.stringify(STORED), FACTOR_BP],
  );
  version = Number(rows[0].id);
});
afterAll(() => database.drop());

async function call(
  org: TestOrg,
  usage: Usage,
  charge: { by?: bigint; version?: number | null } = {},
): Promise<string> {
  const item = holdItem(org, {
    amount: 1_000_000_000,
    price_version: charge.version === undefined ? version : charge.version,
  });
  await authorize(database.pool, [item]);
  const price = priceUsage(usage, parseRates(STORED), FACTOR_BP) + (charge.by ?? 0n);
  await settle(database.pool, [settleItem(item, { price: Number(price), usage: storedUsage(usage) })]);
  return item.id;
}

const USAGES: Usage[] = [
  { input: 7, output: 3, requests: 1 },
  { input: 900, cacheRead: 101, output: 1, requests: 1 },
  { input: 5, otherInput: 6, output: 7, otherOutput: 8, requests: 1 },
  { images: 3, imageVariants: { "1024x1024/high": 1, "512x512/low": 1 }, requests: 1 },
  { input: 1, toolCalls: { web_search: 2, unheard_of: 1 }, requests: 1 },
  { input: 33, output: 9, serviceTier: "flex", requests: 1 },
  {},
];

test.each(USAGES)("%j is stored so that it reads back the same", (usage) => {
  expect(restoredUsage(storedUsage(usage))).toEqual(usage);
});

test("every call prices again to what it was charged, from what is stored alone", async () => {
  const org = await createOrg(database.pool, { credit: 10_000_000_000 });
  for (const usage of USAGES) await call(org, usage);
  expect(await rerate(database.pool, { ...EVERYTHING, orgId: org.org })).toEqual({
    checked: USAGES.length,
    differences: [],
  });
});

test.each(USAGES)("a call whose truth came late prices again, too: %j", async (usage) => {
  const org = await createOrg(database.pool, { credit: 10_000_000_000 });
  const item = holdItem(org, { amount: 1_000_000_000, price_version: version });
  await authorize(database.pool, [item]);
  await database.pool.query("UPDATE hold SET expires_at = clock_timestamp() - interval '1 hour' WHERE id = $1", [
    item.id,
  ]);
  await database.pool.query("SELECT * FROM sweep_holds()");
  const price = priceUsage(usage, parseRates(STORED), FACTOR_BP);
  const late = settleItem(item, { price: Number(price), usage: storedUsage(usage) });
  const { rows } = await database.pool.query("SELECT * FROM late_adjust($1)", [JSON.stringify([late])]);
  expect(rows).toMatchObject([{ applied: true, delta: price.toString() }]);
  expect(await rerate(database.pool, { ...EVERYTHING, orgId: org.org })).toEqual({ checked: 1, differences: [] });
});

test("a wrong price is found, with what it should have been", async () => {
  const org = await createOrg(database.pool, { credit: 10_000_000_000 });
  const usage = { input: 10, output: 5, requests: 1 };
  await call(org, usage);
  const wrong = await call(org, usage, { by: 1n });
  const unknown = await call(org, usage, { version: 999_999 });
  const unpriced = await call(org, usage, { version: null });
  const expected = priceUsage(usage, parseRates(STORED), FACTOR_BP);
  const { checked, differences } = await rerate(database.pool, { ...EVERYTHING, orgId: org.org });
  expect(checked).toBe(4);
  expect(Object.fromEntries(differences.map(({ id, why }) => [id, why]))).toEqual({
    [wrong]: "other_price",
    [unknown]: "version_missing",
    [unpriced]: "not_priced",
  });
  expect(differences.find(({ id }) => id === wrong)).toMatchObject({
    orgId: org.org,
    chargedNano: (expected + 1n).toString(),
    expectedNano: expected.toString(),
  });
});

test("a sample looks at the same calls each time, and at all in batches", async () => {
  const org = await createOrg(database.pool, { credit: 10_000_000_000 });
  const items = Array.from({ length: 1_200 }, () => holdItem(org, { amount: 1, price_version: version }));
  for (let i = 0; i < items.length; i += 400) {
    await authorize(database.pool, items.slice(i, i + 400));
    await settle(
      database.pool,
      items.slice(i, i + 400).map((item) => settleItem(item, { price: 0, usage: {} })),
    );
  }
  const all = await rerate(database.pool, { ...EVERYTHING, orgId: org.org });
  expect(all).toEqual({ checked: 1_200, differences: [] });
  const sample = () => rerate(database.pool, { ...EVERYTHING, orgId: org.org, shareBp: 2_000 });
  const { checked } = await sample();
  expect(checked).toBeGreaterThan(150);
  expect(checked).toBeLessThan(330);
  expect((await sample()).checked).toBe(checked);
});

test("the nightly job keeps what it found, with the worker's rights", async () => {
  const org = await createOrg(database.pool, { credit: 10_000_000_000 });
  const wrong = await call(org, { input: 10, output: 5, requests: 1 }, { by: 5n });
  const worker = createPool(database.roleUrl("worker"), { max: 1, applicationName: "test" });
  const tools = { sql: worker, log: logger("test"), signal: new AbortController().signal };
  await rerateJob.run({ shareBp: 10_000 }, tools).finally(() => worker.end());
  const { rows } = await database.pool.query("SELECT * FROM rerate_run ORDER BY id DESC LIMIT 1");
  expect(rows[0].differing).toBeGreaterThan(0);
  expect(rows[0].differences).toContainEqual(expect.objectContaining({ id: wrong, why: "other_price" }));
});
