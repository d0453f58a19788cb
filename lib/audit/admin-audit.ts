import type { AuditEventRow, AuditFilter } from "@/lib/audit/schema";
import { decodeCursor, encodeCursor } from "@/lib/cursor";
import { db } from "@/lib/db";
import { requireStaffPermission, type StaffScope } from "@/lib/orgs/scope";

/** The audit log over all organisations, newest first. */
export async function listAuditEvents(
  scope: StaffScope,
  filter: AuditFilter,
): Promise<{ data: AuditEventRow[]; nextCursor: string | null }> {
  requireStaffPermission(scope, "audit.read");
  const { orgId, actorId, action, target, from, to, limit, cursor } = filter;
  const rows = await db().auditEvent.findMany({
    where: {
      orgId,
      actorId,
      action,
      target,
      at: { gte: from, lt: to },
      ...(cursor && after(cursor)),
    },
    orderBy: [{ at: "desc" }, { id: "desc" }],
    take: limit + 1,
  });
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    data: page.map(({ at, actorType, txid: _txid, ...row }) => ({
      ...row,
      at: at.toISOString(),
      // safe because only recordAudit writes the column
      actorType: actorType as AuditEventRow["actorType"],
    })),
    nextCursor: rows.length > limit && last ? encodeCursor(last.at.toISOString(), last.id) : null,
  };
}

function after(cursor: string) {
  const [at = "", id = ""] = decodeCursor(cursor, 2);
  return { OR: [{ at: { lt: new Date(at) } }, { at: new Date(at), id: { lt: id } }] };
}
