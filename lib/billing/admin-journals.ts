import { decodeCursor, encodeCursor } from "@/lib/cursor";
import { db } from "@/lib/db";
import { formatUsd } from "@/lib/money";
import { requireStaffPermission, type StaffScope } from "@/lib/orgs/scope";

export type JournalRow = {
  id: string;
  at: string;
  kind: string;
  ref: string;
  orgId: string | null;
  /** null once the organisation is gone. */
  orgName: string | null;
  actor: string | null;
  reason: string | null;
  /** Positive: into the account. They sum to zero. */
  entries: { account: string; amountUsd: string }[];
};

export type JournalQuery = { orgId?: string; kind?: string; cursor?: string; limit: number };

/** The ledger's journals with their entries, newest first. */
export async function listJournals(
  scope: StaffScope,
  { orgId, kind, cursor, limit }: JournalQuery,
): Promise<{ data: JournalRow[]; nextCursor: string | null }> {
  requireStaffPermission(scope, "ledger.read");
  const before = cursor && decodeCursor(cursor, 1)[0];
  const rows = await db().journal.findMany({
    where: { orgId, kind, ...(before && /^\d{1,18}$/.test(before) && { id: { lt: BigInt(before) } }) },
    orderBy: { id: "desc" },
    take: limit + 1,
  });
  const page = rows.slice(0, limit);
  const [entries, orgs] = await Promise.all([
    db().entry.findMany({ where: { journalId: { in: page.map(({ id }) => id) } }, orderBy: { id: "asc" } }),
    db().org.findMany({
      where: { id: { in: page.flatMap(({ orgId: org }) => org ?? []) } },
      select: { id: true, name: true },
    }),
  ]);
  return {
    data: page.map(({ id, at, kind: kindOf, ref, orgId: org, actor, reason }) => ({
      id: id.toString(),
      at: at.toISOString(),
      kind: kindOf,
      ref,
      orgId: org,
      orgName: orgs.find(({ id: one }) => one === org)?.name ?? null,
      actor,
      reason,
      entries: entries
        .filter(({ journalId }) => journalId === id)
        .map(({ accountId, amount }) => ({ account: accountId, amountUsd: formatUsd(amount) })),
    })),
    nextCursor: rows.length > limit ? encodeCursor(page.at(-1)?.id.toString() ?? "") : null,
  };
}
