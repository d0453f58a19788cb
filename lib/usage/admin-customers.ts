import { db } from "@/lib/db";
import { formatUsd } from "@/lib/money";
import { requireStaffPermission, type StaffScope } from "@/lib/orgs/scope";

export type CustomerRow = {
  id: string;
  name: string;
  slug: string;
  status: "active" | "suspended";
  ownerEmail: string | null;
  balanceUsd: string;
  heldUsd: string;
  /** Of the last 30 days, paid by purchased credit. */
  revenueUsd: string;
  lastCallAt: string | null;
};

const MAX_CUSTOMERS = 500;

/** Organisations whose name, slug or owner holds `search`, newest first. */
export async function listCustomers(scope: StaffScope, search = ""): Promise<CustomerRow[]> {
  requireStaffPermission(scope, "orgs.read");
  const pattern = `%${search.trim().replace(/[\\%_]/g, "\\$&")}%`;
  const rows = await db().$queryRaw<RawCustomer[]>`
    SELECT o.id, o.name, o.slug, o.status, owner.email AS "ownerEmail", coalesce(w.posted, 0) AS posted, coalesce(w.held, 0) AS held,
      coalesce(r.revenue, 0)::bigint AS revenue, call.last
    FROM org o
    LEFT JOIN wallet w ON w.org_id = o.id
    LEFT JOIN LATERAL (
      SELECT u.email FROM member m JOIN "user" u ON u.id = m.user_id WHERE m.org_id = o.id AND m.role = 'owner' ORDER BY m.id LIMIT 1
    ) owner ON true
    LEFT JOIN LATERAL (
      SELECT sum(x.price_paid) AS revenue, max(x.bucket) AS last FROM usage_rollup x
      WHERE x.org_id = o.id AND x.bucket >= clock_timestamp() - interval '30 days'
    ) r ON true
    LEFT JOIN LATERAL (
      SELECT e.at AS last FROM usage_event e WHERE e.org_id = o.id AND e.at >= r.last ORDER BY e.at DESC LIMIT 1
    ) call ON true
    WHERE o.name ILIKE ${pattern} OR o.slug ILIKE ${pattern} OR owner.email ILIKE ${pattern} OR o.id = ${search.trim()}
    ORDER BY o.id DESC LIMIT ${MAX_CUSTOMERS}`;
  return rows.map(({ posted, held, revenue, last, status, ...row }) => ({
    ...row,
    // safe because a CHECK allows no other value
    status: status as CustomerRow["status"],
    balanceUsd: formatUsd(posted),
    heldUsd: formatUsd(held),
    revenueUsd: formatUsd(revenue),
    lastCallAt: last?.toISOString() ?? null,
  }));
}

type RawCustomer = {
  id: string;
  name: string;
  slug: string;
  status: string;
  ownerEmail: string | null;
  posted: bigint;
  held: bigint;
  revenue: bigint;
  last: Date | null;
};
