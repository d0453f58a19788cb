import fs from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type TestDatabase, testDatabase } from "@/e2e/support/database";

const directory = import.meta.dirname;
const NOT_DEFINITIONS = ["grants.sql"];
const sources = fs.readdirSync(directory).filter((name) => name.endsWith(".sql") && !NOT_DEFINITIONS.includes(name));

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.drop());

/** Every function, view and trigger of ours, as the database has it. */
async function definitions(): Promise<Record<string, string>> {
  const { rows } = await database.pool.query(`
    SELECT p.oid::regprocedure::text AS name, pg_get_functiondef(p.oid) AS text FROM pg_proc p
    WHERE p.pronamespace = 'public'::regnamespace AND p.prokind = 'f'
    UNION ALL SELECT c.oid::regclass::text, pg_get_viewdef(c.oid) FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'v'
    UNION ALL SELECT format('%s on %s', t.tgname, t.tgrelid::regclass), pg_get_triggerdef(t.oid) FROM pg_trigger t WHERE NOT t.tgisinternal`);
  return Object.fromEntries(rows.map((row) => [row.name, row.text]));
}

test("the migrations define exactly what prisma/sql shows", async () => {
  const migrated = await definitions();
  await database.pool.query("DROP VIEW violations");
  for (const { signature } of (
    await database.pool.query(
      "SELECT oid::regprocedure::text AS signature FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'",
    )
  ).rows) {
    await database.pool.query(`DROP FUNCTION ${signature} CASCADE`);
  }
  const client = await database.pool.connect();
  // functions of one file may call those of another, whatever the order
  await client.query("SET check_function_bodies = off");
  const ordered = [
    "append_only.sql",
    "common.sql",
    ...sources.filter((name) => name !== "append_only.sql" && name !== "common.sql"),
  ];
  for (const name of ordered) await client.query(fs.readFileSync(path.join(directory, name), "utf8"));
  client.release();
  const shown = await definitions();
  // triggers of the partitions are made by ensure_partitions, and clones come with their parent's
  const ours = (all: Record<string, string>) =>
    Object.fromEntries(Object.entries(all).filter(([name]) => !name.includes("usage_event_")));
  expect(ours(shown)).toEqual(ours(migrated));
});
