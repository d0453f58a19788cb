import type { Sql } from "@/lib/pg";

const MAX_ROWS = 100;
const KEEP_DAYS = 7;
/** A check rests for this many times as long as the last one took. */
const REST = 20;
/** How far a check looks back behind the last one that found nothing. */
const OVERLAP_MINUTES = 60;
const NIGHT_HOURS = 26;

type Violation = { rule: string; orgId: string | null; ref: string | null; detail: string };

/** Checks the books from an hour before the last check that found nothing, and keeps the result for the operator's panel: what
 *  is wrong stays reported until it is mended. `night`: over the last day and more, without rest. All history is read by the first
 *  check alone, and where somebody asks for it (`violations`). undefined while it rests after the last one. */
export async function checkLedger(sql: Sql, { night = false } = {}): Promise<{ violations: number } | undefined> {
  type Last = { rests: boolean; since: Date | null };
  const last = await sql.query<Last>(
    `SELECT (SELECT c.at + c.duration_ms * $1 * interval '1 ms' > clock_timestamp() FROM ledger_check c ORDER BY c.id DESC LIMIT 1) AS rests,
       least(max(at) - $2 * interval '1 minute', CASE WHEN $3 THEN clock_timestamp() - $4 * interval '1 hour' END) AS since
     FROM ledger_check WHERE violations = 0`,
    [REST, OVERLAP_MINUTES, night, NIGHT_HOURS],
  );
  const { rests = false, since = null } = last.rows[0] ?? {};
  if (rests && !night) return undefined;
  const startedAt = performance.now();
  const { rows } = await sql.query<Violation>(
    `SELECT rule, org_id AS "orgId", ref, detail FROM violations_since(coalesce($1::timestamptz, '-infinity'))`,
    [since],
  );
  if (rows.length === 0) await sql.query("SELECT mark_balances()");
  await sql.query("INSERT INTO ledger_check (duration_ms, since, violations, rows) VALUES ($1, $2, $3, $4::jsonb)", [
    ...[Math.ceil(performance.now() - startedAt), since, rows.length, JSON.stringify(rows.slice(0, MAX_ROWS))],
  ]);
  // the last clean one stays, however old: the next check begins there, and the panel says when all was well
  await sql.query(
    `DELETE FROM ledger_check WHERE at < clock_timestamp() - $1 * interval '1 day'
       AND id <> coalesce((SELECT max(id) FROM ledger_check WHERE violations = 0), 0)`,
    [KEEP_DAYS],
  );
  return { violations: rows.length };
}
