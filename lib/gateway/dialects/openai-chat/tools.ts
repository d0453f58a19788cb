import type { JSONSchema7, LanguageModelV4CallOptions } from "@ai-sdk/provider";
import { cacheHint } from "@/lib/gateway/dialects/cache-hint";
import type { JsonObject } from "@/lib/gateway/json-body";

type Tools = NonNullable<LanguageModelV4CallOptions["tools"]>;

/** Tools of the client, `functions` of older clients included; `allowed` leaves only those of these names. */
export function toTools(body: JsonObject, allowed: ReadonlySet<string> | null): Tools {
  const legacy = objectsIn(body.functions).map((fn): JsonObject => ({ type: "function", function: fn }));
  const tools = objectsIn(body.tools);
  return (tools.length > 0 ? tools : legacy).map(toTool).filter(({ name }) => allowed?.has(name) ?? true);
}

function toTool(tool: JsonObject): Tools[number] {
  const { name, description, parameters, strict } = (tool.function ?? {}) as JsonObject;
  return {
    type: "function",
    name: String(name ?? ""),
    inputSchema: objectSchema(parameters),
    ...(typeof description === "string" && { description }),
    ...(typeof strict === "boolean" && { strict }),
    ...cacheHint(tool),
  };
}

/** Missing or empty parameters mean "no arguments". */
function objectSchema(parameters: unknown): JSONSchema7 {
  if (typeof parameters !== "object" || parameters === null) return { type: "object", properties: {} };
  const { $schema: _dialect, ...schema } = parameters as JSONSchema7;
  return { type: "object", properties: {}, ...schema };
}

/** `tool_choice`, or `function_call` of older clients. No provider knows a list of allowed tools: the others are left out. */
export function toToolChoice(body: JsonObject): {
  toolChoice: LanguageModelV4CallOptions["toolChoice"];
  allowed: ReadonlySet<string> | null;
} {
  const choice = body.tool_choice ?? body.function_call;
  if (choice === "auto" || choice === "none" || choice === "required")
    return { toolChoice: { type: choice }, allowed: null };
  const { type, function: fn, name: legacyName, allowed_tools: list } = (choice ?? {}) as JsonObject;
  if (type === "allowed_tools") {
    const { mode, tools } = (list ?? {}) as JsonObject;
    const names = objectsIn(tools).map((tool) => String(((tool.function ?? {}) as JsonObject).name ?? ""));
    return { toolChoice: { type: mode === "required" ? "required" : "auto" }, allowed: new Set(names) };
  }
  const name = ((fn ?? {}) as JsonObject).name ?? legacyName;
  return { toolChoice: typeof name === "string" ? { type: "tool", toolName: name } : undefined, allowed: null };
}

function objectsIn(value: unknown): JsonObject[] {
  return Array.isArray(value)
    ? value.filter((item): item is JsonObject => typeof item === "object" && item !== null)
    : [];
}
