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
  for (const item of Array.isArray(body.input) ? body.input : []) dropFromItem(item, warnings);
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
  name(hosted, warnings);
  if (kept.length > 0) body.tools = kept;
  else {
    delete body.tools;
    delete body.tool_choice;
  }
  return [...warnings];
}

/** Items of the conversation bring tools of their own: more of them, or what a search for tools found. */
function dropFromItem(item: JsonObject | null, warnings: Set<string>): void {
  if (!item || !Array.isArray(item.tools)) return;
  name(item.tools.filter(isHosted), warnings);
  item.tools = item.tools.filter((tool) => !isHosted(tool));
}

function name(hosted: readonly JsonObject[], warnings: Set<string>): void {
  for (const { type } of hosted.slice(0, MAX_NAMED)) warnings.add(`tools.${printable(type)}`);
}

function isHosted(tool: unknown): tool is JsonObject {
  const { type, environment } = (tool ?? {}) as { type?: unknown; environment?: { type?: unknown } | null };
  if (typeof type !== "string") return false;
  // a shell is the client's own, unless it is in a container at the provider
  return HOSTED.test(type) || (type === "shell" && (environment?.type ?? "local") !== "local");
}
