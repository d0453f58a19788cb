import { db } from "@/lib/db";
import { KEY_OF, matching, type SumsQuery } from "@/lib/usage/admin-usage";
import { percentileMs } from "@/lib/usage/percentile";
import { Prisma } from "@/prisma/generated/client";

export type Latency = {
  key: string | null;
  p50Ms: number | null;
  p95Ms: number | null;
  firstTokenP50Ms: number | null;
};

type Cell = { key: string | null; bucket: number; latency: bigint; first_token: bigint };

/** Percentiles by at most one dimension, from the added histograms of the 15-minute sums; `from` and `to` are taken to the
 *  bucket they lie in. The caller has judged the scope and put its organisation into the query. */
export async function readLatencies(query: SumsQuery): Promise<Latency[]> {
  const [dimension] = query.groupBy;
  const key = dimension ? KEY_OF[dimension](query.timeZone) : Prisma.sql`NULL::text`;
  const where = matching(
    query,
    Prisma.sql`r.bucket`,
    Prisma.sql`status`,
    query.from && wholeBucket(query.from),
    query.to?.getTime(),
  );
  const [cells, [row]] = await Promise.all([
    db().$queryRaw<Cell[]>`
      SELECT ${key} AS key, n AS bucket,
        coalesce(sum(r.latency_histogram[n]), 0)::bigint AS latency,
        coalesce(sum(r.first_token_histogram[n]), 0)::bigint AS first_token
      FROM usage_rollup r CROSS JOIN generate_series(1, 24) n
      WHERE ${where}
      GROUP BY 1, 2 ORDER BY 1, 2`,
    db().$queryRaw<[{ bounds: number[] }]>`SELECT latency_bounds() AS bounds`,
  ]);
  return [...Map.groupBy(cells, (cell) => cell.key)].map(([group, own]) => {
    const latency = own.map((cell) => cell.latency);
    return {
      key: group,
      p50Ms: percentileMs(latency, row.bounds, 0.5),
      p95Ms: percentileMs(latency, row.bounds, 0.95),
      firstTokenP50Ms: percentileMs(
        own.map((cell) => cell.first_token),
        row.bounds,
        0.5,
      ),
    };
  });
}

const BUCKET_MS = 15 * 60_000;

function wholeBucket(at: Date): number {
  return Math.floor(at.getTime() / BUCKET_MS) * BUCKET_MS;
}
