import { recordAudit } from "@/lib/audit/mutations";
import { askWorker, queueProbe } from "@/lib/catalog/admin-ask-worker";
import { findBySlug } from "@/lib/catalog/admin-providers";
import { findProviderKind, sealingOrigin } from "@/lib/catalog/provider-kinds";
import type { ConfigurationPage, CredentialInput, CredentialPatch, CredentialRow } from "@/lib/catalog/schema";
import { decodeCursor, encodeCursor } from "@/lib/cursor";
import { change, db } from "@/lib/db";
import { env } from "@/lib/env";
import { AppError } from "@/lib/errors";
import { newId } from "@/lib/ids";
import { requireStaffPermission, type StaffScope } from "@/lib/orgs/scope";
import { fingerprint, sealSecret, secretsKeyVersion } from "@/lib/secrets";
import type { Credential, CredentialHealth, Prisma, Provider } from "@/prisma/generated/client";

type CredentialOfProvider = Credential & { provider: Provider; health: CredentialHealth | null };
const WITH_ALL = { provider: true, health: true } as const;

export async function listCredentials(
  scope: StaffScope,
  slug: string,
  { limit, cursor }: ConfigurationPage,
): Promise<{ data: CredentialRow[]; nextCursor: string | null }> {
  requireStaffPermission(scope, "providers.read");
  const provider = await findBySlug(db(), slug);
  const after = cursor && decodeCursor(cursor, 1)[0];
  const rows = await db().credential.findMany({
    where: { providerId: provider.id, ...(after && { id: { gt: after } }) },
    include: WITH_ALL,
    orderBy: { id: "asc" },
    take: limit + 1,
  });
  const page = rows.slice(0, limit);
  const rests = await readRests(db());
  return {
    data: page.map((row) => toRow(row, rests)),
    nextCursor: rows.length > limit ? encodeCursor(page.at(-1)?.id ?? "") : null,
  };
}

/** Credentials of all providers, by the provider's slug. */
export async function credentialsByProvider(scope: StaffScope): Promise<Map<string, CredentialRow[]>> {
  requireStaffPermission(scope, "providers.read");
  const rows = await db().credential.findMany({ include: WITH_ALL, orderBy: { id: "asc" } });
  const rests = await readRests(db());
  return Map.groupBy(
    rows.map((row) => toRow(row, rests)),
    ({ provider }) => provider,
  );
}

/** Stores a secret that this process can never read back; with `test`, only after the worker has found that it works. The same
 *  `form` again, after an answer that was lost or at the same time, changes the credential that it made. Throws not_found,
 *  conflict when the name is taken, upstream_error when the test fails, unavailable without the public key or, with `test`,
 *  without a worker. */
export async function createCredential(
  scope: StaffScope,
  slug: string,
  input: CredentialInput,
  form?: string,
): Promise<CredentialRow> {
  requireStaffPermission(scope, "providers.manage");
  const changeMade = async () => {
    const made = form && (await db().credential.findFirst({ where: { formId: form, provider: { slug } } }));
    return made ? updateCredential(scope, made.id, input) : null;
  };
  const again = await changeMade();
  if (again) return again;
  try {
    return await insertCredential(scope, slug, input, form);
  } catch (cause) {
    const { code } = cause as { code?: unknown };
    if (code !== "P2002" && code !== "conflict") throw cause;
    // made since it was looked for: by this form, or by another one with the same name
    const row = await changeMade();
    if (row) return row;
    if (code === "conflict") throw cause;
    throw new AppError("conflict", "This form or this name was used a moment ago. Reload the page.", { cause });
  }
}

async function insertCredential(
  scope: StaffScope,
  slug: string,
  input: CredentialInput,
  form: string | undefined,
): Promise<CredentialRow> {
  const id = newId("cred");
  const tried = input.test ? await trySecret(scope, await findBySlug(db(), slug), id, input) : null;
  return change(scope, async (tx) => {
    const provider = await findBySlug(tx, slug);
    await requireFreeName(tx, provider, input.name);
    const secret = tried ?? (await sealed(provider, id, readSecret(provider, input) ?? missingSecret(provider)));
    const row = await tx.credential.create({
      data: {
        id,
        providerId: provider.id,
        name: input.name,
        formId: form,
        ...secret,
        weight: input.weight,
        enabled: input.enabled,
        ...{ rpm: input.rpm, tpm: input.tpm },
        ...(tried && { lastTestedAt: new Date() }),
      },
      include: WITH_ALL,
    });
    await recordAudit(tx, scope, { action: "credential.create", target: `credential:${id}`, after: facts(row) });
    return toRow(row, NO_RESTS);
  });
}

/** A new secret replaces the old one in place and makes a disabled credential active again; with `test`, the old one stays until
 *  the worker has found that the new one works. Enabling a credential whose key was refused has it verified first; one that was
 *  refused for its balance is believed. Throws not_found, upstream_error, unavailable. */
