import { createHash, createHmac, randomUUID } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { Logger, runMigrations } from "graphile-worker";
import pg from "pg";

/** The advisory lock `prisma migrate deploy` takes: both tools may be used on one database, even at once. */
const PRISMA_LOCK = 72707369;

/** Applies `prisma/migrations` as `prisma migrate deploy` does, then graphile-worker's own, both as the owner.
 *  Returns the names it applied. Idempotent. Throws Error with a sentence; a migration that failed once blocks the next run.
 *  `strict` (CI) makes a migration that was edited after it was applied an error instead of a warning. */
export async function migrate(url: string, { strict = false }: { strict?: boolean } = {}): Promise<string[]> {
  const client = new pg.Client({ connectionString: url, application_name: "hub-migrate" });
  await client.connect();
  try {
    await client.query("SELECT pg_advisory_lock($1)", [PRISMA_LOCK]);
    const applied = await applyAll(client, strict);
    await migrateQueue(url);
    return applied;
  } finally {
    await client.end(); // ends the session, and with it the lock and every setting a migration made
  }
}

async function applyAll(client: pg.Client, strict: boolean): Promise<string[]> {
  await client.query(`CREATE TABLE IF NOT EXISTS "_prisma_migrations" (
    "id" VARCHAR(36) PRIMARY KEY NOT NULL, "checksum" VARCHAR(64) NOT NULL, "finished_at" TIMESTAMPTZ,
    "migration_name" VARCHAR(255) NOT NULL, "logs" TEXT, "rolled_back_at" TIMESTAMPTZ,
    "started_at" TIMESTAMPTZ NOT NULL DEFAULT now(), "applied_steps_count" INTEGER NOT NULL DEFAULT 0)`);
  const rows = await client.query<{ migration_name: string; checksum: string; finished_at: Date | null }>(
    `SELECT migration_name, checksum, finished_at FROM "_prisma_migrations" WHERE rolled_back_at IS NULL`,
  );
  const known = new Map(rows.rows.map((row) => [row.migration_name, row]));
  const applied: string[] = [];
  for (const { name, sql } of readMigrations()) {
    const checksum = createHash("sha256").update(sql).digest("hex");
    const row = known.get(name);
    if (row && !row.finished_at) {
      throw new Error(
        `The migration ${name} failed before: mend its cause, then run "npm run prisma -- migrate resolve --rolled-back ${name}".`,
      );
    }
    if (!row) {
      await apply(client, name, sql.toString("utf8"), checksum);
      applied.push(name);
    } else if (row.checksum !== checksum) {
      const sentence = `The migration ${name} was edited after it was applied to this database.`;
      if (strict) throw new Error(sentence);
      process.emitWarning(sentence);
    }
  }
  return applied;
}

/** A file of several statements is one implicit transaction; a file of one statement (CREATE INDEX CONCURRENTLY) is none. */
async function apply(client: pg.Client, name: string, sql: string, checksum: string): Promise<void> {
  const id = randomUUID();
  await client.query(`INSERT INTO "_prisma_migrations" (id, checksum, migration_name) VALUES ($1, $2, $3)`, [
    id,
    checksum,
    name,
  ]);
  try {
    await client.query(sql);
  } catch (error) {
    await client.query("ROLLBACK").catch(() => {});
    const message = error instanceof Error ? error.message : String(error);
    await client.query(`UPDATE "_prisma_migrations" SET logs = $2 WHERE id = $1`, [id, message]);
    throw new Error(`The migration ${name} failed: ${message}`, { cause: error });
  }
  await client.query(`UPDATE "_prisma_migrations" SET finished_at = now(), applied_steps_count = 1 WHERE id = $1`, [
    id,
  ]);
}

function readMigrations(): { name: string; sql: Buffer }[] {
  const directory = path.join(prismaDirectory(), "migrations");
  return fs
    .readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()
    .map((name) => ({ name, sql: fs.readFileSync(path.join(directory, name, "migration.sql")) }));
}

/** `prisma/` of the project, from the source as from a bundle in `dist/`. */
function prismaDirectory(): string {
  for (let place = import.meta.dirname; ; place = path.dirname(place)) {
    if (fs.existsSync(path.join(place, "prisma", "migrations"))) return path.join(place, "prisma");
    if (place === path.dirname(place)) throw new Error("The folder prisma/migrations is not beside this program.");
  }
}

async function migrateQueue(url: string): Promise<void> {
  const pool = new pg.Pool({ connectionString: url, max: 1, application_name: "hub-migrate-queue" });
  pool.on("error", () => {});
  pool.on("connect", (connection) => connection.on("error", () => {}));
  try {
    await runMigrations({ pgPool: pool, logger: new Logger(() => () => {}) });
  } finally {
    await pool.end();
  }
}

export type RoleUrls = { gateway: string; web: string; worker: string };
const ROLES = ["gateway", "web", "worker"] as const;

/** Creates the database roles hub_gateway, hub_web and hub_worker, sets their passwords (derived from `secret`, so that every
 *  start agrees), applies `prisma/sql/grants.sql`, and returns their URLs. Idempotent; to be run after `migrate`.
 *  Returns null where the owner may not create roles: then all processes run as the owner. */
export async function ensureRoles(ownerUrl: string, secret: string): Promise<RoleUrls | null> {
  const client = new pg.Client({ connectionString: ownerUrl, application_name: "hub-roles" });
  await client.connect();
  try {
    await client.query("SELECT pg_advisory_lock($1)", [PRISMA_LOCK]);
    const able = await client.query(
      "SELECT 1 FROM pg_roles WHERE rolname = current_user AND (rolcreaterole OR rolsuper)",
    );
    if (able.rowCount === 0) return null;
    for (const role of ROLES) await ensureRole(client, `hub_${role}`, passwordFor(role, secret));
    await client.query(fs.readFileSync(path.join(prismaDirectory(), "sql", "grants.sql"), "utf8"));
    const urls = ROLES.map((role) => [role, roleUrl(ownerUrl, role, secret)]);
    return Object.fromEntries(urls) as RoleUrls;
  } finally {
    await client.end();
  }
}

async function ensureRole(client: pg.Client, role: string, password: string): Promise<void> {
  const found = await client.query("SELECT 1 FROM pg_roles WHERE rolname = $1", [role]);
  const verb = found.rowCount === 0 ? "CREATE" : "ALTER";
  await client.query(
    `${verb} ROLE ${pg.escapeIdentifier(role)} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD ${pg.escapeLiteral(password)}`,
  );
}

function passwordFor(role: string, secret: string): string {
  return createHmac("sha256", secret).update(`database-role:${role}`).digest("base64url");
}

function roleUrl(ownerUrl: string, role: string, secret: string): string {
  const url = new URL(ownerUrl);
  url.username = `hub_${role}`;
  url.password = passwordFor(role, secret);
  return url.href;
}
