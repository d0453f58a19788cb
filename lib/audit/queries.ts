import { db } from "@/lib/db";
import type { Scope } from "@/lib/orgs/scope";

/** A change as the organisation's people see it. `actor` is a member's name; null where it was the operator or the hub. */
export type OrgChange = {
  id: string;
  at: string;
  action: string;
  actorType: string;
  actor: string | null;
  before: unknown;
  after: unknown;
};

const SHOWN = 50;

/** What was done to one thing of the organisation, newest first. The caller has judged that this person may see the thing. */
export async function listChangesOf(scope: Scope, target: string): Promise<OrgChange[]> {
  const rows = await db().auditEvent.findMany({
    where: { orgId: scope.orgId, target, outcome: "ok" },
    orderBy: [{ at: "desc" }, { id: "desc" }],
    take: SHOWN,
  });
  const users = await db().user.findMany({
    where: { id: { in: rows.filter(({ actorType }) => actorType === "user").map(({ actorId }) => actorId) } },
    select: { id: true, name: true, email: true },
  });
  const names = new Map(users.map(({ id, name, email }) => [id, name ?? email]));
  return rows.map(({ id, at, action, actorType, actorId, before, after }) => ({
    id,
    at: at.toISOString(),
    action,
    actorType,
    actor: actorType === "user" ? (names.get(actorId) ?? null) : null,
    before,
    after,
  }));
}
