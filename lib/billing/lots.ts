import { db } from "@/lib/db";
import { formatUsd } from "@/lib/money";
import { requirePermission, type Scope } from "@/lib/orgs/scope";

const LOTS_SHOWN = 100;

/** Credit of one origin. Amounts are decimal USD. */
export type LotRow = {
  id: string;
  kind: "promo" | "comp" | "paid";
  amountUsd: string;
  remainingUsd: string;
  /** Pays for cheap models only. */
  isRestricted: boolean;
  expiresAt: string | null;
};

/** What the balance is made of, in the order in which it is used up. Throws forbidden. */
export async function listLots(scope: Scope): Promise<LotRow[]> {
  requirePermission(scope, "billing.manage");
  const rows = await db().creditLot.findMany({
    where: { orgId: scope.orgId, remaining: { gt: 0 } },
    orderBy: [{ priority: "asc" }, { expiresAt: { sort: "asc", nulls: "last" } }, { createdAt: "asc" }],
    take: LOTS_SHOWN,
  });
  return rows.map(({ id, source, amount, remaining, restricted, expiresAt }) => ({
    id,
    // safe because a CHECK allows no other value
    kind: source as LotRow["kind"],
    amountUsd: formatUsd(amount),
    remainingUsd: formatUsd(remaining),
    isRestricted: restricted,
    expiresAt: expiresAt?.toISOString() ?? null,
  }));
}
