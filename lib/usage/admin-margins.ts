import { db } from "@/lib/db";
import { formatUsd, type Nano } from "@/lib/money";
import { requireStaffPermission, type StaffScope } from "@/lib/orgs/scope";
import { type MarginSums, type Margins, marginsOf } from "@/lib/usage/margins";
import { Prisma } from "@/prisma/generated/client";

/** Half-open, on boundaries of 15 minutes: whole rollup rows, so that every grouping has the same sum. */
export type MarginRange = { from: Date; to: Date };
export type MarginGroup = "day" | "model" | "provider" | "org";
/** `key` is null for usage that no provider answered. */
export type MarginRow = Margins & { key: string | null; name: string | null };

/** The figures of a range, over all organisations or one. */
export async function sumMargins(scope: StaffScope, range: MarginRange, orgId?: string): Promise<Margins> {
  requireStaffPermission(scope, "usage.read");
  const [row] = await readSums(range, Prisma.sql`NULL::text`, orgId);
  return marginsOf(row ?? NOTHING);
}

/** The figures by UTC day, model, provider or customer; days ascending, the others by revenue. A day without usage has no row. */
export async function listMargins(scope: StaffScope, range: MarginRange, by: MarginGroup): Promise<MarginRow[]> {
  requireStaffPermission(scope, "usage.read");
  const rows = await readSums(range, KEY_OF[by]);
  const names = by === "org" ? await orgNames(rows) : new Map<string, string>();
  const sorted = rows.toSorted(by === "day" ? byKey : byRevenue);
  return sorted.map((row) => ({ ...marginsOf(row), key: row.key, name: (row.key && names.get(row.key)) ?? null }));
}

export type Position = {
  /** null where nobody pays here (enterprise). */
  cashInUsd: string | null;
  /** Booked as charged and not covered by any balance. */
  writtenOffUsd: string;
  /** Unspent purchased credit now, held part included. */
  liabilityUsd: string;
  /** Unspent starter, promotional and comp credit now; shown beside the liability, never added. */
  unspentPromoUsd: string;
  holds: { count: number; heldUsd: string };
};

/** What the ledger says: cash and write-offs of the range, credit and holds of this moment. */
export async function readPosition(
  scope: StaffScope,
  { from, to }: MarginRange,
  mode: "service" | "enterprise",
): Promise<Position> {
  requireStaffPermission(scope, "usage.read");
  const [row] = await db().$queryRaw<Record<"cash" | "bad_debt" | "liability" | "promo" | "held" | "holds", bigint>[]>`
    SELECT
      coalesce(-sum(e.amount) FILTER (WHERE e.account_id IN ('bank', 'stripe_clearing', 'refunds', 'disputes', 'stripe_fees', 'tax')), 0)::bigint AS cash,
      coalesce(-sum(e.amount) FILTER (WHERE e.account_id = 'bad_debt'), 0)::bigint AS bad_debt,
      (SELECT coalesce(sum(remaining) FILTER (WHERE source = 'paid'), 0)::bigint FROM credit_lot) AS liability,
      (SELECT coalesce(sum(remaining) FILTER (WHERE source <> 'paid'), 0)::bigint FROM credit_lot) AS promo,
      (SELECT coalesce(sum(amount), 0)::bigint FROM hold WHERE state = 'open') AS held,
      (SELECT count(*) FROM hold WHERE state = 'open') AS holds
    FROM journal j JOIN entry e ON e.journal_id = j.id WHERE j.at >= ${from} AND j.at < ${to}`;
  const usd = (amountNano: Nano | undefined) => formatUsd(amountNano ?? 0n);
  return {
    cashInUsd: mode === "service" ? usd(row?.cash) : null,
    writtenOffUsd: usd(row?.bad_debt),
    liabilityUsd: usd(row?.liability),
    unspentPromoUsd: usd(row?.promo),
    holds: { count: Number(row?.holds ?? 0n), heldUsd: usd(row?.held) },
  };
}

const KEY_OF: Record<MarginGroup, Prisma.Sql> = {
  day: Prisma.sql`to_char(bucket AT TIME ZONE 'UTC', 'YYYY-MM-DD')`,
  model: Prisma.sql`model_id`,
  provider: Prisma.sql`provider`,
  org: Prisma.sql`org_id`,
};

const NOTHING: MarginSums = {
  calls: 0n,
  unpriced: 0n,
  paidNano: 0n,
  promoNano: 0n,
  costNano: 0n,
  wasteNano: 0n,
  promoCostNano: 0n,
};

function readSums({ from, to }: MarginRange, key: Prisma.Sql, orgId?: string) {
  return db().$queryRaw<(MarginSums & { key: string | null })[]>`
    SELECT ${key} AS key, sum(calls)::bigint AS calls, sum(unpriced)::bigint AS unpriced,
      sum(price_paid)::bigint AS "paidNano", sum(price_promo)::bigint AS "promoNano",
      sum(cost + waste)::bigint AS "costNano", sum(waste)::bigint AS "wasteNano",
      coalesce(sum(round((cost + waste)::numeric * price_promo / nullif(price_paid + price_promo, 0))), 0)::bigint AS "promoCostNano"
    FROM usage_rollup
    WHERE bucket >= ${from} AND bucket < ${to} ${orgId ? Prisma.sql`AND org_id = ${orgId}` : Prisma.empty}
    GROUP BY 1`;
}

async function orgNames(rows: { key: string | null }[]): Promise<Map<string, string>> {
  const ids = rows.flatMap(({ key }) => key ?? []);
  const orgs = await db().org.findMany({ where: { id: { in: ids } }, select: { id: true, name: true } });
  return new Map(orgs.map(({ id, name }) => [id, name]));
}

function byKey(a: { key: string | null }, b: { key: string | null }): number {
  return (a.key ?? "") < (b.key ?? "") ? -1 : 1;
}

function byRevenue(a: MarginSums, b: MarginSums): number {
  const difference = b.paidNano + b.promoNano - a.paidNano - a.promoNano || b.costNano - a.costNano;
  return difference > 0n ? 1 : difference < 0n ? -1 : 0;
}
