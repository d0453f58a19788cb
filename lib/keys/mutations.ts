import { recordAudit } from "@/lib/audit/mutations";
import { db } from "@/lib/db";
import { env } from "@/lib/env";
import { AppError } from "@/lib/errors";
import { newId } from "@/lib/ids";
import type {
  CreatedKey,
  KeyEdit,
  KeyInput,
  KeyPatch,
  KeyRow,
  KeysToggle,
  NewKeyInput,
  RotateInput,
} from "@/lib/keys/schema";
import { generateKey, hashKey, keyDisplay } from "@/lib/keys/secret";
import { type AllLimits, changeLimits, hasLimits, limitsOf, NO_LIMITS } from "@/lib/orgs/admin-limits";
import type { Scope, StaffScope } from "@/lib/orgs/scope";
import { getSettings } from "@/lib/settings/queries";
import { defaultKeyCap } from "@/lib/settings/schema";
import type { ApiKey, App, Prisma } from "@/prisma/generated/client";

export type KeyOfApp = ApiKey & { app: App };
type Tx = Prisma.TransactionClient;
type Actor = Pick<Scope | StaffScope, "actor" | "request">;

/** The same `form` again, after an answer that was lost or at the same time, changes the key that it made and answers with
 *  another secret: the first one was never seen. Throws forbidden, or conflict where that key is revoked. */
export async function createOrgKey(scope: Scope, input: NewKeyInput): Promise<CreatedKey> {
  requireKeys(scope);
  try {
    return await createOrChange(scope, input);
  } catch (error) {
    if (!input.form || !isTaken(error)) throw error;
    // made since it was looked for: now it is found
    return ofOwnForm(() => createOrChange(scope, input));
  }
}

function isTaken(error: unknown): boolean {
  return (error as { code?: unknown }).code === "P2002";
}

/** A form has made one key for one person. Throws conflict where it is another's. */
async function ofOwnForm<Result>(run: () => Promise<Result>): Promise<Result> {
  try {
    return await run();
  } catch (cause) {
    if (!isTaken(cause)) throw cause;
    throw new AppError("conflict", "This form was sent before for another key. Open it again.", { cause });
  }
}

function createOrChange(scope: Scope, { form, ...input }: NewKeyInput): Promise<CreatedKey> {
  return db().$transaction(async (tx) => {
    const made = form && (await findMade(tx, scope, form));
    if (!made) return insertKey(tx, scope, scope.orgId, input, form);
    await patchKey(tx, scope, made, input);
    return replaceSecret(tx, scope, made, { overlapHours: 0, previous: NO_PREVIOUS, form });
  });
}

/** Only the person's own: a form is no way to the secret of somebody else's key. */
function findMade(tx: Tx, { orgId, actor }: Scope, formId: string): Promise<KeyOfApp | null> {
  return tx.apiKey.findFirst({ where: { orgId, createdBy: actor.id, formId, kind: "app" }, include: { app: true } });
}

/** Throws forbidden or not_found. Idempotent. */
export async function revokeOrgKey(scope: Scope, { id }: { id: string }): Promise<{ id: string; deleted: true }> {
  requireKeys(scope);
  return db().$transaction(async (tx) => endKey(tx, scope, await findKey(tx, ownKey(scope, id))));
}

/** Changes bind from the next call on; a field that is absent stays. Throws forbidden, not_found, or conflict for a revoked
 *  key. */
export async function updateOrgKey(scope: Scope, { id, ...patch }: KeyEdit): Promise<KeyRow> {
  requireKeys(scope);
  return db().$transaction(async (tx) => patchKey(tx, scope, await findKey(tx, ownKey(scope, id)), patch));
}

/** All of them or none. Throws forbidden, not_found, or conflict where one is revoked. */
export async function toggleOrgKeys(scope: Scope, { ids, enabled }: KeysToggle): Promise<KeyRow[]> {
  requireKeys(scope);
  return db().$transaction(async (tx) => {
    const rows: KeyRow[] = [];
    // in one order, so that two of these never wait for each other in a circle
    for (const id of [...new Set(ids)].sort())
      rows.push(await patchKey(tx, scope, await findKey(tx, ownKey(scope, id)), { enabled }));
    return rows;
  });
}

