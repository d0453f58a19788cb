import type { Sql } from "@/lib/pg";
import type { RouteRow } from "@/lib/usage/route-record";

export type SettledAttempt = {
  upstreamModel: string;
  outcome: string;
  httpStatus: number | null;
  costNano: bigint | null;
  reason: string | null;
  routing: RouteRow[] | null;
};

/** A usage event with its attempts, as the database keeps them. */
export type SettledCall = {
  outcome: string;
  httpStatus: number;
  usageSource: string;
  route: string | null;
  stream: boolean;
  modelId: string;
  upstreamModel: string | null;
  upstreamId: string | null;
  credentialId: string | null;
  inputTokens: number;
  cacheReadTokens: number;
  cacheWriteTokens: number;
  cacheWrite1hTokens: number;
  outputTokens: number;
  reasoningTokens: number;
  toolCalls: Record<string, number> | null;
  priceNano: bigint;
  costNano: bigint | null;
  wasteNano: bigint;
  heldNano: bigint;
  firstTokenMs: number | null;
  client: string | null;
  attempts: SettledAttempt[];
};

const MONEY = new Set(["priceNano", "costNano", "wasteNano", "heldNano"]);

/** The call's event, or null while it is not settled. */
export async function readCall(sql: Sql, requestId: string): Promise<SettledCall | null> {
  const events = await sql.query("select * from usage_event where id = $1 and kind = 'call'", [requestId]);
  if (events.rows.length === 0) return null;
  const attempts = await sql.query("select * from attempt where request_id = $1 order by n", [requestId]);
  // safe because the columns are the schema's, renamed as Prisma renames them
  return { ...camel(events.rows[0]), attempts: attempts.rows.map(camel) } as SettledCall;
}

function camel(row: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([column, value]) => {
      const name = column.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
      return [name, MONEY.has(name) && typeof value === "string" ? BigInt(value) : value];
    }),
  );
}
