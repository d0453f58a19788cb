import { decodeCursor, encodeCursor } from "@/lib/cursor";
import { db } from "@/lib/db";
import { formatUsd } from "@/lib/money";
import { requireStaffPermission, type StaffScope } from "@/lib/orgs/scope";
import type { Dimension, UsageFilter, UsageQuery, UsageRow } from "@/lib/usage/schema";
import { Prisma } from "@/prisma/generated/client";

const BUCKET_MS = 15 * 60_000;

type Sums = {
  calls: bigint;
  input: bigint;
  output: bigint;
  cache_read: bigint;
  cache_write: bigint;
  reasoning: bigint;
  price: bigint;
  cost: bigint;
  waste: bigint;
  unpriced: bigint;
};

/** Sums over all organisations. They equal the settled requests at every moment, since both are written in one
 *  transaction; where `from` or `to` cuts a 15-minute bucket, that part is summed from the events themselves. */
export async function sumUsage(
  scope: StaffScope,
  query: UsageQuery,
): Promise<{ data: UsageRow[]; nextCursor: string | null }> {
  requireStaffPermission(scope, "usage.read");
  return readSums(query);
}

/** Of several keys where one organisation's person sees only their own. */
export type SumsQuery = UsageQuery & { keyIds?: readonly string[] };

/** The sums themselves; the caller has judged the scope and put its organisation into the query. */
export async function readSums(query: SumsQuery): Promise<{ data: UsageRow[]; nextCursor: string | null }> {
  const { groupBy, limit, cursor } = query;
  const offset = cursor ? Number(decodeCursor(cursor, 1)[0]) || 0 : 0;
  const keys = groupBy.map((name) => KEY_OF[name](query.timeZone));
  const selected = keys.map((key, n) => Prisma.sql`${key} AS ${KEY_ALIASES[n] as Prisma.Sql}`);
  const positions = Prisma.join(keys.length ? KEY_ALIASES.slice(0, keys.length) : [Prisma.sql`()`]);
  const rows = await db().$queryRaw<(Sums & Record<string, string | null>)[]>`
    WITH slice AS (${slices(query)})
    SELECT ${selected.length ? Prisma.sql`${Prisma.join(selected)},` : Prisma.empty}
      coalesce(sum(calls), 0)::bigint AS calls,
      coalesce(sum(input), 0)::bigint AS input,
      coalesce(sum(output), 0)::bigint AS output,
      coalesce(sum(cache_read), 0)::bigint AS cache_read,
      coalesce(sum(cache_write), 0)::bigint AS cache_write,
      coalesce(sum(reasoning), 0)::bigint AS reasoning,
      coalesce(sum(price), 0)::bigint AS price,
      coalesce(sum(cost), 0)::bigint AS cost,
      coalesce(sum(waste), 0)::bigint AS waste,
      coalesce(sum(unpriced), 0)::bigint AS unpriced
    FROM slice
    GROUP BY ${positions}
    ${keys.length ? Prisma.sql`ORDER BY ${positions}` : Prisma.empty}
    LIMIT ${limit + 1} OFFSET ${offset}`;
  return {
    data: rows.slice(0, limit).map((row) => toRow(row, groupBy)),
    nextCursor: rows.length > limit ? encodeCursor(String(offset + limit)) : null,
  };
}

const KEY_ALIASES = ["k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8", "k9", "k10"].map((alias) =>
  Prisma.raw(alias),
);

export const KEY_OF: Record<Dimension, (timeZone: string) => Prisma.Sql> = {
  org: () => Prisma.sql`org_id`,
  app: () => Prisma.sql`app_id`,
  key: () => Prisma.sql`key_id`,
  member: () => Prisma.sql`member_id`,
  model: () => Prisma.sql`model_id`,
  provider: () => Prisma.sql`provider`,
  credential: () => Prisma.sql`credential_id`,
  endpoint: () => Prisma.sql`endpoint`,
  status: () => Prisma.sql`status`,
  day: (zone) => Prisma.sql`to_char(bucket AT TIME ZONE ${zone}, 'YYYY-MM-DD')`,
  hour: (zone) =>
    Prisma.sql`to_char(date_trunc('hour', bucket, ${zone}) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`,
};

export type KeyedFilter = UsageFilter & Pick<SumsQuery, "keyIds">;

