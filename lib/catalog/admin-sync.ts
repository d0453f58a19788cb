import { recordAudit } from "@/lib/audit/mutations";
import { compareServed } from "@/lib/catalog/comparison";
import { COMPARE_TASK } from "@/lib/catalog/comparison-schedule";
import type { SyncDetail, SyncHead, SyncInput, SyncRow } from "@/lib/catalog/import-schema";
import { type ConfigurationPage, ON_SCHEDULE } from "@/lib/catalog/schema";
import { decodeCursor, encodeCursor } from "@/lib/cursor";
import { change, db, sql } from "@/lib/db";
import { AppError } from "@/lib/errors";
import { newId } from "@/lib/ids";
import { requireStaffPermission, type StaffScope } from "@/lib/orgs/scope";
import type { CatalogSync, Prisma } from "@/prisma/generated/client";

type Tx = Prisma.TransactionClient;

/** Compares what is served with public catalogues and keeps the result for a person to look at. Changes no price.
 *  Throws invalid_request for a source that cannot be read, upstream_error for an address that does not answer. */
export async function prepareSync(scope: StaffScope, { sources }: SyncInput): Promise<SyncDetail> {
  requireStaffPermission(scope, "models.manage");
  const compared = await compareServed(sql(), sources);
  return change(scope, async (tx) => {
    const id = newId("sync");
    const saved = await tx.catalogSync.create({
      data: { id, ...compared, rows: compared.rows as Prisma.InputJsonArray, createdBy: scope.actor.id },
    });
    await recordAudit(tx, scope, {
      action: "catalog.compare",
      target: `catalog_sync:${id}`,
      after: { sources: compared.sources, counts: compared.counts },
    });
    return toDetail(saved);
  });
}

/** The comparisons made so far, newest first, without their rows. */
export async function listSyncs(
  scope: StaffScope,
  { limit, cursor }: ConfigurationPage,
): Promise<{ data: SyncHead[]; nextCursor: string | null }> {
  requireStaffPermission(scope, "models.read");
  const after = cursor && decodeCursor(cursor, 1)[0];
  const found = await db().catalogSync.findMany({
    where: after ? { id: { lt: after } } : {},
    omit: { rows: true, written: true },
    // ids made later sort later
    orderBy: { id: "desc" },
    take: limit + 1,
  });
  const page = found.slice(0, limit);
  return { data: page.map(toHead), nextCursor: found.length > limit ? encodeCursor(page.at(-1)?.id ?? "") : null };
}

/** The newest comparison, where the worker made it, it found something, and nobody has applied it; null otherwise. */
export async function findWaitingSync(scope: StaffScope): Promise<{ id: string; rows: number } | null> {
  requireStaffPermission(scope, "models.read");
  const newest = (await listSyncs(scope, { limit: 1 })).data[0];
  if (newest?.state !== "ready" || newest.createdBy !== ON_SCHEDULE) return null;
  const rows = Object.values(newest.counts).reduce((sum, count) => sum + count, 0);
  return rows > 0 ? { id: newest.id, rows } : null;
}

/** Why the worker's last comparison failed, in its words; null where it did not, or a later one did not. Throws forbidden. */
export async function findFailedSync(scope: StaffScope): Promise<string | null> {
  requireStaffPermission(scope, "models.read");
  const [row] = await db().$queryRaw<{ error: string | null }[]>`
    SELECT last_error AS error FROM queue_summary() WHERE task = ${COMPARE_TASK}`;
  return row?.error ?? null;
}

/** Throws not_found. */
export async function getSync(scope: StaffScope, id: string): Promise<SyncDetail> {
  requireStaffPermission(scope, "models.read");
  return toDetail(await findSync(db(), id));
}

/** Throws not_found. */
export async function findSync(tx: Pick<Tx, "catalogSync">, id: string): Promise<CatalogSync> {
  const row = await tx.catalogSync.findUnique({ where: { id } });
  if (!row) throw new AppError("not_found", `There is no comparison "${id}".`);
  return row;
}

export function toDetail(sync: CatalogSync): SyncDetail {
  // safe because only compareServed makes what is written there, here and on schedule
  return { ...toHead(sync), rows: sync.rows as unknown as SyncRow[] };
}

function toHead(sync: Omit<CatalogSync, "rows" | "written">): SyncHead {
  // safe because only compareServed makes what is written there; older ones knew no locks
  const { locked = 0, ...counts } = sync.counts as Record<string, number>;
  const { id, state, sources, createdAt, createdBy, appliedAt, effectiveFrom, result, undoneAt, undoResult } = sync;
  // safe because only this file, comparison-schedule.ts and admin-sync-apply.ts write the columns, and a CHECK allows no other
  // state
  return {
    ...{ id, state, sources, counts, locked, createdBy, result, undoResult },
    createdAt: createdAt.toISOString(),
    appliedAt: appliedAt?.toISOString() ?? null,
    effectiveFrom: effectiveFrom?.toISOString() ?? null,
    undoneAt: undoneAt?.toISOString() ?? null,
  } as unknown as SyncHead;
}
