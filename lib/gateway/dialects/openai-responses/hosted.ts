import { AppError } from "@/lib/errors";
import type { HostedTools } from "@/lib/gateway/dialects/dialect";
import { clampCalls, namesOf, toolFields } from "@/lib/gateway/dialects/hosted-tools";
import type { JsonObject } from "@/lib/gateway/json-body";

/** Tools that the provider runs and bills; tools of other and unknown types are the client's to run. */
const HOSTED = /^(web_search|file_search|code_interpreter|image_generation|mcp|x_search|collections_search)/;
/** The one whose calls the answer shows and `max_tool_calls` limits, and that needs nothing of the hub's account. */
const SEARCH = /^web_search(_preview)?(_\d{4}_\d{2}_\d{2})?$/;
const NEUTRAL_TIERS = new Set<unknown>([undefined, null, "auto", "default", "standard"]);

/** Removes from a request what its hold does not cover. `warnings` names what was removed, fit for the header
 *  `x-aigne-warnings`; `hosted` is what may come back once it is held for. Throws unsupported_value where `tool_choice` insists on
 *  a tool that cannot. */
export function dropHosted(body: JsonObject): { warnings: string[]; hosted?: HostedTools } {
  const warnings = new Set<string>();
  for (const item of Array.isArray(body.input) ? body.input : []) dropFromItem(item, warnings);
  if (!NEUTRAL_TIERS.has(body.service_tier)) warnings.add("service_tier");
  delete body.service_tier;
  const { tools, tool_choice: choice } = body;
  delete body.tools;
  delete body.tool_choice;
  if (!Array.isArray(tools)) return { warnings: [...warnings] };
  if (!tools.some(isSearch)) {
    const { kept, dropped } = sift(tools, choice, false);
    Object.assign(body, toolFields(kept, choice));
    return { warnings: [...new Set([...warnings, ...dropped])] };
  }
  const own = tools.filter((tool) => !isHosted(tool));
  Object.assign(body, toolFields(own, isHosted(choice) ? undefined : choice));
  return { warnings: [...warnings], hosted: hostedIn(tools, choice) };
}

function hostedIn(tools: unknown[], choice: unknown): HostedTools {
  return {
    names: ["web_search"],
    serve(call, served) {
      const isServed = served.has("web_search");
      const { kept, dropped } = sift(tools, choice, isServed);
      const { tools: _tools, tool_choice: _choice, ...rest } = call.body;
      const body = { ...rest, ...toolFields(kept, choice) };
      const warnings = [...new Set([...call.warnings, ...dropped])];
      const settled = { ...call, hosted: undefined, body, warnings };
      if (!isServed) return settled;
      const most = clampCalls(body.max_tool_calls);
      return {
        ...settled,
        body: { ...body, max_tool_calls: most },
        hostedCalls: { web_search: most },
        mediaTokens: Number.POSITIVE_INFINITY,
      };
    },
  };
}

function sift(tools: readonly unknown[], choice: unknown, isServed: boolean): { kept: unknown[]; dropped: string[] } {
  const isDropped = (tool: unknown) => isHosted(tool) && !(isServed && isSearch(tool));
  const kept = tools.filter((tool) => !isDropped(tool));
  const dropped = tools.filter(isDropped);
  if (isDropped(choice) || (dropped.length > 0 && kept.length === 0 && choice === "required"))
    throw new AppError(
      "unsupported_value",
      '"tool_choice" asks for a tool that the provider would run and that is not served for this model.',
      { param: "tool_choice" },
    );
  return { kept, dropped: namesOf(dropped) };
}

/** Items of the conversation bring tools of their own: more of them, or what a search for tools found. */
function dropFromItem(item: JsonObject | null, warnings: Set<string>): void {
  if (!item || !Array.isArray(item.tools)) return;
  for (const name of namesOf(item.tools.filter(isHosted))) warnings.add(name);
  item.tools = item.tools.filter((tool) => !isHosted(tool));
}

function isHosted(tool: unknown): boolean {
  const { type, environment } = (tool ?? {}) as { type?: unknown; environment?: { type?: unknown } | null };
  if (typeof type !== "string") return false;
  // a shell is the client's own, unless it is in a container at the provider
  return HOSTED.test(type) || (type === "shell" && (environment?.type ?? "local") !== "local");
}

function isSearch(tool: unknown): boolean {
  return SEARCH.test(String((tool as { type?: unknown } | null)?.type));
}