/** Rollups for the whole buckets inside the range, events for what remains at its two ends. */
function slices(query: SumsQuery): Prisma.Sql {
  const from = query.from?.getTime();
  const to = query.to?.getTime();
  const first = from === undefined ? undefined : Math.ceil(from / BUCKET_MS) * BUCKET_MS;
  const last = to === undefined ? undefined : Math.floor(to / BUCKET_MS) * BUCKET_MS;
  if (first !== undefined && last !== undefined && first >= last) return events(query, from, to);
  const parts = [rollups(query, first, last)];
  if (from !== undefined && from !== first) parts.push(events(query, from, first));
  if (to !== undefined && to !== last) parts.push(events(query, last, to));
  return Prisma.join(parts, " UNION ALL ");
}

function rollups(query: KeyedFilter, from?: number, to?: number): Prisma.Sql {
  return Prisma.sql`
    SELECT org_id, bucket, app_id, key_id, member_id, model_id, provider, credential_id, endpoint, status, calls,
      input_tokens + cache_read_tokens + cache_write_tokens + cache_write_1h_tokens
        + audio_input_tokens + image_input_tokens + video_input_tokens AS input,
      output_tokens + reasoning_tokens + audio_output_tokens + image_output_tokens AS output,
      cache_read_tokens AS cache_read, cache_write_tokens + cache_write_1h_tokens AS cache_write,
      reasoning_tokens AS reasoning, price_paid + price_promo AS price, cost, waste, unpriced
    FROM usage_rollup
    WHERE ${matching(query, Prisma.sql`bucket`, Prisma.sql`status`, from, to)}`;
}

function events(query: KeyedFilter, from?: number, to?: number): Prisma.Sql {
  return Prisma.sql`
    SELECT org_id, at AS bucket, app_id, key_id, member_id, model_id, provider, credential_id, endpoint, outcome AS status,
      (kind = 'call')::int AS calls,
      input_tokens + cache_read_tokens + cache_write_tokens + cache_write_1h_tokens
        + audio_input_tokens + image_input_tokens + video_input_tokens AS input,
      output_tokens + reasoning_tokens + audio_output_tokens + image_output_tokens AS output,
      cache_read_tokens AS cache_read, cache_write_tokens + cache_write_1h_tokens AS cache_write,
      reasoning_tokens AS reasoning, coalesce(price_nano, 0) AS price, coalesce(cost_nano, 0) AS cost, waste_nano AS waste,
      (kind = 'call' AND price_nano IS NULL)::int AS unpriced
    FROM usage_event
    WHERE ${matching(query, Prisma.sql`at`, Prisma.sql`outcome`, from, to)}`;
}

/** The conditions of a filter; `time` and `status` are the columns that its range and its outcome judge. */
export function matching(
  query: KeyedFilter,
  time: Prisma.Sql,
  status: Prisma.Sql,
  from?: number,
  to?: number,
): Prisma.Sql {
  return Prisma.join(
    [
      Prisma.sql`true`,
      query.orgId && Prisma.sql`org_id = ${query.orgId}`,
      query.appId && Prisma.sql`app_id = ${query.appId}`,
      query.keyIds && Prisma.sql`key_id = ANY (${query.keyIds}::text[])`,
      query.keyId && Prisma.sql`key_id = ${query.keyId}`,
      query.memberId && Prisma.sql`member_id = ${query.memberId}`,
      query.model && Prisma.sql`model_id = ${query.model}`,
      query.provider && Prisma.sql`provider = ${query.provider}`,
      query.credentialId && Prisma.sql`credential_id = ${query.credentialId}`,
      query.endpoint && Prisma.sql`endpoint = ${query.endpoint}`,
      query.outcome && Prisma.sql`${status} = ${query.outcome}`,
      from !== undefined && Prisma.sql`${time} >= ${new Date(from)}`,
      to !== undefined && Prisma.sql`${time} < ${new Date(to)}`,
    ].filter((condition) => typeof condition === "object"),
    " AND ",
  );
}

function toRow(row: Sums & Record<string, string | bigint | null>, groupBy: Dimension[]): UsageRow {
  const keys = groupBy.map((_, n) => row[`k${n}`] as string | null);
  return {
    key:
      groupBy.length <= 1 ? (keys[0] ?? null) : Object.fromEntries(groupBy.map((name, n) => [name, keys[n] ?? null])),
    calls: Number(row.calls),
    inputTokens: Number(row.input),
    outputTokens: Number(row.output),
    cacheReadTokens: Number(row.cache_read),
    cacheWriteTokens: Number(row.cache_write),
    reasoningTokens: Number(row.reasoning),
    priceUsd: formatUsd(row.price),
    costUsd: formatUsd(row.cost),
    wasteUsd: formatUsd(row.waste),
    unpricedCalls: Number(row.unpriced),
  };
}