export async function updateCredential(scope: StaffScope, id: string, patch: CredentialPatch): Promise<CredentialRow> {
  requireStaffPermission(scope, "providers.manage");
  const tried = patch.test ? await trySecret(scope, (await getById(db(), id)).provider, id, patch) : null;
  return change(scope, async (tx) => {
    const before = await getById(tx, id);
    if (patch.name !== undefined && patch.name !== before.name) await requireFreeName(tx, before.provider, patch.name);
    const given = readSecret(before.provider, patch);
    const secret = tried ?? (given && (await sealed(before.provider, id, given)));
    const isRevived = !secret && patch.enabled === true && before.status === "disabled";
    const isVerified = isRevived && before.refusal !== "balance";
    const row = await tx.credential.update({
      where: { id },
      data: {
        name: patch.name,
        weight: patch.weight,
        enabled: patch.enabled,
        ...{ rpm: patch.rpm, tpm: patch.tpm },
        ...(secret && { ...secret, lastTestedAt: tried ? new Date() : null }),
        ...((secret || isRevived) && { status: isVerified ? "verifying" : "active", statusReason: null }),
        ...((secret || (isRevived && !isVerified)) && { refusal: null }),
        updatedAt: new Date(),
      },
      include: WITH_ALL,
    });
    if (isVerified) await queueProbe(tx, { kind: "test_credential", providerId: row.providerId, credentialId: id });
    await recordAudit(tx, scope, {
      action: "credential.update",
      target: `credential:${id}`,
      before: facts(before),
      after: facts(row),
    });
    return toRow(row, await readRests(tx));
  });
}

/** The secret, sealed, once the worker has tried it. Throws invalid_request where none is given. */
async function trySecret(scope: StaffScope, provider: Provider, id: string, input: CredentialPatch) {
  const secret = await sealed(provider, id, readSecret(provider, input) ?? missingSecret(provider));
  const probe = await askWorker(scope, {
    ...{ kind: "test_credential" as const, providerId: provider.id, credentialId: id, sealed: secret.sealed },
  });
  if (!probe.ok) throw new AppError("upstream_error", probe.error ?? "The test failed.", { retry: false });
  return secret;
}

/** `typed` is what a person entered to say that they mean it. Throws not_found, and conflict while a served model has no other
 *  route, unless the name was typed or `removeLastRoute` says so. */
export async function deleteCredential(
  scope: StaffScope,
  id: string,
  { removeLastRoute = false, typed }: { removeLastRoute?: boolean; typed?: string },
): Promise<{ id: string; deleted: true }> {
  requireStaffPermission(scope, "providers.manage");
  return change(scope, async (tx) => {
    const row = await getById(tx, id);
    const isMeant = removeLastRoute || typed === row.name;
    const models = isMeant ? [] : ((await readLastRoutes(tx)).get(id) ?? []);
    if (models.length > 0) {
      const named = models.slice(0, 3).join(", ");
      throw new AppError(
        "conflict",
        `It is the last route of ${named}. To delete it all the same, enter its name, or in the API add ?removeLastRoute=true.`,
      );
    }
    await tx.credential.delete({ where: { id } });
    await recordAudit(tx, scope, { action: "credential.delete", target: `credential:${id}`, before: facts(row) });
    return { id, deleted: true };
  });
}

/** The served models that have no other route, by credential. */
export async function lastRoutes(scope: StaffScope): Promise<ReadonlyMap<string, string[]>> {
  requireStaffPermission(scope, "providers.read");
  return readLastRoutes(db());
}

async function readLastRoutes(tx: Pick<Prisma.TransactionClient, "$queryRaw">): Promise<Map<string, string[]>> {
  const rows = await tx.$queryRaw<{ credential: string; models: string[] }[]>`
    WITH route AS (
      SELECT DISTINCT model.id AS model, credential.id AS credential
      FROM model JOIN offer ON offer.model_id = model.id AND offer.enabled AND offer.weight > 0
      JOIN provider ON provider.id = offer.provider_id AND provider.enabled
      LEFT JOIN credential ON credential.provider_id = provider.id AND credential.enabled AND credential.status = 'active' AND credential.weight > 0
      WHERE model.enabled AND (credential.id IS NOT NULL OR provider.kind IN ('sandbox', 'ollama'))
    ), sole AS (
      SELECT model, min(credential) AS credential FROM route GROUP BY 1 HAVING count(*) = 1 AND count(credential) = 1
    )
    SELECT credential, array_agg(model ORDER BY model) AS models FROM sole GROUP BY 1`;
  return new Map(rows.map(({ credential, models }) => [credential, models]));
}

const NO_RESTS: ReadonlyMap<string, Date> = new Map();

/** Until when credentials pause, as their providers asked. */
async function readRests(tx: Pick<Prisma.TransactionClient, "breaker">): Promise<ReadonlyMap<string, Date>> {
  const rows = await tx.breaker.findMany({ where: { openings: 0, until: { gt: new Date() } } });
  return new Map(rows.map(({ target, until }) => [target, until]));
}

/** Throws not_found. */
export async function getById(
  tx: Pick<Prisma.TransactionClient, "credential">,
  id: string,
): Promise<CredentialOfProvider> {
  const row = await tx.credential.findUnique({ where: { id }, include: WITH_ALL });
  if (!row) throw new AppError("not_found", `There is no credential "${id}".`);
  return row;
}

