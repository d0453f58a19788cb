import { parseRates, priceUsage } from "@/lib/billing/pricing";
import { type Nano, toNano } from "@/lib/money";
import type { Sql } from "@/lib/pg";
import { usageOfRows } from "@/lib/usage/stored-usage";

/** A call whose charge is not what its usage costs at the price version pinned on it. Amounts are texts of nano-USD. */
export type RateDifference = {
  id: string;
  orgId: string;
  why: "other_price" | "version_missing" | "not_priced";
  chargedNano: string | null;
  expectedNano: string | null;
};

export type Rerating = { checked: number; differences: RateDifference[] };

const WHOLE_BP = 10_000;
const BATCH = 1_000;

/** Computes the price of settled calls again, from what is stored alone: usage by class and the pinned version (invariant
 *  I16). `shareBp` of them are looked at, the same ones each time; late adjustments count into their call. Only reads. */
export async function rerate(
  sql: Sql,
  range: { since: Date; until: Date; shareBp?: number; orgId?: string },
): Promise<Rerating> {
  const found: Rerating = { checked: 0, differences: [] };
  let after: [string, string] = [range.since.toISOString(), ""];
  for (;;) {
    const values = [...after, range.until, range.shareBp ?? WHOLE_BP, range.orgId ?? null, BATCH];
    const { rows } = await sql.query<CallRow>(CALLS, values);
    for (const row of rows) {
      found.checked++;
      const difference = differenceOf(row);
      if (difference) found.differences.push(difference);
    }
    const last = rows.at(-1);
    if (!last || rows.length < BATCH) return found;
    after = [last.at, last.id];
  }
}

type CallRow = {
  id: string;
  org_id: string;
  /** With all its digits: the place in the list. */
  at: string;
  charged: string | null;
  version_id: string | null;
  rates: unknown;
  factor_bp: number | null;
  events: Record<string, unknown>[];
};

const CALLS = `
select e.id, e.org_id, e.at::text as at, e.price_version_id::text as version_id, v.rates, v.factor_bp,
  case when e.price_nano is null and a.price_nano is null then null
    else (coalesce(e.price_nano, 0) + coalesce(a.price_nano, 0))::text end as charged,
  case when a.id is null then jsonb_build_array(to_jsonb(e)) else jsonb_build_array(to_jsonb(e), to_jsonb(a)) end as events
from usage_event e
left join price_version v on v.id = e.price_version_id
left join usage_event a on a.id = 'adj_' || e.id and a.org_id = e.org_id and a.kind = 'adjust' and a.at >= e.at
where e.kind = 'call' and (e.at, e.id) > ($1::timestamptz, $2) and e.at < $3
  and mod(hashtext(e.id)::bigint + 2147483648, 10000) < $4 and ($5::text is null or e.org_id = $5)
order by e.at, e.id limit $6`;

function differenceOf(row: CallRow): RateDifference | null {
  const charged = row.charged === null ? null : toNano(row.charged);
  const found = (why: RateDifference["why"], expected: Nano | null): RateDifference => ({
    id: row.id,
    orgId: row.org_id,
    why,
    chargedNano: row.charged,
    expectedNano: expected === null ? null : expected.toString(),
  });
  if (row.version_id === null) return charged === null || charged === 0n ? null : found("not_priced", null);
  if (row.rates === null) return found("version_missing", null);
  const expected = priceUsage(usageOfRows(row.events), parseRates(row.rates), row.factor_bp ?? WHOLE_BP);
  return charged === expected ? null : found("other_price", expected);
}
