import { recordAudit } from "@/lib/audit/mutations";
import { effectiveBaseUrl, findProviderKind, type ProviderAddress, sealingOrigin } from "@/lib/catalog/provider-kinds";
import type { ConfigurationPage, ProviderInput, ProviderPatch, ProviderRow } from "@/lib/catalog/schema";
import { decodeCursor, encodeCursor } from "@/lib/cursor";
import { change, db } from "@/lib/db";
import { EgressError, judgeEgressUrl } from "@/lib/egress";
import { AppError } from "@/lib/errors";
import { newId } from "@/lib/ids";
import { requireStaffPermission, type StaffScope } from "@/lib/orgs/scope";
import type { Prisma, Provider } from "@/prisma/generated/client";

export async function listProviders(
  scope: StaffScope,
  { limit, cursor }: ConfigurationPage,
): Promise<{ data: ProviderRow[]; nextCursor: string | null }> {
  requireStaffPermission(scope, "providers.read");
  const after = cursor && decodeCursor(cursor, 1)[0];
  const rows = await db().provider.findMany({
    where: after ? { slug: { gt: after } } : {},
    orderBy: { slug: "asc" },
    take: limit + 1,
  });
  const page = rows.slice(0, limit);
  return { data: page.map(toRow), nextCursor: rows.length > limit ? encodeCursor(page.at(-1)?.slug ?? "") : null };
}

/** Throws not_found. */
export async function getProvider(scope: StaffScope, slug: string): Promise<ProviderRow> {
  requireStaffPermission(scope, "providers.read");
  return toRow(await findBySlug(db(), slug));
}

/** Throws conflict when the slug is taken, invalid_request for a kind or address that cannot be used. */
export async function createProvider(scope: StaffScope, input: ProviderInput): Promise<ProviderRow> {
  requireStaffPermission(scope, "providers.manage");
  const kind = findProviderKind(input.kind);
  if (!kind)
    throw new AppError("invalid_request", `kind: there are no providers of kind "${input.kind}".`, { param: "kind" });
  const address = { kind: kind.id, baseUrl: await judgedBaseUrl(input.baseUrl), region: input.region ?? null };
  requireAddress(address);
  return change(scope, async (tx) => {
    if (await tx.provider.findUnique({ where: { slug: input.slug } })) {
      throw new AppError("conflict", `slug: a provider "${input.slug}" exists already.`, { param: "slug" });
    }
    const row = await tx.provider.create({
      data: {
        id: newId("prov"),
        slug: input.slug,
        ...address,
        displayName: input.displayName ?? kind.name,
        enabled: input.enabled ?? true,
      },
    });
    await recordAudit(tx, scope, { action: "provider.create", target: `provider:${row.slug}`, after: facts(row) });
    return toRow(row);
  });
}

/** A new origin makes stored secrets unusable, since they are sealed to the old one: their credentials then wait for the
 *  secret to be entered again. Throws not_found. */
export async function updateProvider(scope: StaffScope, slug: string, patch: ProviderPatch): Promise<ProviderRow> {
  requireStaffPermission(scope, "providers.manage");
  const baseUrl = patch.baseUrl === undefined ? undefined : await judgedBaseUrl(patch.baseUrl);
  return change(scope, async (tx) => {
    const before = await findBySlug(tx, slug);
    requireAddress({ kind: before.kind, baseUrl: baseUrl === undefined ? before.baseUrl : baseUrl, region: null });
    const row = await tx.provider.update({
      where: { id: before.id },
      data: {
        displayName: patch.displayName,
        baseUrl,
        region: patch.region,
        enabled: patch.enabled,
        updatedAt: new Date(),
      },
    });
    await rebindCredentials(tx, row);
    await recordAudit(tx, scope, {
      action: "provider.update",
      target: `provider:${slug}`,
      before: facts(before),
      after: facts(row),
    });
    return toRow(row);
  });
}

/** Deletes the provider with its credentials. Throws not_found, or conflict while a model has an offer of it. */
export async function deleteProvider(scope: StaffScope, slug: string): Promise<{ slug: string; deleted: true }> {
  requireStaffPermission(scope, "providers.manage");
  return change(scope, async (tx) => {
    const row = await findBySlug(tx, slug);
    const offer = await tx.offer.findFirst({ where: { providerId: row.id } });
    if (offer)
      throw new AppError("conflict", `Model "${offer.modelId}" still has an offer of this provider. Remove it first.`);
    await tx.provider.delete({ where: { id: row.id } });
    await recordAudit(tx, scope, { action: "provider.delete", target: `provider:${slug}`, before: facts(row) });
    return { slug, deleted: true };
  });
}

/** Throws not_found. */
export async function findBySlug(tx: Pick<Prisma.TransactionClient, "provider">, slug: string): Promise<Provider> {
  const row = await tx.provider.findUnique({ where: { slug } });
  if (!row) throw new AppError("not_found", `There is no provider "${slug}".`);
  return row;
}

async function rebindCredentials(tx: Prisma.TransactionClient, provider: Provider): Promise<void> {
  const sealedOrigin = sealingOrigin(provider);
  const updatedAt = new Date();
  await tx.credential.updateMany({
    where: { providerId: provider.id, sealedOrigin: { not: sealedOrigin } },
    data: {
      status: "needs_secret",
      statusReason: "The provider's address changed. Enter the secret again.",
      updatedAt,
    },
  });
  await tx.credential.updateMany({
    where: { providerId: provider.id, sealedOrigin, status: "needs_secret" },
    data: { status: "active", statusReason: null, updatedAt },
  });
}

/** Trailing slashes are dropped. Throws invalid_request for an address that must never be called. */
async function judgedBaseUrl(baseUrl: string | null | undefined): Promise<string | null> {
  if (!baseUrl) return null;
  try {
    const url = await judgeEgressUrl("operator", baseUrl);
    if (url.search || url.hash) throw new EgressError("The address must not hold a query or fragment.");
  } catch (error) {
    if (error instanceof EgressError)
      throw new AppError("invalid_request", `baseUrl: ${error.message}`, { param: "baseUrl" });
    throw error;
  }
  return baseUrl.replace(/\/+$/, "");
}

function requireAddress(address: ProviderAddress): void {
  const kind = findProviderKind(address.kind);
  if (kind?.needsBaseUrl && !effectiveBaseUrl(address)) {
    throw new AppError("invalid_request", `baseUrl: is required for kind "${address.kind}".`, { param: "baseUrl" });
  }
}

function facts({ slug, kind, displayName, baseUrl, region, enabled }: Provider) {
  return { slug, kind, displayName, baseUrl, region, enabled };
}

function toRow({ createdAt, updatedAt, ...row }: Provider): ProviderRow {
  return { ...row, createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString() };
}
