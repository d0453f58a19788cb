import { globSync } from "node:fs";
import Ajv from "ajv/dist/2020";
import addFormats from "ajv-formats";
import { expect, test } from "vitest";
import { ADMIN_BASE } from "@/lib/http/admin-api";
import { ADMIN_ENDPOINTS, openApiDocument } from "@/lib/http/openapi";

type Json = Record<string, unknown>;
const document = JSON.parse(JSON.stringify(openApiDocument())) as {
  openapi: string;
  paths: Record<
    string,
    Record<string, Json & { operationId: string; responses: Json; parameters?: Json[]; requestBody?: Json }>
  >;
  components: { schemas: Json };
};
const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
);

test("the document is OpenAPI 3.1 with every endpoint once", () => {
  expect(document.openapi).toBe("3.1.0");
  expect(operations).toHaveLength(ADMIN_ENDPOINTS.length);
  const ids = operations.map(({ operation }) => operation.operationId);
  expect(new Set(ids).size).toBe(ids.length);
  expect(document.paths[`${ADMIN_BASE}/models/{id}`]).toHaveProperty("put");
});

test("path parameters in the template and in the list are the same", () => {
  for (const { path, operation } of operations) {
    const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    const listed = (operation.parameters ?? []).filter((parameter) => parameter.in === "path");
    expect(
      listed.map(({ name }) => name),
      path,
    ).toEqual(named);
    expect(
      listed.every(({ required }) => required === true),
      path,
    ).toBe(true);
  }
});

test("every schema in it is valid JSON Schema 2020-12, every reference leads somewhere", () => {
  const ajv = addFormats(new Ajv({ strict: false, validateFormats: true }));
  ajv.addSchema({ $id: "hub", components: document.components });
  const schemas: Json[] = [];
  const collect = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    for (const [key, item] of Object.entries(value)) {
      if (key === "schema") schemas.push(item as Json);
      else collect(item);
    }
  };
  collect(document.paths);
  expect(schemas.length).toBeGreaterThan(operations.length);
  const absolute = (schema: Json) => JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"hub#/components'));
  for (const schema of [...schemas, ...Object.values(document.components.schemas)]) {
    expect(() => ajv.compile(absolute(schema as Json)), JSON.stringify(schema)).not.toThrow();
  }
});

test("an example body passes the published schema, a wrong one does not", () => {
  const ajv = new Ajv({ strict: false, validateFormats: false });
  const body = document.paths[`${ADMIN_BASE}/models/{id}`]?.put?.requestBody as {
    content: Record<string, { schema: Json }>;
  };
  const isModel = ajv.compile(body.content["application/json"]?.schema ?? {});
  const model = {
    type: "chat",
    offers: [{ provider: "openai", upstreamModel: "m", cost: { input: "0.25" } }],
    marginPercent: 20,
  };
  expect(isModel(model)).toBe(true);
  expect(isModel({ ...model, price: { input: "1", prompt: "2" } })).toBe(false);
  expect(isModel({ ...model, type: "x" })).toBe(false);
});

test("each endpoint has its route file, each route file its endpoint", () => {
  const files = globSync("app/api/admin/v1/**/route.ts").map((file) =>
    file.replace(/^app\/api\/admin\/v1/, "").replace(/\/route\.ts$/, ""),
  );
  const fromFiles = files
    .filter((file) => !file.includes("unknown"))
    .map((file) => file.replace(/\[(?:\.\.\.)?(\w+)\]/g, "{$1}"));
  const fromEndpoints = new Set(ADMIN_ENDPOINTS.map(({ path }) => path.replace("+}", "}")));
  expect(fromFiles.sort()).toEqual([...fromEndpoints].sort());
});
