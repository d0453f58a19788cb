import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import Ajv2020, { type ValidateFunction } from "ajv/dist/2020";
import addFormats from "ajv-formats";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const folder = path.resolve(root, process.env.HUB_REFERENCE_DATA ?? "../shared/data");
const file = path.join(folder, "openai-gateway-schemas.json");

/** Why schemas are not checked here, or null where they are. */
export const schemasAbsent = fs.existsSync(file)
  ? null
  : `skipped: no OpenAI schemas in ${folder} (HUB_REFERENCE_DATA names the folder)`;

let ajv: Ajv2020 | undefined;

/** The violations of OpenAI's own schema `name`, empty for a valid value. */
export function schemaErrors(name: string, value: unknown): string[] {
  const validate = validators().getSchema(`oai#/components/schemas/${name}`) as ValidateFunction | undefined;
  if (!validate) throw new Error(`no schema ${name}`);
  if (validate(value)) return [];
  return (validate.errors ?? []).map(
    ({ instancePath, message, params }) => `${instancePath || "/"} ${message} ${JSON.stringify(params)}`,
  );
}

function validators(): Ajv2020 {
  if (ajv) return ajv;
  const { components } = JSON.parse(fs.readFileSync(file, "utf8")) as {
    components: { schemas: Record<string, unknown> };
  };
  ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats(ajv);
  for (const format of ["unixtime", "binary", "base64", "byte", "float", "double", "int32", "int64"])
    ajv.addFormat(format, true);
  const schemas = Object.fromEntries(
    Object.entries(components.schemas).map(([name, schema]) => [name, toJsonSchema(schema)]),
  );
  ajv.addSchema({ $id: "oai", components: { schemas } }, "oai");
  return ajv;
}

const DROPPED = new Set(["discriminator", "example", "externalDocs", "xml"]);

/** OpenAPI's dialect of a schema as plain JSON Schema. Only schema positions change: inside `properties`, `example` is a field. */
function toJsonSchema(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(toJsonSchema);
  if (typeof schema !== "object" || schema === null) return schema;
  const { nullable, ...rest } = schema as Record<string, unknown>;
  const plain: Record<string, unknown> = {};
  for (const [keyword, value] of Object.entries(rest)) {
    if (DROPPED.has(keyword) || keyword.startsWith("x-")) continue;
    if (keyword === "properties" || keyword === "$defs" || keyword === "patternProperties")
      plain[keyword] = Object.fromEntries(
        Object.entries(value as object).map(([name, inner]) => [name, toJsonSchema(inner)]),
      );
    else if (keyword === "enum" || keyword === "const" || keyword === "default" || keyword === "required")
      plain[keyword] = value;
    else plain[keyword] = toJsonSchema(value);
  }
  if (nullable !== true) return plain;
  const combined = ["$ref", "oneOf", "anyOf", "allOf", "enum"].some((keyword) => keyword in plain);
  if (combined || typeof plain.type !== "string") return { anyOf: [plain, { type: "null" }] };
  return { ...plain, type: [plain.type, "null"] };
}
