import { z } from "zod";
import { createCredential, deleteCredential, listCredentials, updateCredential } from "@/lib/catalog/admin-credentials";
import { discoverModels, importModels } from "@/lib/catalog/admin-discovery";
import { testCredential } from "@/lib/catalog/admin-probes";
import {
  createProvider,
  deleteProvider,
  getProvider,
  listProviders,
  updateProvider,
} from "@/lib/catalog/admin-providers";
import { importInput, upstreamModelOut } from "@/lib/catalog/import-schema";
import {
  configurationPage,
  credentialInput,
  credentialOut,
  credentialPatch,
  credentialRemoval,
  credentialTestOut,
  modelOut,
  providerInput,
  providerOut,
  providerPatch,
} from "@/lib/catalog/schema";
import { endpoint, listOf } from "@/lib/http/admin-api";

const bySlug = z.strictObject({ slug: z.string() });
const byId = z.strictObject({ id: z.string() });

export const providerList = endpoint({
  method: "GET",
  path: "/providers",
  summary: "List providers",
  permission: "providers.read",
  query: configurationPage,
  response: listOf(providerOut),
  run: (scope, { query }) => listProviders(scope, query),
});

export const providerCreate = endpoint({
  method: "POST",
  path: "/providers",
  summary: "Connect a provider",
  permission: "providers.manage",
  body: providerInput,
  response: providerOut,
  status: 201,
  run: (scope, { body }) => createProvider(scope, body),
});

export const providerGet = endpoint({
  method: "GET",
  path: "/providers/{slug}",
  summary: "Read a provider",
  permission: "providers.read",
  params: bySlug,
  response: providerOut,
  run: (scope, { params }) => getProvider(scope, params.slug),
});

export const providerUpdate = endpoint({
  method: "PATCH",
  path: "/providers/{slug}",
  summary: "Change a provider",
  permission: "providers.manage",
  params: bySlug,
  body: providerPatch,
  response: providerOut,
  run: (scope, { params, body }) => updateProvider(scope, params.slug, body),
});

export const providerDelete = endpoint({
  method: "DELETE",
  path: "/providers/{slug}",
  summary: "Delete a provider and its credentials",
  permission: "providers.manage",
  params: bySlug,
  response: z.object({ slug: z.string(), deleted: z.literal(true) }),
  run: (scope, { params }) => deleteProvider(scope, params.slug),
});

export const credentialList = endpoint({
  method: "GET",
  path: "/providers/{slug}/credentials",
  summary: "List a provider's credentials, without their secrets",
  permission: "providers.read",
  params: bySlug,
  query: configurationPage,
  response: listOf(credentialOut),
  run: (scope, { params, query }) => listCredentials(scope, params.slug, query),
});

export const credentialCreate = endpoint({
  method: "POST",
  path: "/providers/{slug}/credentials",
  summary: "Store a credential; the secret is never returned",
  permission: "providers.manage",
  params: bySlug,
  body: credentialInput,
  response: credentialOut,
  status: 201,
  run: (scope, { params, body }) => createCredential(scope, params.slug, body),
});

export const upstreamModelList = endpoint({
  method: "GET",
  path: "/providers/{slug}/upstream-models",
  summary: "Ask the provider which models it offers, with what the catalogue knows of them",
  permission: "providers.read",
  params: bySlug,
  response: listOf(upstreamModelOut),
  run: async (scope, { params }) => ({ data: await discoverModels(scope, params.slug), nextCursor: null }),
});

export const modelImport = endpoint({
  method: "POST",
  path: "/providers/{slug}/upstream-models",
  summary: "Make models of what the provider offers, priced by a margin; all or none",
  permission: "models.manage",
  params: bySlug,
  body: importInput,
  response: z.object({ data: z.array(modelOut) }),
  status: 201,
  run: (scope, { params, body }) => importModels(scope, params.slug, body),
});

export const credentialUpdate = endpoint({
  method: "PATCH",
  path: "/credentials/{id}",
  summary:
    "Change weight, state, caps or secret of a credential; with `test` a new secret is verified before the old one goes",
  permission: "providers.manage",
  params: byId,
  body: credentialPatch,
  response: credentialOut,
  run: (scope, { params, body }) => updateCredential(scope, params.id, body),
});

export const credentialDelete = endpoint({
  method: "DELETE",
  path: "/credentials/{id}",
  summary: "Delete a credential; 409 while it is the last route of a served model",
  permission: "providers.manage",
  params: byId,
  query: credentialRemoval,
  response: z.object({ id: z.string(), deleted: z.literal(true) }),
  run: (scope, { params, query }) =>
    deleteCredential(scope, params.id, { removeLastRoute: query.removeLastRoute === "true" }),
});

export const credentialTest = endpoint({
  method: "POST",
  path: "/credentials/{id}/test",
  summary: "Try a credential against its provider; waits up to 15 seconds",
  permission: "providers.manage",
  params: byId,
  response: credentialTestOut,
  run: (scope, { params }) => testCredential(scope, params.id),
});
