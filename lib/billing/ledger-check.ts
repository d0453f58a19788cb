import type { Sql } from "@/lib/pg";

const MAX_ROWS = 100;
const KEEP_DAYS = 7;
/** A check rests for this many times as long as the last one took. */
const REST = 20;

/** Runs the `violations` view and keeps the result for the operator's panel; undefined while it rests after the last one. */
export async function checkLedger(sql: Sql): Promise<{ violations: number } | undefined> {
  const last = await sql.query<{ rests: boolean }>(
    "SELECT at + duration_ms * $1 * interval '1 ms' > clock_timestamp() AS rests FROM ledger_check ORDER BY id DESC LIMIT 1",
    [REST],
  );
  if (last.rows[0]?.rests) return undefined;
  const startedAt = performance.now();
  const { rows } = await sql.query<{ rule: string; orgId: string | null; ref: string | null; detail: string }>(
    'SELECT rule::text AS rule, org_id AS "orgId", ref::text AS ref, detail::text AS detail FROM violations',
  );
  await sql.query("INSERT INTO ledger_check (duration_ms, violations, rows) VALUES ($1, $2, $3::jsonb)", [
    ...[Math.ceil(performance.now() - startedAt), rows.length, JSON.stringify(rows.slice(0, MAX_ROWS))],
  ]);
  await sql.query("DELETE FROM ledger_check WHERE at < clock_timestamp() - $1 * interval '1 day'", [KEEP_DAYS]);
  return { violations: rows.length };
}
