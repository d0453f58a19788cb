import type { JSONSchema7 } from "@ai-sdk/provider";
import type { JsonObject } from "@/lib/gateway/json-body";

/** A tool that takes plain text, as a function with that text as its only argument: other providers know nothing else. */
export const CUSTOM_SCHEMA: JSONSchema7 = {
  type: "object",
  properties: { input: { type: "string" } },
  required: ["input"],
};

/** Whether its text must follow a grammar, which no other provider would keep. */
export function hasGrammar({ type, format }: JsonObject): boolean {
  return type === "custom" && (format as { type?: unknown } | null | undefined)?.type === "grammar";
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