type Secret = { plaintext: string; last4: string; region: string | null };

/** null: none was given. Throws invalid_request when it does not fit the provider's kind. */
function readSecret(provider: Provider, input: CredentialPatch): Secret | null {
  const { apiKey, accessKeyId, secretAccessKey, sessionToken, region } = input;
  const takesAws = findProviderKind(provider.kind)?.credential === "awsOrApiKey";
  const pair = { accessKeyId, secretAccessKey, sessionToken };
  const pairField = PAIR_FIELDS.find((name) => pair[name] !== undefined);
  if ((pairField || region !== undefined) && !takesAws) {
    const param = pairField ?? "region";
    throw new AppError("invalid_request", `${param}: providers of kind "${provider.kind}" take an apiKey.`, { param });
  }
  if (apiKey !== undefined && pairField) {
    throw new AppError("invalid_request", `${pairField}: give either an apiKey or an access key pair.`, {
      param: pairField,
    });
  }
  if (apiKey !== undefined) return toSecret({ apiKey, region }, apiKey);
  if (!pairField) return null;
  const missing = !accessKeyId ? "accessKeyId" : !secretAccessKey ? "secretAccessKey" : region ? null : "region";
  if (missing) throw new AppError("invalid_request", `${missing}: is required.`, { param: missing });
  return toSecret({ ...pair, region }, accessKeyId ?? "");
}

const PAIR_FIELDS = ["accessKeyId", "secretAccessKey", "sessionToken"] as const;

/** The region is sealed too: a signature is made for it. */
function toSecret(fields: Record<string, string | undefined>, shown: string): Secret {
  return { plaintext: JSON.stringify(fields), last4: last4(shown), region: fields.region ?? null };
}

function missingSecret(provider: Provider): Secret {
  const shape = findProviderKind(provider.kind)?.credential;
  if (shape === "none" || shape === "optionalApiKey")
    return { plaintext: JSON.stringify({ apiKey: "" }), last4: "", region: null };
  throw new AppError("invalid_request", "apiKey: is required.", { param: "apiKey" });
}

async function sealed(provider: Provider, row: string, { plaintext, last4: shown, region }: Secret) {
  const { secretsPublicKey, keyPepper } = env();
  if (!secretsPublicKey) {
    throw new AppError("unavailable", "HUB_SECRETS_PUBLIC_KEY is not set, so secrets cannot be stored.", {
      retry: false,
    });
  }
  const origin = sealingOrigin(provider);
  const record = await sealSecret(secretsPublicKey, plaintext, {
    table: "credential",
    row,
    org: "platform",
    column: "sealed",
    origin,
  });
  return {
    sealed: record,
    sealedOrigin: origin,
    version: secretsKeyVersion(record),
    fingerprint: fingerprint(keyPepper, plaintext),
    last4: shown,
    region,
  };
}

/** Of a short secret the last four characters would be most of it. */
function last4(secret: string): string {
  return secret.length >= 8 ? secret.slice(-4) : "";
}

async function requireFreeName(tx: Prisma.TransactionClient, provider: Provider, name: string): Promise<void> {
  if (await tx.credential.findUnique({ where: { providerId_name: { providerId: provider.id, name } } })) {
    throw new AppError("conflict", `name: provider "${provider.slug}" has a credential "${name}" already.`, {
      param: "name",
    });
  }
}

function facts(row: CredentialOfProvider) {
  const { name, last4: shown, fingerprint: print, region, weight, enabled, status, rpm, tpm } = row;
  return {
    ...{ provider: row.provider.slug, name, last4: shown, fingerprint: print, region, weight, enabled, status },
    ...{ rpm, tpm },
  };
}

function toRow(row: CredentialOfProvider, rests: ReadonlyMap<string, Date>): CredentialRow {
  const { id, name, last4: shown, fingerprint: print, region, weight, enabled, rpm, tpm, statusReason, health } = row;
  const { lastErrorClass, lastErrorAt, balance, balanceUnit, balanceAt } = health ?? {};
  return {
    id,
    provider: row.provider.slug,
    name,
    last4: shown,
    fingerprint: print,
    region,
    weight,
    enabled,
    ...{ rpm, tpm },
    // safe because only this file, the worker and disable_credential write the column
    status: enabled ? (row.status as CredentialRow["status"]) : "disabled",
    statusReason,
    // safe because only the worker and disable_credential write it
    refusal: row.refusal as CredentialRow["refusal"],
    restingUntil: rests.get(id)?.toISOString() ?? null,
    lastTestedAt: row.lastTestedAt?.toISOString() ?? null,
    lastUsedAt: health?.lastUsedAt?.toISOString() ?? null,
    lastError: lastErrorClass && lastErrorAt ? { class: lastErrorClass, at: lastErrorAt.toISOString() } : null,
    balance:
      balance && balanceUnit && balanceAt ? { amount: balance, unit: balanceUnit, at: balanceAt.toISOString() } : null,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}
