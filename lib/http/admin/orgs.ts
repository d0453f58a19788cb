import { z } from "zod";
import { freezeWallet, getWallet, grantCredit } from "@/lib/billing/admin-credits";
import { creditInput, creditOut, walletOut, walletPatch } from "@/lib/billing/schema";
import { listOrgPrices, setOrgPrice } from "@/lib/catalog/admin-org-prices";
import { orgPriceInput, orgPriceOut } from "@/lib/catalog/schema";
import { endpoint, listOf } from "@/lib/http/admin-api";
import { createKey, getKey, listKeys, revokeKey, updateKey } from "@/lib/keys/admin-keys";
import { createdKeyOut, keyInput, keyOut, keyPatch } from "@/lib/keys/schema";
import { createOrg, getOrg, listOrgs, updateOrg } from "@/lib/orgs/admin-orgs";
import { orgInput, orgOut, orgPatch, page } from "@/lib/orgs/schema";

const byId = z.strictObject({ id: z.string() });

export const orgList = endpoint({
  method: "GET",
  path: "/orgs",
  summary: "List organisations, newest first",
  permission: "orgs.read",
  query: page,
  response: listOf(orgOut),
  run: (scope, { query }) => listOrgs(scope, query),
});

export const orgCreate = endpoint({
  method: "POST",
  path: "/orgs",
  summary: "Create an organisation with an empty wallet",
  permission: "orgs.manage",
  body: orgInput,
  response: orgOut,
  status: 201,
  run: (scope, { body }) => createOrg(scope, body),
});

export const orgGet = endpoint({
  method: "GET",
  path: "/orgs/{id}",
  summary: "Read an organisation",
  permission: "orgs.read",
  params: byId,
  response: orgOut,
  run: (scope, { params }) => getOrg(scope, params.id),
});

export const orgUpdate = endpoint({
  method: "PATCH",
  path: "/orgs/{id}",
  summary: "Rename, suspend or limit an organisation",
  permission: "orgs.manage",
  params: byId,
  body: orgPatch,
  response: orgOut,
  run: (scope, { params, body }) => updateOrg(scope, params.id, body),
});

export const orgPriceList = endpoint({
  method: "GET",
  path: "/orgs/{id}/prices",
  summary: "List the prices agreed with an organisation",
  permission: "models.read",
  params: byId,
  response: z.object({ data: z.array(orgPriceOut) }),
  run: async (scope, { params }) => ({ data: await listOrgPrices(scope, params.id) }),
});

export const orgPricePut = endpoint({
  method: "PUT",
  path: "/orgs/{id}/prices",
  summary: "Agree on a price or factor for one model, or a factor for all",
  permission: "models.manage",
  params: byId,
  body: orgPriceInput,
  response: z.object({ data: z.array(orgPriceOut) }),
  run: async (scope, { params, body }) => ({ data: await setOrgPrice(scope, params.id, body) }),
});

export const walletGet = endpoint({
  method: "GET",
  path: "/orgs/{id}/wallet",
  summary: "Read an organisation's balance",
  permission: "orgs.read",
  params: byId,
  response: walletOut,
  run: (scope, { params }) => getWallet(scope, params.id),
});

export const walletUpdate = endpoint({
  method: "PATCH",
  path: "/orgs/{id}/wallet",
  summary: "Freeze an organisation's balance, or lift a freeze for fraud, a lost dispute or your own",
  permission: "orgs.manage",
  params: byId,
  body: walletPatch,
  response: walletOut,
  run: (scope, { params, body }) => freezeWallet(scope, params.id, body),
});

export const creditCreate = endpoint({
  method: "POST",
  path: "/orgs/{id}/credits",
  summary: "Grant promotional or comp credit, correct the balance, or write a debt off",
  permission: "credits.grant",
  params: byId,
  body: creditInput,
  response: creditOut,
  status: 201,
  run: (scope, { params, body }) => grantCredit(scope, params.id, body),
});

export const keyList = endpoint({
  method: "GET",
  path: "/orgs/{id}/keys",
  summary: "List an organisation's keys, newest first",
  permission: "orgs.read",
  params: byId,
  query: page,
  response: listOf(keyOut),
  run: (scope, { params, query }) => listKeys(scope, params.id, query),
});

export const keyCreate = endpoint({
  method: "POST",
  path: "/orgs/{id}/keys",
  summary: "Create a key; the secret is shown once",
  permission: "orgs.manage",
  params: byId,
  body: keyInput,
  response: createdKeyOut,
  status: 201,
  run: (scope, { params, body }) => createKey(scope, params.id, body),
});

export const keyGet = endpoint({
  method: "GET",
  path: "/keys/{id}",
  summary: "Read a key, without its secret",
  permission: "orgs.read",
  params: byId,
  response: keyOut,
  run: (scope, { params }) => getKey(scope, params.id),
});

export const keyUpdate = endpoint({
  method: "PATCH",
  path: "/keys/{id}",
  summary: "Rename, limit, disable or enable a key",
  permission: "orgs.manage",
  params: byId,
  body: keyPatch,
  response: keyOut,
  run: (scope, { params, body }) => updateKey(scope, params.id, body),
});

export const keyDelete = endpoint({
  method: "DELETE",
  path: "/keys/{id}",
  summary: "Revoke a key for good",
  permission: "orgs.manage",
  params: byId,
  response: z.object({ id: z.string(), deleted: z.literal(true) }),
  run: (scope, { params }) => revokeKey(scope, params.id),
});