/** A new secret for the same key: budget, limits, spend and history stay. The secret it replaces opens for `overlapHours`
 *  more (0: it ends now); one replaced earlier ends. The same `form` again, after an answer that was lost, replaces the secret
 *  that nobody saw, not the one in use. Throws forbidden, not_found, or conflict for a revoked key. */
export async function rotateOrgKey(scope: Scope, { id, overlapHours, form }: RotateInput): Promise<CreatedKey> {
  requireKeys(scope);
  const rotate = async (tx: Tx) => {
    const old = await findKey(tx, ownKey(scope, id));
    if (old.status === "revoked") throw new AppError("conflict", "This key is revoked and cannot be rotated.");
    const isAgain = form !== undefined && old.formId === form;
    const inUse = isAgain ? { hash: old.previousHash, last4: old.previousLast4 } : old;
    const previous =
      overlapHours === 0 || inUse.hash === null
        ? NO_PREVIOUS
        : {
            previousHash: inUse.hash,
            previousLast4: inUse.last4,
            previousExpiresAt: new Date(Date.now() + overlapHours * 3_600_000),
          };
    return replaceSecret(tx, scope, old, { overlapHours, previous, form });
  };
  return ofOwnForm(() => db().$transaction(rotate));
}

const NO_PREVIOUS = { previousHash: null, previousLast4: null, previousExpiresAt: null };

type Replacement = {
  overlapHours: number;
  previous: Pick<ApiKey, "previousHash" | "previousLast4" | "previousExpiresAt">;
  form: string | undefined;
};

/** Throws conflict where the key was changed since it was read. */
async function replaceSecret(
  tx: Tx,
  scope: Scope,
  old: KeyOfApp,
  { overlapHours, previous, form }: Replacement,
): Promise<CreatedKey> {
  const { id } = old;
  const key = generateKey("sk");
  const display = keyDisplay(key);
  const { count } = await tx.apiKey.updateMany({
    // the hash that was read: of two rotations at once, one must not hand out a secret that never opens
    where: { ...ownKey(scope, id), hash: old.hash, status: { not: "revoked" } },
    data: { ...display, hash: hashKey(env().keyPepper, key), ...previous, formId: form ?? null },
  });
  if (count === 0) throw new AppError("conflict", "This key was changed meanwhile. Reload the page and try again.");
  await recordAudit(tx, scope, {
    action: "key.rotate",
    target: `key:${id}`,
    orgId: scope.orgId,
    before: { last4: old.last4 },
    after: { last4: display.last4, overlapHours },
  });
  const row = await findKey(tx, ownKey(scope, id));
  return { ...toKeyRow(row, (await limitsOf(tx, [keyTarget(row)])).get(id)), key };
}

/** Whoever manages the organisation's keys, or makes their own. Throws forbidden. */
export function requireKeys(scope: Scope): void {
  if (scope.permissions.has("apps.manage") || scope.permissions.has("apps.own")) return;
  throw new AppError("forbidden", "Your role may not manage API keys.");
}

/** Which rows of api_key this person may see and change: somebody else's look like missing ones to a developer. */
export function ownKeys(scope: Scope): { orgId: string; kind: "app"; createdBy?: string } {
  const all = { orgId: scope.orgId, kind: "app" as const };
  return scope.permissions.has("apps.manage") ? all : { ...all, createdBy: scope.actor.id };
}

function ownKey(scope: Scope, id: string) {
  return { ...ownKeys(scope), id };
}

/** Only the HMAC is stored: the answer is the one place where the secret appears. The caller has judged the scope. */
export async function insertKey(
  tx: Tx,
  scope: Actor,
  orgId: string,
  input: KeyInput,
  formId?: string,
): Promise<CreatedKey> {
  const key = generateKey("sk");
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
      note: input.note,
      formId,
      createdBy: scope.actor.id,
    },
    include: { app: true },
  });
  await changeLimits(tx, keyTarget(row), { ...input, dailyCapUsd: await capOf(tx, input) });
  const limits = (await limitsOf(tx, [keyTarget(row)])).get(row.id);
  await recordAudit(tx, scope, { action: "key.create", target: `key:${row.id}`, orgId, after: facts(row, limits) });
  return { ...toKeyRow(row, limits), key };
}

/** A new key's daily cap: its own, or the instance's; a budget of the day needs none beside it. */
async function capOf(tx: Tx, { dailyCapUsd, budgetUsd, budgetPeriod }: KeyInput) {
  if (dailyCapUsd !== undefined || (budgetUsd != null && budgetPeriod === "day")) return dailyCapUsd;
  return defaultKeyCap(await getSettings(tx)) ?? undefined;
}

