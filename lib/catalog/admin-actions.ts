"use server";

import { z } from "zod";
import { action } from "@/lib/auth/action";
import { createCredential, deleteCredential, updateCredential } from "@/lib/catalog/admin-credentials";
import { importModels } from "@/lib/catalog/admin-discovery";
import { deleteModel, putModel } from "@/lib/catalog/admin-models";
import { testCredential } from "@/lib/catalog/admin-probes";
import { createProvider, deleteProvider, updateProvider } from "@/lib/catalog/admin-providers";
import { prepareSync } from "@/lib/catalog/admin-sync";
import { applySync, undoSync } from "@/lib/catalog/admin-sync-apply";
import { applyInput, importInput, syncInput } from "@/lib/catalog/import-schema";
import { credentialInput, credentialPatch, modelInput, providerInput, providerPatch } from "@/lib/catalog/schema";
import { modelId, slug } from "@/lib/fields";

const staff = { scope: "staff", revalidate: ["/admin/providers", "/admin/providers/[slug]"] } as const;
const models = { scope: "staff", revalidate: ["/admin/models", "/admin/models/[...id]"] } as const;
const byId = z.strictObject({ id: z.string() });
const bySlug = z.strictObject({ slug });

export const createProviderAction = action(providerInput, createProvider, staff);

export const updateProviderAction = action(
  z.strictObject({ slug, patch: providerPatch }),
  (scope, input) => updateProvider(scope, input.slug, input.patch),
  staff,
);

export const deleteProviderAction = action(bySlug, (scope, input) => deleteProvider(scope, input.slug), staff);

export const createCredentialAction = action(
  z.strictObject({ slug, credential: credentialInput, form: z.uuid() }),
  (scope, input) => createCredential(scope, input.slug, input.credential, input.form),
  staff,
);

export const updateCredentialAction = action(
  z.strictObject({ id: z.string(), patch: credentialPatch }),
  (scope, input) => updateCredential(scope, input.id, input.patch),
  staff,
);

export const deleteCredentialAction = action(
  z.strictObject({ id: z.string(), typed: z.string().optional() }),
  (scope, { id, typed }) => deleteCredential(scope, id, { typed }),
  staff,
);

export const testCredentialAction = action(byId, (scope, input) => testCredential(scope, input.id), staff);

export const putModelAction = action(
  z.strictObject({ id: modelId, model: modelInput }),
  (scope, input) => putModel(scope, input.id, input.model),
  models,
);

export const deleteModelAction = action(
  z.strictObject({ id: modelId }),
  (scope, input) => deleteModel(scope, input.id),
  models,
);

export const importModelsAction = action(
  z.strictObject({ slug, models: importInput }),
  (scope, input) => importModels(scope, input.slug, input.models),
  { scope: "staff", revalidate: ["/admin/models", "/admin/providers/[slug]/models"] },
);

export const prepareSyncAction = action(
  syncInput,
  async (scope, input) => ({ id: (await prepareSync(scope, input)).id }),
  { scope: "staff", revalidate: "/admin/catalogue" },
);

const syncs = { scope: "staff", revalidate: ["/admin/models", "/admin/catalogue", "/admin/catalogue/[id]"] } as const;

export const applySyncAction = action(
  z.strictObject({ id: z.string(), apply: applyInput }),
  async (scope, input) => ({ result: (await applySync(scope, input.id, input.apply)).result }),
  syncs,
);

export const undoSyncAction = action(
  byId,
  async (scope, input) => ({ result: (await undoSync(scope, input.id)).undoResult }),
  syncs,
);
