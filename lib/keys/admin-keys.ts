import { recordAudit } from "@/lib/audit/mutations";
import { decodeCursor, encodeCursor } from "@/lib/cursor";
import { change, db } from "@/lib/db";
import { env } from "@/lib/env";
import { AppError } from "@/lib/errors";
import { newId } from "@/lib/ids";
import type { CreatedKey, KeyInput, KeyPatch, KeyRow } from "@/lib/keys/schema";
import { generateKey, hashKey, keyDisplay } from "@/lib/keys/secret";
import { changeLimits, hasLimits, limitsOf, NO_LIMITS } from "@/lib/orgs/admin-limits";
import { findOrg } from "@/lib/orgs/admin-orgs";
import type { Limits, Page } from "@/lib/orgs/schema";
import { requireStaffPermission, type StaffScope } from "@/lib/orgs/scope";
import type { ApiKey, App, Prisma } from "@/prisma/generated/client";

type KeyOfApp = ApiKey & { app: App };

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
    data: page.map((row) => toRow(row, limits.get(row.id))),
    nextCursor: rows.length > limit ? encodeCursor(page.at(-1)?.id ?? "") : null,
  };
}

/** Throws not_found. */
export async function getKey(scope: StaffScope, id: string): Promise<KeyRow> {
  requireStaffPermission(scope, "orgs.read");
  const row = await findKey(db(), id);
  return toRow(row, (await limitsOf(db(), [target(row)])).get(id));
}

/** Only the HMAC is stored: the answer is the one place where the secret appears. Throws not_found. */
export async function createKey(scope: StaffScope, orgId: string, input: KeyInput): Promise<CreatedKey> {
  requireStaffPermission(scope, "orgs.manage");
  const key = generateKey("sk");
  return change(scope, async (tx) => {
    await findOrg(tx, orgId);
    const app = await findOrCreateApp(tx, orgId, input.app ?? "default");
    const row = await tx.apiKey.create({
      data: {
        id: newId("key"),
        orgId,
        appId: app.id,
        name: input.name,
        ...keyDisplay(key),
        hash: hashKey(env().keyPepper, key),
        allowedModels: input.allowedModels,
        allowedIps: input.allowedIps,
        expiresAt: input.expiresAt,
        createdBy: scope.actor.id,
      },
      include: { app: true },
    });
    await changeLimits(tx, target(row), input);
    const limits = (await limitsOf(tx, [target(row)])).get(row.id);
    await recordAudit(tx, scope, { action: "key.create", target: `key:${row.id}`, orgId, after: facts(row, limits) });
    return { ...toRow(row, limits), key };
  });
}

/** Changes bind from the next call on. Throws not_found, or conflict for a revoked key, which stays revoked. */
export async function updateKey(scope: StaffScope, id: string, patch: KeyPatch): Promise<KeyRow> {
  requireStaffPermission(scope, "orgs.manage");
  return change(scope, async (tx) => {
    const before = await findKey(tx, id);
    if (before.status === "revoked") throw new AppError("conflict", "This key is revoked and cannot be changed.");
    const limitsBefore = (await limitsOf(tx, [target(before)])).get(id);
    const status = patch.status ?? (patch.enabled === undefined ? undefined : patch.enabled ? "active" : "disabled");
    const { name, allowedModels, allowedIps, expiresAt } = patch;
    const row = await tx.apiKey.update({
      where: { id },
      data: { name, allowedModels, allowedIps, expiresAt, status },
      include: { app: true },
    });
    if (hasLimits(patch)) await changeLimits(tx, target(row), patch);
    const limits = (await limitsOf(tx, [target(row)])).get(id);
    await recordAudit(tx, scope, {
      action: "key.update",
      target: `key:${id}`,
      orgId: row.orgId,
      before: facts(before, limitsBefore),
      after: facts(row, limits),
    });
    return toRow(row, limits);
  });
}

/** Refused within a second, for good. Idempotent. Throws not_found. */
export async function revokeKey(scope: StaffScope, id: string): Promise<{ id: string; deleted: true }> {
  requireStaffPermission(scope, "orgs.manage");
  return change(scope, async (tx) => {
    const before = await findKey(tx, id);
    if (before.status !== "revoked") {
      await tx.apiKey.update({ where: { id }, data: { status: "revoked", revokedAt: new Date() } });
      await recordAudit(tx, scope, {
        action: "key.revoke",
        target: `key:${id}`,
        orgId: before.orgId,
        before: { status: before.status },
        after: { status: "revoked" },
      });
    }
    return { id, deleted: true };
  });
}

async function findKey(tx: Pick<Prisma.TransactionClient, "apiKey">, id: string): Promise<KeyOfApp> {
  const row = await tx.apiKey.findFirst({ where: { id, kind: "app" }, include: { app: true } });
  if (!row) throw new AppError("not_found", `There is no key "${id}".`);
  return row;
}

async function findOrCreateApp(tx: Prisma.TransactionClient, orgId: string, app: string): Promise<App> {
  const found = await tx.app.findFirst({ where: { orgId, OR: [{ id: app }, { name: app }] } });
  if (found) return found;
  return tx.app.upsert({
    where: { orgId_name: { orgId, name: app } },
    create: { id: newId("app"), orgId, name: app },
    update: {},
  });
}

function target({ orgId, id }: ApiKey) {
  return { orgId, scope: "key", scopeId: id } as const;
}

function facts(row: KeyOfApp, limits: Limits | undefined) {
  const { name, status, allowedModels, allowedIps, expiresAt } = row;
  return {
    name,
    app: row.app.name,
    status,
    allowedModels,
    allowedIps,
    expiresAt: expiresAt?.toISOString() ?? null,
    ...(limits ?? NO_LIMITS),
  };
}

function toRow(row: KeyOfApp, limits: Limits | undefined): KeyRow {
  const { id, orgId, name, appId, prefix, last4, allowedModels, allowedIps } = row;
  return {
    id,
    orgId,
    name,
    appId,
    prefix,
    last4,
    allowedModels,
    allowedIps,
    app: row.app.name,
    // safe because a CHECK allows no other value
    status: row.status as KeyRow["status"],
    enabled: row.status === "active",
    ...(limits ?? NO_LIMITS),
    expiresAt: row.expiresAt?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
    revokedAt: row.revokedAt?.toISOString() ?? null,
  };
}
