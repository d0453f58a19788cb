import type { JSONSchema7 } from "@ai-sdk/provider";
import { AppError } from "@/lib/errors";
import type { JsonObject } from "@/lib/gateway/json-body";

/** A tool that takes plain text, as a function with that text as its only argument: other providers know nothing else.
 *  Throws unsupported_parameter for a grammar, which none of them would keep. */
export function customSchema(tool: JsonObject): JSONSchema7 {
  const { type } = (tool.format ?? {}) as { type?: unknown };
  if (type === "grammar")
    throw new AppError(
      "unsupported_parameter",
      `The tool "${String(tool.name)}" has a grammar, which the provider of this model does not support.`,
      { param: "tools" },
    );
  return { type: "object", properties: { input: { type: "string" } }, required: ["input"] };
}

/** The names of such tools in a request. */
export function customNames(tools: unknown): ReadonlySet<string> {
  const list = Array.isArray(tools) ? (tools as (JsonObject | null)[]) : [];
  return new Set(list.flatMap((tool) => (tool?.type === "custom" ? [String(tool.name)] : [])));
}

/** The text that such a tool was called with. */
export function customInput(json: string): string {
  try {
    const { input } = JSON.parse(json || "{}") as { input?: unknown };
    return typeof input === "string" ? input : json;
  } catch {
    return json;
  }
}
