import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import type { ModelFigures } from "@/lib/catalog/figures";
import {
  MAX_CATALOGUE_BYTES,
  SYNC_GROUPS,
  type SyncHead,
  type SyncRow,
  type SyncSource,
} from "@/lib/catalog/import-schema";
import { FormatError, readPublicCatalogue } from "@/lib/catalog/public-formats";
import { seedModels } from "@/lib/catalog/seed";
import { suggestModelId } from "@/lib/catalog/suggest-model-id";
import { compareCatalogue, type ServedOffer } from "@/lib/catalog/sync-diff";
import { EgressError, egressFetch } from "@/lib/egress";
import { AppError } from "@/lib/errors";
import type { Sql } from "@/lib/pg";

type ReadSource = { name: string; format: string; models: readonly ModelFigures[] };

/** A comparison as it is kept: `counts` by group, and of what is locked. */
export type Comparison = { sources: SyncHead["sources"]; counts: Record<string, number>; rows: SyncRow[] };

const FETCH_TIMEOUT_MS = 20_000;

/** Compares what is served with public catalogues, the most trusted first. Only reads.
 *  Throws invalid_request for a source that cannot be read, upstream_error for an address that does not answer. */
export async function compareServed(sql: Sql, sources: readonly SyncSource[]): Promise<Comparison> {
  const read: ReadSource[] = [];
  for (const [index, source] of sources.entries()) read.push(await readSource(source, `sources.${index}`));
  const { locked, ...served } = await readServed(sql);
  const all = compareCatalogue(served, read, suggestModelId);
  const rows = all.filter(({ key }) => !locked.has(key));
  const count = (group: SyncRow["group"]) => rows.filter((row) => row.group === group).length;
  const groups = Object.fromEntries(SYNC_GROUPS.map((group) => [group, count(group)]));
  return {
    sources: read.map(({ name, format, models }) => ({ name, format, models: models.length })),
    counts: { ...groups, locked: all.length - rows.length },
    rows,
  };
}

/** What is in force now; a price that follows the cost is none of its own. */
const OFFERS = `
  SELECT o.id, p.slug AS provider, p.kind, o.upstream_model AS "upstreamModel", o.model_id AS model, o.enabled AS "isEnabled", o.locked,
    cost.rates AS cost, coalesce(cost.source = 'api', false) AS "isCustom",
    CASE WHEN m.margin_percent IS NULL THEN price.rates END AS "fixedPrice"
  FROM offer o
  JOIN provider p ON p.id = o.provider_id
  JOIN model m ON m.id = o.model_id
  LEFT JOIN LATERAL (
    SELECT v.rates, v.source FROM price_version v
    WHERE v.subject = 'offer' AND v.subject_id = o.id AND v.org_id IS NULL AND v.effective_from <= clock_timestamp()
    ORDER BY v.effective_from DESC, v.id DESC LIMIT 1
  ) cost ON true
  LEFT JOIN LATERAL (
    SELECT v.rates FROM price_version v
    WHERE v.subject = 'model' AND v.subject_id = o.model_id AND v.org_id IS NULL AND v.effective_from <= clock_timestamp()
    ORDER BY v.effective_from DESC, v.id DESC LIMIT 1
  ) price ON true
  ORDER BY o.id`;

/** With the keys that rows of locked offers would have. */
async function readServed(sql: Sql): Promise<Parameters<typeof compareCatalogue>[0] & { locked: ReadonlySet<string> }> {
  const [{ rows: providers }, { rows: offers }] = await Promise.all([
    sql.query<{ slug: string; kind: string }>("SELECT slug, kind FROM provider WHERE enabled ORDER BY slug"),
    sql.query<ServedOffer & { locked: boolean }>(OFFERS),
  ]);
  return { providers, offers, locked: new Set(offers.filter(({ locked }) => locked).map(({ id }) => `offer:${id}`)) };
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
