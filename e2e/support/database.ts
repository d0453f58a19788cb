import { randomBytes } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import pg from "pg";
import type { TestProject } from "vitest/node";
import { createPool, type Sql } from "@/lib/pg";
import { rerate } from "@/lib/usage/rerate";
import { startEmbeddedPostgres } from "@/server/embedded-postgres";
import { ensureRoles, migrate, type RoleUrls } from "@/server/migrate";

const TEMPLATE = "hub_template";

type Cluster = { url: string; roles: RoleUrls };
declare module "vitest" {
  // biome-ignore lint/style/useConsistentTypeDefinitions: only an interface merges into vitest's own
  export interface ProvidedContext {
    database: Cluster;
  }
}

/** Vitest global setup: one PostgreSQL on a free port in a temporary directory, with one migrated template database and the
 *  application roles. Returns the teardown. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { cluster, stop } = await startCluster();
  project.provide("database", cluster);
  return stop;
}

export type TestDatabase = {
  /** As the owner. */
  url: string;
  roleUrl(role: keyof RoleUrls): string;
  /** As the owner. */
  pool: pg.Pool;
  drop(): Promise<void>;
};

/** A clone of the migrated template for one test file; call `drop` in afterAll. */
export async function testDatabase(): Promise<TestDatabase> {
  const { inject } = await import("vitest"); // not at the top: Playwright loads this folder too
  const { url, roles } = inject("database");
  const name = `test_${randomBytes(6).toString("hex")}`;
  await maintain(url, `CREATE DATABASE ${name} TEMPLATE ${TEMPLATE}`);
  const at = (base: string) => withDatabase(base, name);
  const pool = createPool(at(url), { max: 12, applicationName: "test" });
  ignoreEnd(pool);
  return {
    url: at(url),
    roleUrl: (role) => at(roles[role]),
    pool,
    drop: async () => {
      await pool.end();
      await maintain(url, `DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
}

/** A database that is dropped ends connections that are about to end anyway; nobody else would hear of it. The pool passes on what
 *  it hears while it ends, and throws where nobody listens. */
export function ignoreEnd(pool: pg.Pool): void {
  pool.on("error", () => {});
  pool.on("connect", (client) => client.on("error", () => {}));
}

/** Fails unless the ledger has no violation (of `orgId`, if given), no hold is left open and nothing has deadlocked. */
export async function assertHealthy(sql: Sql, orgId?: string): Promise<void> {
  const violations = await sql.query(
    "SELECT * FROM violations WHERE $1::text IS NULL OR org_id IS NULL OR org_id = $1",
    [orgId ?? null],
  );
  const open = await sql.query("SELECT id FROM hold WHERE state = 'open' AND ($1::text IS NULL OR org_id = $1)", [
    orgId ?? null,
  ]);
  const deadlocks = await sql.query(
    "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database() AND deadlocks > 0",
  );
  const found = [
    ...violations.rows.map((row) => `violation ${JSON.stringify(row)}`),
    ...open.rows.map((row) => `open hold ${row.id}`),
    ...deadlocks.rows.map((row) => `${row.deadlocks} deadlocks`),
  ];
  if (found.length > 0) throw new Error(`The ledger is not healthy:\n${found.slice(0, 20).join("\n")}`);
}

/** Fails where a call of `orgId` was not charged what its stored usage costs at its pinned price (invariant I16). */
export async function assertRerated(sql: Sql, orgId: string): Promise<void> {
  const { differences } = await rerate(sql, { since: new Date(0), until: new Date("9999-01-01"), orgId });
  if (differences.length > 0) throw new Error(`Not charged as priced:\n${JSON.stringify(differences.slice(0, 20))}`);
}

async function startCluster(): Promise<{ cluster: Cluster; stop: () => Promise<void> }> {
  const dataDir = fs.mkdtempSync(path.join(process.env.HUB_TEST_DIR ?? os.tmpdir(), "hub-vitest-"));
  fs.chmodSync(dataDir, 0o755); // as root the server runs as another user, which must get in
  // throwaway data: the test that kills the server brings its own cluster with the usual settings
  const settings = { fsync: "off", full_page_writes: "off", max_connections: "200" };
  const postgres = await startEmbeddedPostgres({ dataDir, port: 0, settings });
  await maintain(postgres.url, `CREATE DATABASE ${TEMPLATE}`);
  const template = withDatabase(postgres.url, TEMPLATE);
  await migrate(template, { strict: true });
  const roles = await ensureRoles(template, randomBytes(16).toString("hex"));
  if (!roles) throw new Error("The owner of the test database may not create roles.");
  return {
    cluster: { url: postgres.url, roles },
    stop: async () => {
      await postgres.stop("immediate");
      fs.rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

async function maintain(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: withDatabase(url, "postgres") });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

function withDatabase(base: string, name: string): string {
  const url = new URL(base);
  url.pathname = `/${name}`;
  return url.href;
}
