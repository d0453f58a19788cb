import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { recordAudit } from "@/lib/audit/mutations";
import { suggestModelId } from "@/lib/catalog/admin-discovery";
import { ratesInForce } from "@/lib/catalog/admin-prices";
import type { ModelFigures } from "@/lib/catalog/figures";
import {
  MAX_CATALOGUE_BYTES,
  SYNC_GROUPS,
  type SyncDetail,
  type SyncHead,
  type SyncInput,
  type SyncRow,
  type SyncSource,
} from "@/lib/catalog/import-schema";
import { FormatError, readPublicCatalogue } from "@/lib/catalog/public-formats";
import type { ConfigurationPage } from "@/lib/catalog/schema";
import { seedModels } from "@/lib/catalog/seed";
import { compareCatalogue, type ServedOffer } from "@/lib/catalog/sync-diff";
import { decodeCursor, encodeCursor } from "@/lib/cursor";
import { change, db } from "@/lib/db";
import { EgressError, egressFetch } from "@/lib/egress";
import { AppError } from "@/lib/errors";
import { newId } from "@/lib/ids";
import { requireStaffPermission, type StaffScope } from "@/lib/orgs/scope";
import type { CatalogSync, Prisma } from "@/prisma/generated/client";

type Tx = Prisma.TransactionClient;
type ReadSource = { name: string; format: string; models: readonly ModelFigures[] };

const FETCH_TIMEOUT_MS = 20_000;

/** Compares what is served with public catalogues and keeps the result for a person to look at. Changes no price.
 *  Throws invalid_request for a source that cannot be read, upstream_error for an address that does not answer. */
export async function prepareSync(scope: StaffScope, { sources }: SyncInput): Promise<SyncDetail> {
  requireStaffPermission(scope, "models.manage");
  const read: ReadSource[] = [];
  for (const [index, source] of sources.entries()) read.push(await readSource(source, `sources.${index}`));
  return change(scope, async (tx) => {
    const { locked, ...served } = await readServed(tx);
    const all = compareCatalogue(served, read, suggestModelId);
    const rows = all.filter(({ key }) => !locked.has(key));
    const count = (group: SyncRow["group"]) => rows.filter((row) => row.group === group).length;
    const groups = Object.fromEntries(SYNC_GROUPS.map((group) => [group, count(group)]));
    const counts = { ...groups, locked: all.length - rows.length };
    const named = read.map(({ name, format, models }) => ({ name, format, models: models.length }));
    const id = newId("sync");
    const saved = await tx.catalogSync.create({
      data: { id, sources: named, counts, rows: rows as Prisma.InputJsonArray, createdBy: scope.actor.id },
    });
    await recordAudit(tx, scope, {
      action: "catalog.compare",
      target: `catalog_sync:${id}`,
      after: { sources: named, counts },
    });
    return toDetail(saved);
  });
}

/** The comparisons made so far, newest first, without their rows. */
export async function listSyncs(
  scope: StaffScope,
  { limit, cursor }: ConfigurationPage,
): Promise<{ data: SyncHead[]; nextCursor: string | null }> {
  requireStaffPermission(scope, "models.read");
  const after = cursor && decodeCursor(cursor, 1)[0];
  const found = await db().catalogSync.findMany({
    where: after ? { id: { lt: after } } : {},
    omit: { rows: true, written: true },
    // ids made later sort later
    orderBy: { id: "desc" },
    take: limit + 1,
  });
  const page = found.slice(0, limit);
  return { data: page.map(toHead), nextCursor: found.length > limit ? encodeCursor(page.at(-1)?.id ?? "") : null };
}

/** Throws not_found. */
export async function getSync(scope: StaffScope, id: string): Promise<SyncDetail> {
  requireStaffPermission(scope, "models.read");
  return toDetail(await findSync(db(), id));
}

/** Throws not_found. */
export async function findSync(tx: Pick<Tx, "catalogSync">, id: string): Promise<CatalogSync> {
  const row = await tx.catalogSync.findUnique({ where: { id } });
  if (!row) throw new AppError("not_found", `There is no comparison "${id}".`);
  return row;
}

export function toDetail(sync: CatalogSync): SyncDetail {
  // safe because only prepareSync writes the column
  return { ...toHead(sync), rows: sync.rows as unknown as SyncRow[] };
}

