import { recordAudit } from "@/lib/audit/mutations";
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
import type { Credential, Prisma, Provider } from "@/prisma/generated/client";

type CredentialOfProvider = Credential & { provider: Provider };

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
    include: { provider: true },
    orderBy: { id: "asc" },
    take: limit + 1,
  });
  const page = rows.slice(0, limit);
  return { data: page.map(toRow), nextCursor: rows.length > limit ? encodeCursor(page.at(-1)?.id ?? "") : null };
}

/** Credentials of all providers, by the provider's slug. */
export async function credentialsByProvider(scope: StaffScope): Promise<Map<string, CredentialRow[]>> {
  requireStaffPermission(scope, "providers.read");
  const rows = await db().credential.findMany({ include: { provider: true }, orderBy: { id: "asc" } });
  return Map.groupBy(rows.map(toRow), ({ provider }) => provider);
}

/** Stores a secret that this process can never read back. Makes no upstream call.
 *  Throws not_found, conflict when the name is taken, unavailable without the public key. */
export async function createCredential(
  scope: StaffScope,
  slug: string,
  input: CredentialInput,
): Promise<CredentialRow> {
  requireStaffPermission(scope, "providers.manage");
  return change(scope, async (tx) => {
    const provider = await findBySlug(tx, slug);
    await requireFreeName(tx, provider, input.name);
    const id = newId("cred");
    const secret = readSecret(provider, input) ?? missingSecret(provider);
    const row = await tx.credential.create({
      data: {
        id,
        providerId: provider.id,
        name: input.name,
        ...(await sealed(provider, id, secret)),
        weight: input.weight,
        enabled: input.enabled,
      },
      include: { provider: true },
    });
    await recordAudit(tx, scope, { action: "credential.create", target: `credential:${id}`, after: facts(row) });
    return toRow(row);
  });
}

/** A new secret replaces the old one in place and makes a disabled credential active again. Throws not_found. */
export async function updateCredential(scope: StaffScope, id: string, patch: CredentialPatch): Promise<CredentialRow> {
  requireStaffPermission(scope, "providers.manage");
  return change(scope, async (tx) => {
    const before = await getById(tx, id);
    if (patch.name !== undefined && patch.name !== before.name) await requireFreeName(tx, before.provider, patch.name);
    const secret = readSecret(before.provider, patch);
    const isRevived = patch.enabled === true && before.status === "disabled";
    const row = await tx.credential.update({
      where: { id },
      data: {
        name: patch.name,
        weight: patch.weight,
        enabled: patch.enabled,
        ...(secret && (await sealed(before.provider, id, secret))),
        ...((secret || isRevived) && { status: "active", statusReason: null }),
        updatedAt: new Date(),
      },
      include: { provider: true },
    });
    await recordAudit(tx, scope, {
      action: "credential.update",
      target: `credential:${id}`,
      before: facts(before),
      after: facts(row),
    });
    return toRow(row);
  });
}

/** Throws not_found. */
export async function deleteCredential(scope: StaffScope, id: string): Promise<{ id: string; deleted: true }> {
  requireStaffPermission(scope, "providers.manage");
  return change(scope, async (tx) => {
    const row = await getById(tx, id);
    await tx.credential.delete({ where: { id } });
    await recordAudit(tx, scope, { action: "credential.delete", target: `credential:${id}`, before: facts(row) });
    return { id, deleted: true };
  });
}

/** Throws not_found. */
export async function getById(
  tx: Pick<Prisma.TransactionClient, "credential">,
  id: string,
): Promise<CredentialOfProvider> {
  const row = await tx.credential.findUnique({ where: { id }, include: { provider: true } });
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
  const { name, last4: shown, fingerprint: print, region, weight, enabled, status } = row;
  return { provider: row.provider.slug, name, last4: shown, fingerprint: print, region, weight, enabled, status };
}

function toRow(row: CredentialOfProvider): CredentialRow {
  const { id, name, last4: shown, fingerprint: print, region, weight, enabled, statusReason } = row;
  return {
    id,
    provider: row.provider.slug,
    name,
    last4: shown,
    fingerprint: print,
    region,
    weight,
    enabled,
    // safe because only this file, the worker and disable_credential write the column
    status: enabled ? (row.status as CredentialRow["status"]) : "disabled",
    statusReason,
    lastTestedAt: row.lastTestedAt?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}
