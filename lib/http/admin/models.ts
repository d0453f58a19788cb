import { z } from "zod";
import { deleteModel, getModel, listModels, putModel } from "@/lib/catalog/admin-models";
import { configurationPage, modelInput, modelOut } from "@/lib/catalog/schema";
import { modelId } from "@/lib/fields";
import { endpoint, listOf } from "@/lib/http/admin-api";

const byId = z.strictObject({ id: modelId });

export const modelList = endpoint({
  method: "GET",
  path: "/models",
  summary: "List models with offers, costs and prices",
  permission: "models.read",
  query: configurationPage,
  response: listOf(modelOut),
  run: (scope, { query }) => listModels(scope, query),
});

export const modelGet = endpoint({
  method: "GET",
  path: "/models/{id+}",
  summary: "Read a model; its id may contain slashes",
  permission: "models.read",
  params: byId,
  response: modelOut,
  run: (scope, { params }) => getModel(scope, params.id),
});

export const modelPut = endpoint({
  method: "PUT",
  path: "/models/{id+}",
  summary: "Create or replace a model; its id may contain slashes",
  permission: "models.manage",
  params: byId,
  body: modelInput,
  response: modelOut,
  run: (scope, { params, body }) => putModel(scope, params.id, body),
});

export const modelDelete = endpoint({
  method: "DELETE",
  path: "/models/{id+}",
  summary: "Delete a model",
  permission: "models.manage",
  params: byId,
  response: z.object({ id: z.string(), deleted: z.literal(true) }),
  run: (scope, { params }) => deleteModel(scope, params.id),
});
