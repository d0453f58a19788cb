import { z } from "zod";
import { listCatalogue } from "@/lib/catalog/admin-discovery";
import { getSync, listSyncs, prepareSync } from "@/lib/catalog/admin-sync";
import { applySync, undoSync } from "@/lib/catalog/admin-sync-apply";
import {
  applyInput,
  catalogueModelOut,
  MAX_CATALOGUE_BYTES,
  syncInput,
  syncListRowOut,
  syncOut,
} from "@/lib/catalog/import-schema";
import { configurationPage } from "@/lib/catalog/schema";
import { endpoint, listOf } from "@/lib/http/admin-api";

const byId = z.strictObject({ id: z.string() });

export const catalogueModels = endpoint({
  method: "GET",
  path: "/catalog/models",
  summary: "Read the bundled catalogue: published limits and costs with their sources",
  permission: "models.read",
  query: z.strictObject({ kind: z.string().max(40).optional() }),
  response: listOf(catalogueModelOut),
  run: async (scope, { query }) => ({ data: listCatalogue(scope, query), nextCursor: null }),
});

export const syncList = endpoint({
  method: "GET",
  path: "/catalog/syncs",
  summary: "List comparisons with public catalogues, newest first",
  permission: "models.read",
  query: configurationPage,
  response: listOf(syncListRowOut),
  run: (scope, { query }) => listSyncs(scope, query),
});

export const syncPrepare = endpoint({
  method: "POST",
  path: "/catalog/syncs",
  summary: "Compare what is served with public catalogues (LiteLLM, models.dev, the bundled one); changes no price",
  permission: "models.manage",
  body: syncInput,
  maxBodyBytes: MAX_CATALOGUE_BYTES * 2,
  response: syncOut,
  status: 201,
  run: (scope, { body }) => prepareSync(scope, body),
});

export const syncGet = endpoint({
  method: "GET",
  path: "/catalog/syncs/{id}",
  summary: "Read a comparison row by row",
  permission: "models.read",
  params: byId,
  response: syncOut,
  run: (scope, { params }) => getSync(scope, params.id),
});

export const syncApply = endpoint({
  method: "POST",
  path: "/catalog/syncs/{id}/apply",
  summary: "Apply chosen rows of a comparison as new versions, in one transaction",
  permission: "models.manage",
  params: byId,
  body: applyInput,
  response: syncOut,
  run: (scope, { params, body }) => applySync(scope, params.id, body),
});

export const syncUndo = endpoint({
  method: "POST",
  path: "/catalog/syncs/{id}/undo",
  summary: "Undo an applied comparison: new versions with the rates of before",
  permission: "models.manage",
  params: byId,
  response: syncOut,
  run: (scope, { params }) => undoSync(scope, params.id),
});
