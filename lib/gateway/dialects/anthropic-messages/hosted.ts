import { AppError } from "@/lib/errors";
import { printable } from "@/lib/gateway/dialects/body-fields";
import type { JsonObject } from "@/lib/gateway/json-body";

/** Fields that buy what the provider runs itself, or a dearer rate. */
const EXTRAS = ["mcp_servers", "container", "service_tier", "inference_geo", "speed"];
const NEUTRAL = new Set<unknown>([null, false, "auto", "standard", "standard_only", "default"]);
/** Tools of Anthropic's own design that the client runs; every other named type is run, and billed, by Anthropic. */
const RUN_BY_CLIENT = /^(custom|bash_\d+|text_editor_\d+|computer_\d+|memory_\d+)$/;
const MAX_NAMED = 5;

/** Removes from a request what its hold does not cover. Returns what was removed, fit for the header `x-aigne-warnings`.
 *  Throws unsupported_value where `tool_choice` insists on such a tool. */
export function dropHosted(body: JsonObject): string[] {
  const warnings = new Set<string>();
  for (const name of EXTRAS) {
    const value = body[name];
    const isNeutral = value === undefined || NEUTRAL.has(value) || (Array.isArray(value) && value.length === 0);
    if (!isNeutral) warnings.add(name);
    delete body[name];
  }
  if (!Array.isArray(body.tools)) {
    delete body.tools;
    return [...warnings];
  }
  const hosted = (body.tools as (JsonObject | null)[]).filter(isHosted);
  const forced = (body.tool_choice as { name?: unknown } | null | undefined)?.name;
  if (forced !== undefined && hosted.some((tool) => tool.name === forced))
    throw new AppError(
      "unsupported_value",
      "tool_choice: names a tool that the provider would run. Only tools that the client runs are served.",
      { param: "tool_choice" },
    );
  body.tools = (body.tools as (JsonObject | null)[]).filter((tool) => !isHosted(tool));
  for (const { type } of hosted.slice(0, MAX_NAMED)) warnings.add(`tools.${printable(type)}`);
  return [...warnings];
}

function isHosted(tool: JsonObject | null): tool is JsonObject {
  return typeof tool?.type === "string" && !RUN_BY_CLIENT.test(tool.type);
}
