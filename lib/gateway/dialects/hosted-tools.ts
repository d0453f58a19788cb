import { printable } from "@/lib/gateway/dialects/body-fields";
import type { JsonObject } from "@/lib/gateway/json-body";

/** A tool that the provider runs may be called so often in one answer: each call may read the whole context window anew, and
 *  all of it is held for. */
const MOST_CALLS = 5;
const MAX_NAMED = 5;

/** The limit that goes upstream in place of the client's, and is held for. */
export function clampCalls(asked: unknown): number {
  return typeof asked === "number" && Number.isInteger(asked) && asked >= 0 ? Math.min(asked, MOST_CALLS) : MOST_CALLS;
}

/** Tools that were left out, by their types, fit for the header `x-aigne-warnings`. */
export function namesOf(dropped: readonly unknown[]): string[] {
  const types = dropped.slice(0, MAX_NAMED).map((tool) => (tool as JsonObject).type);
  return [...new Set(types.map((type) => `tools.${printable(type)}`))];
}

/** The fields of a body for these tools: a choice among none is refused upstream. */
export function toolFields(tools: readonly unknown[], choice: unknown): JsonObject {
  return tools.length === 0 ? {} : { tools, ...(choice !== undefined && { tool_choice: choice }) };
}
