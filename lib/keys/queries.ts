import { db } from "@/lib/db";
import { keyTarget, ownKeys, requireKeys, toKeyRow } from "@/lib/keys/mutations";
import type { KeyRow } from "@/lib/keys/schema";
import { limitsOf } from "@/lib/orgs/admin-limits";
import { requirePermission, type Scope } from "@/lib/orgs/scope";

const MAX_KEYS = 500;

/** The keys this person may see, newest first, revoked ones last: a developer sees their own. Throws forbidden. */
export async function listOrgKeys(scope: Scope): Promise<KeyRow[]> {
  requireKeys(scope);
  const rows = await db().apiKey.findMany({
    where: ownKeys(scope),
    include: { app: true },
    orderBy: [{ status: "asc" }, { id: "desc" }],
    take: MAX_KEYS,
  });
  const limits = await limitsOf(db(), rows.map(keyTarget));
  return rows.map((row) => toKeyRow(row, limits.get(row.id)));
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
