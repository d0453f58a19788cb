import { judgeServices, type ServicesNow } from "@/lib/health/service-state";
import { newId } from "@/lib/ids";
import type { Sql } from "@/lib/pg";

/** Keeps the list of incidents: one begins when a provider or a model is not well, keeps the worst of its states, and ends when
 *  that is over or nobody knows any more. Any number of workers may do it at once. */
export async function watchServices(sql: Sql): Promise<void> {
  const { rows } = await sql.query<{ now: ServicesNow }>("SELECT services_now() AS now");
  // safe because the statement answers one row
  const services = judgeServices((rows[0] as { now: ServicesNow }).now);
  const unwell = services.filter(({ state }) => state === "degraded" || state === "down");
  for (const { subject, id, state } of unwell) await sql.query(OPEN, [newId("inc"), subject, id, state]);
  await sql.query(END, [unwell.map(({ subject, id }) => `${subject} ${id}`)]);
}

const OPEN = `
  INSERT INTO incident AS i (id, subject, subject_id, state) VALUES ($1, $2, $3, $4)
  ON CONFLICT (subject, subject_id) WHERE ended_at IS NULL DO UPDATE SET state = excluded.state
    WHERE i.state = 'degraded' AND excluded.state = 'down'`;

const END = `
  UPDATE incident SET ended_at = clock_timestamp()
  WHERE ended_at IS NULL AND subject || ' ' || subject_id <> ALL ($1)`;
