import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type TestDatabase, testDatabase } from "@/e2e/support/database";
import { ensureRoles, migrate } from "@/server/migrate";

const run = promisify(execFile);
const root = path.resolve(import.meta.dirname, "..");

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.drop());

function prisma(...args: string[]) {
  const env = { ...process.env, DATABASE_URL: database.url };
  return run(process.execPath, [path.join(root, "scripts/prisma.mjs"), ...args], { cwd: root, env });
}

test("a second run applies nothing, and `prisma migrate` agrees that all is applied", async () => {
  expect(await migrate(database.url, { strict: true })).toEqual([]);
  expect((await prisma("migrate", "status")).stdout).toContain("up to date");
});

test("the migrations make exactly the Prisma schema", async () => {
  const schema = ["--from-migrations", "prisma/migrations", "--to-schema", "prisma/schema", "--exit-code"];
  expect((await prisma("migrate", "diff", ...schema)).stdout).toContain("No difference detected");
});

test("an edited migration is an error where it must be, a failed one blocks", async () => {
  const name = (await database.pool.query(`SELECT min(migration_name) AS name FROM "_prisma_migrations"`)).rows[0].name;
  const original = await database.pool.query(`SELECT checksum FROM "_prisma_migrations" WHERE migration_name = $1`, [
    name,
  ]);
  await database.pool.query(`UPDATE "_prisma_migrations" SET checksum = 'other' WHERE migration_name = $1`, [name]);
  await expect(migrate(database.url, { strict: true })).rejects.toThrow(`${name} was edited after it was applied`);
  await database.pool.query(
    `UPDATE "_prisma_migrations" SET checksum = $2, finished_at = NULL WHERE migration_name = $1`,
    [name, original.rows[0].checksum],
  );
  await expect(migrate(database.url)).rejects.toThrow(`${name} failed before`);
  await database.pool.query(`UPDATE "_prisma_migrations" SET finished_at = now() WHERE migration_name = $1`, [name]);
});

test("two runners at once apply each migration once", async () => {
  const name = `${new URL(database.url).pathname.slice(1)}_empty`;
  await database.pool.query(`CREATE DATABASE ${name}`);
  const url = database.url.replace(/\/[^/]+$/, `/${name}`);
  const applied = await Promise.all([migrate(url), migrate(url)]);
  expect(applied.map((names) => names.length).sort((a, b) => a - b)[0]).toBe(0);
  expect(applied.flat().length).toBeGreaterThanOrEqual(3);
  await database.pool.query(`DROP DATABASE ${name} WITH (FORCE)`);
});

test("without the right to create roles there are none", async () => {
  const url = new URL(database.roleUrl("web"));
  expect(await ensureRoles(url.href, "secret")).toBeNull();
});
