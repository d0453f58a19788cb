import { cache } from "react";
import type { Session } from "@/lib/auth/session";
import { hashToken } from "@/lib/auth/session-cookie";
import { db } from "@/lib/db";
import type { OrgRole, StaffRole } from "@/lib/orgs/permissions";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
export const SESSION_LIFE_MS = 14 * 24 * HOUR_MS;
/** Staff accounts reach every customer: they are signed out sooner. */
const IDLE_MS = { staff: HOUR_MS, customer: 24 * HOUR_MS };
const LIFE_MS = { staff: 12 * HOUR_MS, customer: SESSION_LIFE_MS };
const SEEN_EVERY_MS = MINUTE_MS;

/** Null when the session was revoked, has expired or idled, lacks a factor, or its person is disabled. */
export async function findSessionBySid(sid: string, now = Date.now()): Promise<Session | null> {
  const row = await db().authSession.findUnique({
    where: { sidHash: hashToken(sid) },
    include: { user: { include: { staff: true } } },
  });
  if (row?.level !== "full" || row.user.disabledAt) return null;
  const kind = row.user.staff ? "staff" : "customer";
  const isOver =
    now >= row.expiresAt.getTime() ||
    now >= row.createdAt.getTime() + LIFE_MS[kind] ||
    now >= row.lastSeenAt.getTime() + IDLE_MS[kind];
  if (isOver) return null;
  if (now - row.lastSeenAt.getTime() > SEEN_EVERY_MS) {
    // many, not one: it may be revoked at this very moment
    await db().authSession.updateMany({ where: { id: row.id }, data: { lastSeenAt: new Date(now) } });
  }
  const { id, email, name, locale, emailVerified, staff, lastOrgId } = row.user;
  return {
    sessionId: row.id,
    userId: id,
    email,
    name,
    locale,
    isVerified: emailVerified !== null,
    // safe because a CHECK allows no other value
    staffRole: (staff?.role ?? null) as StaffRole | null,
    lastOrgId,
  };
}

/** Once there is one it stays, so a yes is remembered. */
export async function hasPlatformOwner(): Promise<boolean> {
  ownerSeen ||= (await db().staff.count({ where: { role: "owner" } })) > 0;
  return ownerSeen;
}
let ownerSeen = false;

export type Membership = {
  org: { id: string; slug: string; name: string; timeZone: string; status: "active" | "suspended" };
  role: OrgRole;
  memberId: string;
};

/** The person's own membership of the organisation with this slug, or null: foreign and missing look alike. */
export const findMembership = cache(async (userId: string, slug: string): Promise<Membership | null> => {
  const row = await db().member.findFirst({ where: { userId, org: { slug } }, include: { org: true } });
  return row && toMembership(row);
});

/** The person's organisations, oldest membership first. */
export const listMemberships = cache(async (userId: string): Promise<Membership[]> => {
  const rows = await db().member.findMany({ where: { userId }, include: { org: true }, orderBy: { id: "asc" } });
  return rows.map(toMembership);
});

/** Where a person starts: the organisation they worked in last, else their first; the admin area for staff without one, or
 *  set-up where nothing is set up yet; or making an organisation. */
export async function homeOf(userId: string): Promise<string> {
  const memberships = await listMemberships(userId);
  if (memberships.length > 0) {
    const user = await db().user.findUnique({ where: { id: userId }, select: { lastOrgId: true } });
    const last = memberships.find(({ org }) => org.id === user?.lastOrgId) ?? memberships[0];
    return `/${last?.org.slug}`;
  }
  if (await isSetupOpenFor(userId)) return "/setup";
  return (await db().staff.count({ where: { userId } })) > 0 ? "/admin" : "/new-org";
}

/** Whether set-up waits for this owner, who came from HUB_BOOTSTRAP_ADMIN_EMAIL instead of its first step. */
export async function isSetupOpenFor(userId: string): Promise<boolean> {
  const owner = await db().staff.findUnique({ where: { userId, role: "owner", user: { members: { none: {} } } } });
  return owner !== null && (await db().auditEvent.count({ where: { action: "hub.setup" } })) === 0;
}

export type SessionRow = { id: string; isCurrent: boolean; createdAt: string; lastSeenAt: string; ip: string | null };

/** The person's live sessions, most recent first. */
export async function listSessions({ userId, sessionId }: Session): Promise<SessionRow[]> {
  const rows = await db().authSession.findMany({
    where: { userId, expiresAt: { gt: new Date() } },
    orderBy: { lastSeenAt: "desc" },
    take: 50,
  });
  return rows.map(({ id, createdAt, lastSeenAt, ip }) => ({
    id,
    isCurrent: id === sessionId,
    createdAt: createdAt.toISOString(),
    lastSeenAt: lastSeenAt.toISOString(),
    ip,
  }));
}

export type Viewing = { sessionId: string; orgId: string };

/** The version of each organisation's wallet, by `viewingId`, which rises with every hold, settlement and credit. What is
 *  missing may not be seen any more: the session ended, or its person left the organisation. */
export async function readVersions(viewings: readonly Viewing[]): Promise<Map<string, string>> {
  const rows = await db().authSession.findMany({
    where: {
      id: { in: viewings.map(({ sessionId }) => sessionId) },
      level: "full",
      expiresAt: { gt: new Date() },
      user: { disabledAt: null },
    },
    select: { id: true, user: { select: { members: { select: { orgId: true } } } } },
  });
  const wallets = await db().wallet.findMany({
    where: { orgId: { in: viewings.map(({ orgId }) => orgId) } },
    select: { orgId: true, version: true },
  });
  const versions = new Map(wallets.map(({ orgId, version }) => [orgId, version.toString()]));
  return new Map(
    rows.flatMap(({ id, user }) =>
      user.members.map(({ orgId }) => [viewingId({ sessionId: id, orgId }), versions.get(orgId) ?? "0"] as const),
    ),
  );
}

/** Stands for an organisation in the viewings of the operator's health page. */
export const HEALTH_VIEW = "health";

/** The version of the hub's health for each session of staff who may see it. */
export async function readHealthVersions(viewings: readonly Viewing[]): Promise<Map<string, string>> {
  const [sessions, [row]] = await Promise.all([
    db().authSession.findMany({
      where: {
        id: { in: viewings.map(({ sessionId }) => sessionId) },
        level: "full",
        expiresAt: { gt: new Date() },
        user: { disabledAt: null, staff: { isNot: null } },
      },
      select: { id: true },
    }),
    db().$queryRaw<[{ version: string }]>`
      SELECT concat_ws('-', floor(extract(epoch FROM clock_timestamp()) / 5), (SELECT version FROM config_version WHERE id = 1),
        (SELECT count(*) FROM breaker), (SELECT extract(epoch FROM max(updated_at)) FROM breaker),
        (SELECT extract(epoch FROM max(finished_at)) FROM provider_probe)) AS version`,
  ]);
  return new Map(sessions.map(({ id }) => [viewingId({ sessionId: id, orgId: HEALTH_VIEW }), row.version]));
}

export function viewingId({ sessionId, orgId }: Viewing): string {
  return `${sessionId} ${orgId}`;
}

type MemberRow = { id: string; role: string; org: Omit<Membership["org"], "status"> & { status: string } };

function toMembership({ id: memberId, role, org }: MemberRow): Membership {
  const { id, slug, name, timeZone, status } = org;
  // both safe because CHECKs allow no other value
  return {
    org: { id, slug, name, timeZone, status: status as Membership["org"]["status"] },
    role: role as OrgRole,
    memberId,
  };
}