function toHead(sync: Omit<CatalogSync, "rows" | "written">): SyncHead {
  // safe because only prepareSync writes the column; older ones knew no locks
  const { locked = 0, ...counts } = sync.counts as Record<string, number>;
  const { id, state, sources, createdAt, createdBy, appliedAt, effectiveFrom, result, undoneAt, undoResult } = sync;
  // safe because only this file and admin-sync-apply.ts write the columns, and a CHECK allows no other state
  return {
    ...{ id, state, sources, counts, locked, createdBy, result, undoResult },
    createdAt: createdAt.toISOString(),
    appliedAt: appliedAt?.toISOString() ?? null,
    effectiveFrom: effectiveFrom?.toISOString() ?? null,
    undoneAt: undoneAt?.toISOString() ?? null,
  } as unknown as SyncHead;
}

/** With the keys that rows of locked offers would have. */
async function readServed(tx: Tx): Promise<Parameters<typeof compareCatalogue>[0] & { locked: ReadonlySet<string> }> {
  const providers = await tx.provider.findMany({ where: { enabled: true }, orderBy: { slug: "asc" } });
  const offers = await tx.offer.findMany({ include: { provider: true, model: true }, orderBy: { id: "asc" } });
  const ids = offers.map(({ id }) => id);
  const costs = await ratesInForce(tx, "offer", ids);
  const prices = await ratesInForce(tx, "model", [...new Set(offers.map(({ modelId }) => modelId))]);
  const custom = await tx.$queryRaw<{ subject_id: string }[]>`
    SELECT subject_id FROM (
      SELECT DISTINCT ON (subject_id) subject_id, source FROM price_version
      WHERE subject = 'offer' AND subject_id = ANY (${ids}::text[]) AND org_id IS NULL
        AND effective_from <= clock_timestamp()
      ORDER BY subject_id, effective_from DESC, id DESC
    ) latest WHERE source = 'api'`;
  const byHand = new Set(custom.map(({ subject_id }) => subject_id));
  return {
    providers,
    locked: new Set(offers.filter((offer) => offer.locked).map(({ id }) => `offer:${id}`)),
    offers: offers.map(({ id, provider, upstreamModel, modelId, enabled, model }): ServedOffer => {
      const fixedPrice = model.marginPercent === null ? (prices.get(modelId) ?? null) : null;
      return {
        ...{ id, provider: provider.slug, kind: provider.kind, upstreamModel, model: modelId, isEnabled: enabled },
        ...{ cost: costs.get(id) ?? null, isCustom: byHand.has(id), fixedPrice },
      };
    }),
  };
}

async function readSource(source: SyncSource, param: string): Promise<ReadSource> {
  if (source.type === "bundled") return { name: "bundled", format: "bundled", models: seedModels() };
  const isUrl = source.type === "url";
  const text = isUrl ? await fetchText(source.url, param) : await fileText(source, param);
  try {
    const { format, models } = readPublicCatalogue(text, new Date().toISOString().slice(0, 10));
    return { name: isUrl ? source.url : source.name, format, models };
  } catch (error) {
    if (error instanceof FormatError) throw new AppError("invalid_request", `${param}: ${error.message}`, { param });
    throw error;
  }
}

async function fetchText(url: string, param: string): Promise<string> {
  let response: Response;
  try {
    response = await egressFetch("operator")(url, {
      headers: { accept: "application/json" },
      signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
    });
  } catch (error) {
    const refusal = [error, (error as Error).cause].find((one) => one instanceof EgressError);
    if (refusal instanceof EgressError)
      throw new AppError("invalid_request", `${param}.url: ${refusal.message}`, { param: `${param}.url` });
    throw new AppError("upstream_error", `${new URL(url).host} cannot be reached.`, { cause: error });
  }
  if (!response.ok) throw new AppError("upstream_error", `${new URL(url).host} answered HTTP ${response.status}.`);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MAX_CATALOGUE_BYTES) throw tooLarge(param);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

const unzip = promisify(gunzip);

async function fileText({ content, gzip }: Extract<SyncSource, { type: "file" }>, param: string): Promise<string> {
  if (gzip === undefined) return content ?? "";
  try {
    return (await unzip(Buffer.from(gzip, "base64"), { maxOutputLength: MAX_CATALOGUE_BYTES })).toString("utf8");
  } catch (error) {
    if ((error as { code?: string }).code === "ERR_BUFFER_TOO_LARGE") throw tooLarge(param);
    throw new AppError("invalid_request", `${param}.gzip: is not compressed with gzip.`, { param: `${param}.gzip` });
  }
}

function tooLarge(param: string): AppError {
  return new AppError("invalid_request", `${param}: is larger than ${MAX_CATALOGUE_BYTES / 1_000_000} MB.`, { param });
}
