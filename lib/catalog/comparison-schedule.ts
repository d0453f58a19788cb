import { compareServed } from "@/lib/catalog/comparison";
import { PUBLIC_CATALOGUES } from "@/lib/catalog/public-formats";
import { ON_SCHEDULE } from "@/lib/catalog/schema";
import { newId } from "@/lib/ids";
import type { Sql } from "@/lib/pg";
import { DEFAULT_SETTINGS, settingsOut } from "@/lib/settings/schema";

/** The worker's job. */
export const COMPARE_TASK = "compare_catalogue";

/** The job comes at the same minute of a day, give or take what it waits for its turn. */
const SLACK_HOURS = 6;

// One statement: no comparison without its audit row. Two that run at once are both kept: a row more, and no price changes.
const SAVE = `
  WITH saved AS (
    INSERT INTO catalog_sync (id, sources, counts, rows, created_by)
    SELECT $1, $2::jsonb, $3::jsonb, $4::jsonb, '${ON_SCHEDULE}'
    RETURNING id
  )
  INSERT INTO audit_event (id, actor_type, actor_id, action, target, after)
  SELECT $5, 'system', '${ON_SCHEDULE}', 'catalog.compare', 'catalog_sync:' || id, jsonb_build_object('sources', $2::jsonb, 'counts', $3::jsonb)
  FROM saved`;

/** Makes the comparison that the operator's settings ask for, once so many days have passed since the last one. It changes no
 *  price: a person looks at it. Returns how many rows it has, null where none was due. Throws what reading a catalogue throws. */
export async function compareOnSchedule(sql: Sql): Promise<number | null> {
  const { catalogueDays: days, catalogueUrls: urls } = await readSchedule(sql);
  if (days === 0) return null;
  const { rows: recent } = await sql.query(
    "SELECT 1 FROM catalog_sync WHERE created_by = $1 AND created_at > clock_timestamp() - make_interval(days => $2) + make_interval(hours => $3) LIMIT 1",
    [ON_SCHEDULE, days, SLACK_HOURS],
  );
  if (recent.length > 0) return null;
  const addresses = urls.length > 0 ? urls : Object.values(PUBLIC_CATALOGUES).map(({ url }) => url);
  const { sources, counts, rows } = await compareServed(
    sql,
    addresses.map((url) => ({ type: "url", url })),
  );
  const values = [newId("sync"), ...[sources, counts, rows].map((value) => JSON.stringify(value)), newId("aud")];
  await sql.query(SAVE, values);
  return rows.length;
}

async function readSchedule(sql: Sql) {
  const { rows } = await sql.query<{ key: string; value: unknown }>(
    "SELECT key, value FROM setting WHERE key IN ('catalogueDays', 'catalogueUrls')",
  );
  const stored = settingsOut.partial().safeParse(Object.fromEntries(rows.map(({ key, value }) => [key, value])));
  return { ...DEFAULT_SETTINGS, ...stored.data };
}
