import { z } from "zod";
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiPathsObject } from "zod-openapi";
import * as catalogue from "@/lib/http/admin/catalogue";
import * as health from "@/lib/http/admin/health";
import * as models from "@/lib/http/admin/models";
import * as orgs from "@/lib/http/admin/orgs";
import * as providers from "@/lib/http/admin/providers";
import * as reports from "@/lib/http/admin/reports";
import * as routes from "@/lib/http/admin/routes";
import { ADMIN_BASE, type Endpoint } from "@/lib/http/admin-api";

/** Every endpoint of the admin API. */
export const ADMIN_ENDPOINTS: readonly Endpoint[] = [
  providers,
  models,
  catalogue,
  routes,
  orgs,
  reports,
  health,
].flatMap((group) => Object.values(group));

const errorBody = z
  .object({
    error: z.object({
      message: z.string(),
      type: z.string(),
      param: z.string().nullable(),
      code: z.string().nullable(),
    }),
  })
  .meta({ id: "Error", description: "Every refusal has this shape." });

const idempotencyHeader = z.object({
  "idempotency-key": z.string().max(255).optional().meta({
    description: "The same key, path and body within 24 hours repeat the first answer instead of the change.",
  }),
});

let document: ReturnType<typeof createDocument> | undefined;

/** The OpenAPI 3.1 description of this server, made from the schemas that validate its requests and answers. */
export function openApiDocument(): ReturnType<typeof createDocument> {
  document ??= createDocument({
    openapi: "3.1.0",
    info: {
      title: "AIGNE Hub",
      version: "1",
      description: "Money is a decimal string in USD. Lists are paged: pass nextCursor as cursor until it is null.",
    },
    servers: [{ url: "/" }],
    security: [{ managementKey: [] }],
    components: {
      securitySchemes: {
        managementKey: { type: "http", scheme: "bearer", description: "A management key: aigne_mk_…" },
      },
    },
    paths: adminPaths(),
  });
  return document;
}

function adminPaths(): ZodOpenApiPathsObject {
  const paths: ZodOpenApiPathsObject = {};
  for (const declaration of ADMIN_ENDPOINTS) {
    const path = ADMIN_BASE + declaration.path.replace(/\+\}/g, "}");
    paths[path] = { ...paths[path], [declaration.method.toLowerCase()]: operation(declaration) };
  }
  return paths;
}

function operation({
  method,
  path,
  summary,
  permission,
  params,
  query,
  body,
  response,
  status,
}: Endpoint): ZodOpenApiOperationObject {
  const words = path.split(/[^a-zA-Z]+/).filter(Boolean);
  return {
    operationId: [method.toLowerCase(), ...words].join("_"),
    summary,
    description: `Needs the permission \`${permission}\`.`,
    tags: [words[0] ?? "admin"],
    requestParams: {
      ...(params && { path: params }),
      ...(query && { query }),
      ...(method !== "GET" && { header: idempotencyHeader }),
    },
    ...(body && { requestBody: { required: true, content: { "application/json": { schema: body } } } }),
    responses: {
      [String(status ?? 200)]: { description: "Done.", content: { "application/json": { schema: response } } },
      default: { description: "Refused.", content: { "application/json": { schema: errorBody } } },
    },
  };
}
