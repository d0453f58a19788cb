import { newId } from "@/lib/ids";
import type { Scope, StaffScope } from "@/lib/orgs/scope";
import type { Prisma } from "@/prisma/generated/client";

/** JSON of allow-listed fields; secrets only as fingerprints. */
type Facts = { [field: string]: Prisma.InputJsonValue | null | undefined };

export type AuditEntry = {
  /** `domain.verb`, such as `credential.create`. */
  action: string;
  /** What was changed: `kind:id`. */
  target: string;
  orgId?: string;
  before?: Facts;
  after?: Facts;
  reason?: string;
  outcome?: "ok" | "denied";
};

/** Writes the audit row of a change. Call it inside the change's own transaction: either both happen or neither. */
export async function recordAudit(
  tx: Pick<Prisma.TransactionClient, "auditEvent">,
  scope: Pick<Scope | StaffScope, "actor" | "request">,
  entry: AuditEntry,
): Promise<void> {
  await tx.auditEvent.create({
    // the row itself is not read back
    select: { id: true },
    data: {
      id: newId("aud"),
      actorType: scope.actor.type,
      actorId: scope.actor.id,
      orgId: entry.orgId,
      action: entry.action,
      target: entry.target,
      before: entry.before as Prisma.InputJsonObject | undefined,
      after: entry.after as Prisma.InputJsonObject | undefined,
      ip: scope.request?.ip,
      requestId: scope.request?.id,
      reason: entry.reason,
      outcome: entry.outcome,
    },
  });
}
