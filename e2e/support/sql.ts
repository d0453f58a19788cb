import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createPool, type Sql } from "@/lib/pg";

/** The hub's database, as its owner, for as long as `run` takes. */
export async function withSql<Result>(hub: { dataDir: string }, run: (sql: Sql) => Promise<Result>): Promise<Result> {
  const url = readFileSync(join(hub.dataDir, "postgres.url"), "utf8").trim();
  const sql = createPool(url, { max: 1, applicationName: "test" });
  try {
    return await run(sql);
  } finally {
    await sql.end();
  }
}
