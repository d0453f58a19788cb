import { createHash, randomBytes } from "node:crypto";
import { recordAudit } from "@/lib/audit/mutations";
import { db } from "@/lib/db";
import { AppError } from "@/lib/errors";
import { newId } from "@/lib/ids";
import { sendMail } from "@/lib/notifications/mutations";
import type { OrgRole } from "@/lib/orgs/permissions";
import {
  type CapInput,
  type InviteInput,
  type OrgSettingsInput,
  RESERVED_SLUGS,
  type RoleInput,
  type SpendCapInput,
  type SpendCaps,
} from "@/lib/orgs/schema";
import { requirePermission, type Scope } from "@/lib/orgs/scope";
import { formatSpendCaps, toSpendCaps } from "@/lib/orgs/spend-caps";
import { getSettings } from "@/lib/settings/queries";
import type { Org, Prisma } from "@/prisma/generated/client";

const INVITATION_MS = 7 * 24 * 60 * 60 * 1000;
/** Nobody hands out more than they have: an inviter reaches roles of their own rank or below. */
const RANK: Record<OrgRole, number> = { owner: 3, admin: 2, developer: 1, billing: 1, viewer: 0 };

/** The row, its ledger account and an empty wallet of the instance's mode, inside the caller's transaction.
 *  Throws conflict when a given slug is taken; a slug made from the name is made unique. */
export async function openOrg(
  tx: Prisma.TransactionClient,
  { name, slug: asked, timeZone }: { name: string; slug?: string; timeZone?: string },
): Promise<Org> {
  const id = newId("org");
  const slug = asked ?? (await freeSlug(tx, name, id));
  if (asked && (await tx.org.findUnique({ where: { slug } }))) {
    throw new AppError("conflict", `slug: "${slug}" is taken.`, { param: "slug" });
  }
  const row = await tx.org.create({ data: { id, slug, name, timeZone } });
  const { mode } = await getSettings(tx);
  await tx.$executeRaw`SELECT create_wallet(${id}, ${mode === "service" ? 0n : null}::bigint)`;
  return row;
}

/** Mails each address a link that lives 7 days; an earlier invitation of the same address stops working. Members are
 *  skipped, without saying so. Throws forbidden for a role above the inviter's own. */
export async function inviteMembers(
  scope: Scope,
  { emails, role, locale }: InviteInput,
  linkTo: (token: string) => string,
): Promise<{ invited: number }> {
  requirePermission(scope, "members.manage");
  return db().$transaction(async (tx) => {
    await requireRank(tx, scope, role);
    const org = await tx.org.findUniqueOrThrow({ where: { id: scope.orgId } });
    const inviter = await tx.user.findUnique({ where: { id: scope.actor.id } });
    const members = await tx.member.findMany({
      where: { orgId: scope.orgId, user: { email: { in: emails } } },
      include: { user: true },
    });
    const fresh = [...new Set(emails)].filter((email) => !members.some(({ user }) => user.email === email));
    for (const email of fresh) {
      const token = randomBytes(32).toString("base64url");
      const data = {
        role,
        tokenHash: hashInvitation(token),
        invitedBy: scope.actor.id,
        expiresAt: new Date(Date.now() + INVITATION_MS),
      };
      const { id } = await tx.invitation.upsert({
        where: { orgId_email: { orgId: scope.orgId, email } },
        create: { id: newId("inv"), orgId: scope.orgId, email, ...data },
        update: { ...data, acceptedAt: null, createdAt: new Date() },
      });
      const facts = { org: org.name, inviter: inviter?.name ?? inviter?.email ?? org.name, url: linkTo(token) };
      await sendMail(tx, { event: `${id}:${data.tokenHash}`, to: email, template: "invitation", locale, data: facts });
      await recordAudit(tx, scope, {
        action: "member.invite",
        target: `invitation:${id}`,
        orgId: scope.orgId,
        after: { email, role },
      });
    }
    return { invited: fresh.length };
  });
}

/** Throws not_found. */
export async function revokeInvitation(scope: Scope, { invitationId: id }: { invitationId: string }): Promise<void> {
  requirePermission(scope, "members.manage");
  await db().$transaction(async (tx) => {
    const { count } = await tx.invitation.deleteMany({ where: { id, orgId: scope.orgId, acceptedAt: null } });
    if (count === 0) throw new AppError("not_found", "There is no such invitation.");
    await recordAudit(tx, scope, { action: "member.uninvite", target: `invitation:${id}`, orgId: scope.orgId });
  });
}

