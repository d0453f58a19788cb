import { AppError } from "@/lib/errors";
import { printable } from "@/lib/gateway/dialects/body-fields";
import type { JsonObject } from "@/lib/gateway/json-body";

/** Tools that the provider runs and bills; tools of other and unknown types are the client's to run. */
const HOSTED = /^(web_search|file_search|code_interpreter|image_generation|mcp|x_search|collections_search)/;
const NEUTRAL_TIERS = new Set<unknown>([undefined, null, "auto", "default", "standard"]);
const MAX_NAMED = 5;

/** Removes from a request what its hold does not cover. Returns what was removed, fit for the header `x-aigne-warnings`.
 *  Throws unsupported_value where `tool_choice` insists on such a tool. */
export function dropHosted(body: JsonObject): string[] {
  const warnings = new Set<string>();
  if (!NEUTRAL_TIERS.has(body.service_tier)) warnings.add("service_tier");
  delete body.service_tier;
  if (!Array.isArray(body.tools)) {
    delete body.tools;
    delete body.tool_choice;
    return [...warnings];
  }
  const tools = body.tools as (JsonObject | null)[];
  const kept = tools.filter((tool) => !isHosted(tool));
  const hosted = tools.filter(isHosted);
  const isForced =
    isHosted(body.tool_choice as JsonObject | null) ||
    (hosted.length > 0 && kept.length === 0 && body.tool_choice === "required");
  if (isForced)
    throw new AppError(
      "unsupported_value",
      '"tool_choice" asks for a tool that the provider would run. Only tools that the client runs are served.',
      { param: "tool_choice" },
    );
  for (const { type } of hosted.slice(0, MAX_NAMED)) warnings.add(`tools.${printable(type)}`);
  if (kept.length > 0) body.tools = kept;
  else {
    delete body.tools;
    delete body.tool_choice;
  }
  return [...warnings];
}

function isHosted(tool: unknown): tool is JsonObject {
  const { type } = (tool ?? {}) as { type?: unknown };
  return typeof type === "string" && HOSTED.test(type);
}
