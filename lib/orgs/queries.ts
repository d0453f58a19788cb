import { db } from "@/lib/db";
import { hashInvitation } from "@/lib/orgs/mutations";
import type { OrgRole } from "@/lib/orgs/permissions";
import type { SpendCaps } from "@/lib/orgs/schema";
import { requirePermission, type Scope } from "@/lib/orgs/scope";
import { toSpendCaps } from "@/lib/orgs/spend-caps";

export type MemberRow = {
  id: string;
  userId: string;
  name: string | null;
  email: string;
  role: OrgRole;
  joinedAt: string;
  lastSeenAt: string | null;
};

/** Every member may see who else is one. Owners first, then by name. */
export async function listMembers(scope: Scope): Promise<MemberRow[]> {
  const rows = await db().member.findMany({
    where: { orgId: scope.orgId },
    include: { user: { include: { sessions: { orderBy: { lastSeenAt: "desc" }, take: 1 } } } },
    orderBy: { id: "asc" },
  });
  return rows.map(({ id, userId, role, createdAt, user }) => ({
    id,
    userId,
    name: user.name,
    email: user.email,
    // safe because a CHECK allows no other value
    role: role as OrgRole,
    joinedAt: createdAt.toISOString(),
    lastSeenAt: user.sessions[0]?.lastSeenAt.toISOString() ?? null,
  }));
}

/** What members may spend, by member id; who has no cap is absent. Throws forbidden. */
export async function memberCaps(scope: Scope): Promise<Map<string, SpendCaps>> {
  requirePermission(scope, "usage.sums");
  const { orgId } = scope;
  const rows = await db().limitState.findMany({ where: { orgId, scope: "member" } });
  const byMember = Map.groupBy(rows, ({ scopeId }) => scopeId);
  return new Map([...byMember].map(([memberId, own]) => [memberId, toSpendCaps(own)]));
}

/** What the organisation lets itself spend. Throws forbidden. */
export async function getSpendCap(scope: Scope): Promise<SpendCaps> {
  requirePermission(scope, "billing.manage");
  const { orgId } = scope;
  return toSpendCaps(await db().limitState.findMany({ where: { orgId, scope: "self", scopeId: orgId } }));
}

export type InvitationRow = { id: string; email: string; role: OrgRole; expiresAt: string; isExpired: boolean };

/** Those not accepted yet. Throws forbidden. */
export async function listInvitations(scope: Scope): Promise<InvitationRow[]> {
  requirePermission(scope, "members.manage");
  const rows = await db().invitation.findMany({
    where: { orgId: scope.orgId, acceptedAt: null },
    orderBy: { createdAt: "desc" },
  });
  return rows.map(({ id, email, role, expiresAt }) => ({
    id,
    email,
    role: role as OrgRole,
    expiresAt: expiresAt.toISOString(),
    isExpired: expiresAt < new Date(),
  }));
}

export type InvitationCard = { orgName: string; orgSlug: string; role: OrgRole; email: string; inviter: string };

/** What the holder of a link may know: knowing the 256-bit token is the permission. Null when it no longer works. */
export async function findInvitation(token: string): Promise<InvitationCard | null> {
  const row = await db().invitation.findUnique({
    where: { tokenHash: hashInvitation(token) },
    include: { org: true },
  });
  if (!row || row.acceptedAt || row.expiresAt < new Date()) return null;
  const inviter = await db().user.findUnique({ where: { id: row.invitedBy } });
  const { email, role, org } = row;
  return { orgName: org.name, orgSlug: org.slug, role: role as OrgRole, email, inviter: inviter?.name ?? org.name };
}