/** Throws not_found, forbidden (above one's own rank), or conflict for the last owner. */
export async function changeRole(scope: Scope, { memberId, role }: RoleInput): Promise<void> {
  requirePermission(scope, "org.roles");
  await db().$transaction(async (tx) => {
    const member = await lockedMember(tx, scope, memberId);
    await requireRank(tx, scope, role);
    if (member.role === "owner" && role !== "owner") await requireAnotherOwner(tx, scope, memberId);
    await tx.member.updateMany({ where: { id: memberId, orgId: scope.orgId }, data: { role } });
    // the playground's token of the old role ends with it; where the new one may have one, the browser asks again
    await tx.apiKey.updateMany({
      where: { orgId: scope.orgId, memberId, kind: "member_token", status: "active" },
      data: { status: "revoked", revokedAt: new Date() },
    });
    await recordAudit(tx, scope, {
      action: "member.role",
      target: `member:${memberId}`,
      orgId: scope.orgId,
      before: { role: member.role },
      after: { role },
    });
  });
}

/** What a member's own tokens may spend in a month and in a day, UTC; null removes a cap. Binds from the next call on. Throws
 *  not_found, or forbidden above one's own rank. */
export async function setMemberCap(scope: Scope, { memberId, ...caps }: CapInput): Promise<void> {
  requirePermission(scope, "members.manage");
  await db().$transaction(async (tx) => {
    const member = await lockedMember(tx, scope, memberId);
    // safe because a CHECK allows no other value
    await requireRank(tx, scope, member.role as OrgRole);
    const before = await changeCaps(tx, { orgId: scope.orgId, scope: "member", scopeId: memberId }, caps);
    await recordAudit(tx, scope, {
      action: "member.cap",
      target: `member:${memberId}`,
      orgId: scope.orgId,
      before,
      after: formatSpendCaps(caps),
    });
  });
}

/** What all calls of the organisation may cost in a month and in a day, UTC, as it sets for itself, beside any limit of the operator's;
 *  null removes a cap. Binds from the next call on. Throws forbidden. */
export async function setSpendCap(scope: Scope, caps: SpendCapInput): Promise<void> {
  requirePermission(scope, "billing.manage");
  const { orgId } = scope;
  await db().$transaction(async (tx) => {
    const before = await changeCaps(tx, { orgId, scope: "self", scopeId: orgId }, caps);
    await recordAudit(tx, scope, {
      action: "org.cap",
      target: `org:${orgId}`,
      orgId,
      before,
      after: formatSpendCaps(caps),
    });
  });
}

/** Removes a member, or lets one leave; their app keys stay, since they belong to the organisation. Throws not_found,
 *  forbidden, or conflict for the last owner. */
export async function removeMember(scope: Scope, { memberId }: { memberId: string }): Promise<void> {
  await db().$transaction(async (tx) => {
    const member = await lockedMember(tx, scope, memberId);
    if (member.userId !== scope.actor.id) {
      requirePermission(scope, "members.manage");
      await requireRank(tx, scope, member.role as OrgRole);
    }
    if (member.role === "owner") await requireAnotherOwner(tx, scope, memberId);
    // personal tokens die with the membership; the trigger on api_key tells the gateways
    await tx.apiKey.updateMany({
      where: { orgId: scope.orgId, memberId, status: { not: "revoked" } },
      data: { status: "revoked", revokedAt: new Date() },
    });
    await tx.member.deleteMany({ where: { id: memberId, orgId: scope.orgId } });
    await recordAudit(tx, scope, {
      action: "member.remove",
      target: `member:${memberId}`,
      orgId: scope.orgId,
      before: { userId: member.userId, role: member.role },
    });
  });
}

/** Its name, and the zone in which the days of its reports begin. Throws forbidden. */
export async function updateOrg(scope: Scope, { name, timeZone }: OrgSettingsInput): Promise<void> {
  requirePermission(scope, "members.manage");
  await db().$transaction(async (tx) => {
    const before = await tx.org.findUniqueOrThrow({ where: { id: scope.orgId } });
    await tx.org.update({ where: { id: scope.orgId }, data: { name, timeZone } });
    await recordAudit(tx, scope, {
      action: "org.update",
      target: `org:${scope.orgId}`,
      orgId: scope.orgId,
      before: { name: before.name, timeZone: before.timeZone },
      after: { name, timeZone },
    });
  });
}

