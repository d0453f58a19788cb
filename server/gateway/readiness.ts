import type { Sql } from "@/lib/pg";

export type Readiness = { ready: boolean; checks: Record<"database" | "web" | "worker" | "serving", boolean> };

const WORKER_SILENT_AFTER = "15 seconds";

/** Ready only when the database answers, web answers, a worker shows signs of life, and this gateway is not draining. */
export async function checkReadiness(deps: {
  sql: Sql;
  webPort: number;
  isDraining: () => boolean;
}): Promise<Readiness> {
  const [database, web] = await Promise.all([checkDatabase(deps.sql), checkWeb(deps.webPort)]);
  const checks = { database: database !== null, web, worker: database?.worker ?? false, serving: !deps.isDraining() };
  return { ready: Object.values(checks).every(Boolean), checks };
}

async function checkDatabase(sql: Sql): Promise<{ worker: boolean } | null> {
  try {
    const { rows } = await sql.query<{ worker: boolean }>(
      `select exists (select from node where id like 'worker:%' and beat_at > clock_timestamp() - interval '${WORKER_SILENT_AFTER}') as worker`,
    );
    return { worker: rows[0]?.worker ?? false };
  } catch {
    return null;
  }
}

async function checkWeb(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/api/internal/health`, {
      signal: AbortSignal.timeout(2_000),
    });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}
