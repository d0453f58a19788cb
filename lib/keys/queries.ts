import { listChangesOf, type OrgChange } from "@/lib/audit/queries";
import { db } from "@/lib/db";
import { findKey, keyTarget, ownKeys, requireKeys, toKeyRow } from "@/lib/keys/mutations";
import type { KeyRow } from "@/lib/keys/schema";
import { formatUsd } from "@/lib/money";
import { limitsOf } from "@/lib/orgs/admin-limits";
import { requirePermission, type Scope } from "@/lib/orgs/scope";

const MAX_KEYS = 500;
const WINDOW_SECONDS = 60;

export type OrgKey = KeyRow & { creator: string | null; lastUsedAt: string | null };

/** The keys this person may see, newest first, revoked ones last: a developer sees their own. Throws forbidden. */
export async function listOrgKeys(scope: Scope): Promise<OrgKey[]> {
  requireKeys(scope);
  const rows = await db().apiKey.findMany({
    where: ownKeys(scope),
    include: { app: true },
    orderBy: [{ status: "asc" }, { id: "desc" }],
    take: MAX_KEYS,
  });
  const [limits, names, used] = await Promise.all([
    limitsOf(db(), rows.map(keyTarget)),
    namesOf(rows.map(({ createdBy }) => createdBy)),
    db().keyUse.groupBy({ by: ["keyId"], where: { orgId: scope.orgId }, _max: { lastAt: true } }),
  ]);
  const usedAt = new Map(used.map(({ keyId, _max }) => [keyId, _max.lastAt?.toISOString() ?? null]));
  return rows.map((row) => ({
    ...toKeyRow(row, limits.get(row.id)),
    creator: names.get(row.createdBy) ?? null,
    lastUsedAt: usedAt.get(row.id) ?? null,
  }));
}

export type OrgKeyDetail = OrgKey & {
  /** When the secret that a rotation replaced was last used; null: not within 30 days, or there is none. */
  previousUsedAt: string | null;
  /** What the limits count at this moment. */
  live: { heldUsd: string; calls: number; tokens: number; running: number };
  changes: OrgChange[];
};

/** One key with what its limits count and what was done to it. Throws forbidden or not_found. */
export async function getOrgKey(scope: Scope, id: string): Promise<OrgKeyDetail> {
  requireKeys(scope);
  const row = await findKey(db(), { ...ownKeys(scope), id });
  const target = keyTarget(row);
  const since = BigInt(Math.floor(Date.now() / 1000) - WINDOW_SECONDS);
  const [limits, names, uses, states, window, changes] = await Promise.all([
    limitsOf(db(), [target]),
    namesOf([row.createdBy]),
    db().keyUse.groupBy({
      by: ["secretHash"],
      where: { orgId: scope.orgId, keyId: id },
      _max: { lastAt: true },
    }),
    db().limitState.findMany({ where: target }),
    db().limitSlot.aggregate({ where: { ...target, sec: { gt: since } }, _sum: { calls: true, tokens: true } }),
    listChangesOf(scope, `key:${id}`),
  ]);
  const usedAt = uses.flatMap(({ _max }) => (_max.lastAt ? [_max.lastAt.toISOString()] : []));
  const previous = uses.find(({ secretHash }) => secretHash === row.previousHash);
  const held = states.find(({ period }) => period !== "rate")?.held ?? 0n;
  return {
    ...toKeyRow(row, limits.get(id)),
    creator: names.get(row.createdBy) ?? null,
    lastUsedAt: usedAt.sort().at(-1) ?? null,
    previousUsedAt: previous?._max.lastAt?.toISOString() ?? null,
    live: {
      heldUsd: formatUsd(held),
      calls: window._sum.calls ?? 0,
      tokens: Number(window._sum.tokens ?? 0n),
      running: states.find(({ period }) => period === "rate")?.inflight ?? 0,
    },
    changes,
  };
}

/** How many addresses used each key in the last 24 hours, by key id: who will notice when it ends. Throws forbidden. */
export async function addressesOfKeys(scope: Scope): Promise<Map<string, number>> {
  requireKeys(scope);
  const since = new Date(Date.now() - 24 * 3_600_000);
  const rows = await db().keyUse.groupBy({
    by: ["keyId", "address"],
    where: { orgId: scope.orgId, lastAt: { gt: since }, key: ownKeys(scope) },
  });
  const addresses = new Map<string, number>();
  for (const { keyId } of rows) addresses.set(keyId, (addresses.get(keyId) ?? 0) + 1);
  return addresses;
}

/** Of every app that has keys this person may see. Throws forbidden. */
export async function listAppNames(scope: Scope): Promise<string[]> {
  requireKeys(scope);
  const rows = await db().app.findMany({
    where: { orgId: scope.orgId, keys: { some: ownKeys(scope) } },
    select: { name: true },
    orderBy: { name: "asc" },
    take: MAX_KEYS,
  });
  return rows.map(({ name }) => name);
}

async function namesOf(userIds: string[]): Promise<Map<string, string>> {
  const users = await db().user.findMany({
    where: { id: { in: [...new Set(userIds)] } },
    select: { id: true, name: true, email: true },
  });
  return new Map(users.map(({ id, name, email }) => [id, name ?? email]));
}

export type KeyName = { id: string; name: string; kind: "app" | "member_token" };

/** Names for figures that are grouped by key. Whoever may see only sums sees the names too. */
export async function keyNames(scope: Scope): Promise<KeyName[]> {
  if (!scope.permissions.has("usage.own")) requirePermission(scope, "usage.sums");
  const rows = await db().apiKey.findMany({
    where: { orgId: scope.orgId, ...(!scope.permissions.has("usage.sums") && { createdBy: scope.actor.id }) },
    select: { id: true, name: true, kind: true },
    orderBy: { id: "desc" },
    take: 5000,
  });
  // safe because a CHECK allows no other value
  return rows.map((row) => ({ ...row, kind: row.kind as KeyName["kind"] }));
}

/** Names for figures that are grouped by app. An app's name is no secret inside its organisation. */
export async function appNames(scope: Scope): Promise<Map<string, string>> {
  const rows = await db().app.findMany({ where: { orgId: scope.orgId }, select: { id: true, name: true } });
  return new Map(rows.map(({ id, name }) => [id, name]));
}