/** Makes the invited person a member. The invitation binds to the address: the caller proves that it is theirs.
 *  Throws not_found when the link is unknown, used or expired, forbidden for another address. */
export async function acceptInvitation(
  person: { userId: string; email: string; request: Scope["request"] },
  token: string,
): Promise<{ slug: string }> {
  return db().$transaction(async (tx) => {
    const invitation = await tx.invitation.findUnique({
      where: { tokenHash: hashInvitation(token) },
      include: { org: true },
    });
    if (!invitation || invitation.expiresAt < new Date()) throw goneInvitation();
    if (invitation.email !== person.email) {
      throw new AppError("forbidden", "This invitation is for another address.");
    }
    // claimed first: of two clicks at once, one joins
    const { count } = await tx.invitation.updateMany({
      where: { id: invitation.id, acceptedAt: null },
      data: { acceptedAt: new Date() },
    });
    if (count === 0) throw goneInvitation();
    const { orgId, role, org } = invitation;
    const known = await tx.member.findUnique({ where: { orgId_userId: { orgId, userId: person.userId } } });
    if (!known) await tx.member.create({ data: { id: newId("mem"), orgId, userId: person.userId, role } });
    const scope = { actor: { type: "user", id: person.userId } as const, request: person.request };
    await recordAudit(tx, scope, {
      action: "member.join",
      target: `invitation:${invitation.id}`,
      orgId,
      after: { role },
    });
    return { slug: org.slug };
  });
}

function goneInvitation(): AppError {
  return new AppError("not_found", "This invitation has expired, was used or was withdrawn. Ask for a new one.");
}

export function hashInvitation(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

/** Returns what they were. */
async function changeCaps(
  tx: Prisma.TransactionClient,
  target: { orgId: string; scope: "member" | "self"; scopeId: string },
  { capUsd, dailyCapUsd }: SpendCapInput,
): Promise<SpendCaps> {
  const before = toSpendCaps(await tx.limitState.findMany({ where: target }));
  // amounts travel as text, since JSON numbers lose digits
  const limits = { month: capUsd?.toString() ?? null, day: dailyCapUsd?.toString() ?? null };
  await tx.$executeRaw`SELECT set_limits(${target.orgId}, ${target.scope}, ${target.scopeId}, ${JSON.stringify(limits)}::jsonb)`;
  return before;
}

async function lockedMember(tx: Prisma.TransactionClient, scope: Scope, id: string) {
  // all of them, in one order: two owners who demote each other must see one another's change
  await tx.$queryRaw`SELECT id FROM member WHERE org_id = ${scope.orgId} ORDER BY id FOR UPDATE`;
  const member = await tx.member.findFirst({ where: { id, orgId: scope.orgId } });
  if (!member) throw new AppError("not_found", "There is no such member.");
  return member;
}

async function requireAnotherOwner(tx: Prisma.TransactionClient, scope: Scope, memberId: string): Promise<void> {
  const others = await tx.member.count({ where: { orgId: scope.orgId, role: "owner", id: { not: memberId } } });
  if (others === 0)
    throw new AppError("conflict", "An organisation keeps at least one owner: make somebody else owner first.");
}

async function requireRank(tx: Prisma.TransactionClient, scope: Scope, role: OrgRole): Promise<void> {
  const own = await tx.member.findFirst({ where: { orgId: scope.orgId, userId: scope.actor.id } });
  // safe because a CHECK allows no other value
  const rank = own ? RANK[own.role as OrgRole] : -1;
  if (RANK[role] > rank) throw new AppError("forbidden", `Your own role does not reach "${role}".`, { param: "role" });
}

async function freeSlug(tx: Prisma.TransactionClient, name: string, id: string): Promise<string> {
  const base = name
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 40)
    .replace(/-+$/, "");
  const isFree = base && !RESERVED_SLUGS.has(base) && !(await tx.org.findUnique({ where: { slug: base } }));
  return isFree ? base : `${base || "org"}-${id.slice(-8)}`;
}
