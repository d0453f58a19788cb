import { decodeCursor, encodeCursor } from "@/lib/cursor";
import { change, db } from "@/lib/db";
import { endKey, findKey, insertKey, keyTarget, patchKey, toKeyRow } from "@/lib/keys/mutations";
import type { CreatedKey, KeyInput, KeyPatch, KeyRow } from "@/lib/keys/schema";
import { limitsOf } from "@/lib/orgs/admin-limits";
import { findOrg } from "@/lib/orgs/admin-orgs";
import type { Page } from "@/lib/orgs/schema";
import { requireStaffPermission, type StaffScope } from "@/lib/orgs/scope";

/** App keys of one organisation, newest first; revoked ones included, short-lived member tokens not. Throws not_found. */
export async function listKeys(
  scope: StaffScope,
  orgId: string,
  { limit, cursor }: Page,
): Promise<{ data: KeyRow[]; nextCursor: string | null }> {
  requireStaffPermission(scope, "orgs.read");
  await findOrg(db(), orgId);
  const before = cursor && decodeCursor(cursor, 1)[0];
  const rows = await db().apiKey.findMany({
    where: { orgId, kind: "app", ...(before && { id: { lt: before } }) },
    include: { app: true },
    orderBy: { id: "desc" },
    take: limit + 1,
  });
  const page = rows.slice(0, limit);
  const limits = await limitsOf(
    db(),
    page.map(({ id }) => ({ orgId, scope: "key", scopeId: id })),
  );
  return {
    data: page.map((row) => toKeyRow(row, limits.get(row.id))),
    nextCursor: rows.length > limit ? encodeCursor(page.at(-1)?.id ?? "") : null,
  };
}

/** Throws not_found. */
export async function getKey(scope: StaffScope, id: string): Promise<KeyRow> {
  requireStaffPermission(scope, "orgs.read");
  const row = await findKey(db(), { id });
  return toKeyRow(row, (await limitsOf(db(), [keyTarget(row)])).get(id));
}

/** Only the HMAC is stored: the answer is the one place where the secret appears. Throws not_found. */
export async function createKey(scope: StaffScope, orgId: string, input: KeyInput): Promise<CreatedKey> {
  requireStaffPermission(scope, "orgs.manage");
  return change(scope, async (tx) => {
    await findOrg(tx, orgId);
    return insertKey(tx, scope, orgId, input);
  });
}

/** Changes bind from the next call on. Throws not_found, or conflict for a revoked key, which stays revoked. */
export async function updateKey(scope: StaffScope, id: string, patch: KeyPatch): Promise<KeyRow> {
  requireStaffPermission(scope, "orgs.manage");
  return change(scope, async (tx) => patchKey(tx, scope, await findKey(tx, { id }), patch));
}

/** Refused within a second, for good. Idempotent. Throws not_found. */
export async function revokeKey(scope: StaffScope, id: string): Promise<{ id: string; deleted: true }> {
  requireStaffPermission(scope, "orgs.manage");
  return change(scope, async (tx) => endKey(tx, scope, await findKey(tx, { id })));
}
