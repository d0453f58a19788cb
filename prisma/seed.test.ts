import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { assertHealthy, type TestDatabase, testDatabase } from "@/e2e/support/database";
import { hashKey } from "@/lib/keys/secret";
import { type SeedInput, seed } from "@/prisma/seed";

let database: TestDatabase;
let dataDir: string;
let input: SeedInput;
const pepper = "p".repeat(32);

beforeAll(async () => {
  database = await testDatabase();
  dataDir = mkdtempSync(join(tmpdir(), "hub-seed-"));
  input = { databaseUrl: database.url, production: false, dataDir, keyPepper: pepper };
});
afterAll(async () => {
  await database.drop();
  rmSync(dataDir, { recursive: true, force: true });
});

async function counts(): Promise<unknown> {
  const { rows } = await database.pool.query(`
    SELECT (SELECT count(*) FROM org) AS orgs, (SELECT count(*) FROM api_key) AS keys, (SELECT count(*) FROM model) AS models,
      (SELECT count(*) FROM offer) AS offers, (SELECT count(*) FROM price_version) AS prices, (SELECT count(*) FROM provider) AS providers,
      (SELECT count(*) FROM credit_lot) AS lots, (SELECT sum(posted)::text FROM wallet) AS posted, (SELECT count(*) FROM setting) AS settings,
      (SELECT count(*) FROM management_key) AS management_keys`);
  return rows[0];
}

test("a first start plants a priced sandbox model and a key that may use it; a second start changes nothing", async () => {
  const { sandboxKey } = await seed(input);
  expect(sandboxKey).toMatch(/^aigne_sk_/);
  expect(readFileSync(join(dataDir, "sandbox.key"), "utf8").trim()).toBe(sandboxKey);
  expect(statSync(join(dataDir, "sandbox.key")).mode & 0o777).toBe(0o600);
  const first = await counts();
  expect(first).toMatchObject({
    orgs: "1",
    keys: "1",
    models: "3",
    offers: "3",
    prices: "6",
    providers: "1",
    posted: "10000000000",
  });
  const { rows } = await database.pool.query("SELECT allowed_models, hash FROM api_key");
  expect(rows[0]).toEqual({ allowed_models: ["sandbox/*"], hash: hashKey(pepper, sandboxKey as string) });
  expect(await seed(input)).toEqual({ sandboxKey });
  expect(await counts()).toEqual(first);
  await assertHealthy(database.pool);
});

test("two starts at once plant once", async () => {
  const before = await counts();
  await Promise.all([seed(input), seed(input), seed(input)]);
  expect(await counts()).toEqual(before);
});

test("what the operator deleted or revoked does not come back", async () => {
  await database.pool.query("DELETE FROM model WHERE id = 'sandbox/chat'");
  await database.pool.query("UPDATE api_key SET status = 'revoked'");
  expect(await seed(input)).toEqual({ sandboxKey: undefined });
  const { rows } = await database.pool.query("SELECT id FROM model WHERE id = 'sandbox/chat'");
  expect(rows).toEqual([]);
});

test("bootstrap settings act only while no platform owner exists", async () => {
  const key = `aigne_mk_${"a".repeat(40)}`;
  const other = `aigne_mk_${"b".repeat(40)}`;
  await seed({ ...input, bootstrapManagementKey: key });
  await seed({
    ...input,
    bootstrapManagementKey: other,
    bootstrapAdminEmail: "Boss@Example.com",
    bootstrapAdminPassword: "correct horse battery",
  });
  const keys = await database.pool.query("SELECT hash, status, scopes FROM management_key ORDER BY created_at");
  expect(keys.rows.map(({ hash, status }) => [hash, status])).toEqual([
    [hashKey(pepper, key), "revoked"],
    [hashKey(pepper, other), "active"],
  ]);
  expect(keys.rows[1].scopes).not.toContain("staff.manage");
  const owner = await database.pool.query(
    `SELECT email, password_hash, role FROM staff JOIN "user" ON "user".id = user_id`,
  );
  expect(owner.rows).toEqual([
    {
      email: "boss@example.com",
      password_hash: expect.stringMatching(/^\$argon2id\$v=19\$m=47104,t=1,p=1\$/),
      role: "owner",
    },
  ]);
  await seed({ ...input, bootstrapManagementKey: `aigne_mk_${"c".repeat(40)}` });
  expect((await counts()) as object).toMatchObject({ management_keys: "2" });
});

test("in production nothing is given away", async () => {
  const fresh = await testDatabase();
  try {
    expect(await seed({ ...input, databaseUrl: fresh.url, production: true })).toEqual({});
    const { rows } = await fresh.pool.query(
      "SELECT (SELECT count(*) FROM org) AS orgs, (SELECT bool_or(enabled) FROM provider) AS enabled",
    );
    expect(rows[0]).toEqual({ orgs: "0", enabled: false });
    await seed({ ...input, databaseUrl: fresh.url, production: true, sandboxInProduction: true });
    expect((await fresh.pool.query("SELECT enabled FROM provider")).rows).toEqual([{ enabled: true }]);
  } finally {
    await fresh.drop();
  }
});