/** Throws conflict for a revoked key. The caller has judged the scope. */
export async function patchKey(tx: Tx, scope: Actor, before: KeyOfApp, patch: KeyPatch): Promise<KeyRow> {
  const { id } = before;
  if (before.status === "revoked") throw new AppError("conflict", "This key is revoked and cannot be changed.");
  const limitsBefore = (await limitsOf(tx, [keyTarget(before)])).get(id);
  const status = patch.status ?? (patch.enabled === undefined ? undefined : patch.enabled ? "active" : "disabled");
  const { name, allowedModels, allowedIps, expiresAt, note } = patch;
  const app = patch.app === undefined ? before.app : await findOrCreateApp(tx, before.orgId, patch.app);
  const row = await tx.apiKey.update({
    where: { id },
    data: {
      ...{ name, allowedModels, allowedIps, expiresAt, note, status, appId: app.id },
      ...(status && { statusReason: null }),
      // what it spent before was looked at by the person who resumes it
      ...(status === "active" && before.statusReason && { resumedAt: new Date() }),
    },
    include: { app: true },
  });
  if (hasLimits(patch) || patch.dailyCapUsd !== undefined)
    await changeLimits(tx, keyTarget(row), patch, defaultKeyCap(await getSettings(tx)));
  const limits = (await limitsOf(tx, [keyTarget(row)])).get(id);
  await recordAudit(tx, scope, {
    action: "key.update",
    target: `key:${id}`,
    orgId: row.orgId,
    before: facts(before, limitsBefore),
    after: facts(row, limits),
  });
  return toKeyRow(row, limits);
}

/** Refused within a second, for good, with a rotated key's old secret too. Idempotent. The caller has judged the scope. */
export async function endKey(tx: Tx, scope: Actor, before: KeyOfApp): Promise<{ id: string; deleted: true }> {
  const { id } = before;
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
}

/** Throws not_found. Without an organisation in `where` only for the operator. */
export async function findKey(
  tx: Pick<Tx, "apiKey">,
  where: { id: string; orgId?: string; createdBy?: string },
): Promise<KeyOfApp> {
  const row = await tx.apiKey.findFirst({ where: { ...where, kind: "app" }, include: { app: true } });
  if (!row) throw new AppError("not_found", `There is no key "${where.id}".`);
  return row;
}

export function keyTarget({ orgId, id }: ApiKey) {
  return { orgId, scope: "key", scopeId: id } as const;
}

export function toKeyRow(row: KeyOfApp, limits: AllLimits | undefined): KeyRow {
  const { id, orgId, name, note, appId, prefix, last4, allowedModels, allowedIps } = row;
  const { previousLast4, previousExpiresAt } = row;
  return {
    id,
    orgId,
    name,
    note,
    appId,
    prefix,
    last4,
    allowedModels,
    allowedIps,
    app: row.app.name,
    // safe because a CHECK allows no other value
    status: row.status as KeyRow["status"],
    enabled: row.status === "active",
    // safe because a CHECK allows no other value
    statusReason: row.statusReason as KeyRow["statusReason"],
    ...(limits ?? NO_LIMITS),
    expiresAt: row.expiresAt?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
    revokedAt: row.revokedAt?.toISOString() ?? null,
    previous:
      previousLast4 && previousExpiresAt ? { last4: previousLast4, expiresAt: previousExpiresAt.toISOString() } : null,
  };
}

async function findOrCreateApp(tx: Tx, orgId: string, app: string): Promise<App> {
  const found = await tx.app.findFirst({ where: { orgId, OR: [{ id: app }, { name: app }] } });
  if (found) return found;
  return tx.app.upsert({
    where: { orgId_name: { orgId, name: app } },
    create: { id: newId("app"), orgId, name: app },
    update: {},
  });
}

function facts(row: KeyOfApp, limits: AllLimits | undefined) {
  const { name, note, status, statusReason, allowedModels, allowedIps, expiresAt } = row;
  return {
    name,
    note,
    app: row.app.name,
    status,
    statusReason,
    allowedModels,
    allowedIps,
    expiresAt: expiresAt?.toISOString() ?? null,
    ...(limits ?? NO_LIMITS),
  };
}
