import { AppError } from "@/lib/errors";
import type { HostedTools } from "@/lib/gateway/dialects/dialect";
import { clampCalls, namesOf, toolFields } from "@/lib/gateway/dialects/hosted-tools";
import type { JsonObject } from "@/lib/gateway/json-body";

/** Fields that buy what the provider runs itself, or a dearer rate. */
const EXTRAS = ["mcp_servers", "container", "service_tier", "inference_geo", "speed"];
const NEUTRAL = new Set<unknown>([null, false, "auto", "standard", "standard_only", "default"]);
/** Tools of Anthropic's own design that the client runs; every other named type is run, and billed, by Anthropic. */
const RUN_BY_CLIENT = /^(custom|bash_\d+|text_editor_\d+|computer_\d+|memory_\d+)$/;
/** Those that `max_uses` limits and the usage counts. Versions after these let code that Anthropic runs call them, as often as
 *  it likes and in a container, unless told otherwise. */
const COUNTED = /^(web_search|web_fetch)_\d{8}$/;
const ALWAYS_DIRECT = new Set<unknown>(["web_search_20250305", "web_fetch_20250910"]);
const NOBODY: ReadonlySet<string> = new Set();

type Tool = JsonObject | null;

/** Removes from a request what its hold does not cover. `warnings` names what was removed, fit for the header
 *  `x-aigne-warnings`; `hosted` is what may come back once it is held for. Throws unsupported_value where `tool_choice` insists on
 *  a tool that cannot. */
export function dropHosted(body: JsonObject): { warnings: string[]; hosted?: HostedTools } {
  const warnings = new Set<string>();
  for (const name of EXTRAS) {
    const value = body[name];
    const isNeutral = value === undefined || NEUTRAL.has(value) || (Array.isArray(value) && value.length === 0);
    if (!isNeutral) warnings.add(name);
    delete body[name];
  }
  const { tools, tool_choice: choice } = body;
  delete body.tools;
  delete body.tool_choice;
  if (!Array.isArray(tools)) return { warnings: [...warnings] };
  const names = [...new Set((tools as Tool[]).flatMap((tool) => nameOf(tool) ?? []))];
  if (names.length === 0) {
    const { kept, dropped } = sift(tools, choice, NOBODY);
    Object.assign(body, toolFields(kept, choice));
    return { warnings: [...warnings, ...dropped] };
  }
  Object.assign(
    body,
    toolFields(
      (tools as Tool[]).filter((tool) => !isHosted(tool)),
      undefined,
    ),
  );
  return { warnings: [...warnings], hosted: hostedIn(tools, choice, names) };
}

function hostedIn(tools: Tool[], choice: unknown, names: readonly string[]): HostedTools {
  return {
    names,
    serve(call, served) {
      const { kept, dropped } = sift(tools, choice, served);
      const calls: Record<string, number> = {};
      const limited = kept.map((tool) => {
        const name = nameOf(tool);
        if (name === null) return tool;
        const max_uses = clampCalls(tool?.max_uses);
        calls[name] = (calls[name] ?? 0) + max_uses;
        return { ...tool, max_uses };
      });
      const { tools: _tools, tool_choice: _choice, ...rest } = call.body;
      const body = { ...rest, ...toolFields(limited, choice) };
      const settled = { ...call, hosted: undefined, body, warnings: [...call.warnings, ...dropped] };
      if (Object.keys(calls).length === 0) return settled;
      return { ...settled, hostedCalls: calls, mediaTokens: Number.POSITIVE_INFINITY };
    },
  };
}

function sift(
  tools: readonly Tool[],
  choice: unknown,
  served: ReadonlySet<string>,
): { kept: Tool[]; dropped: string[] } {
  const isDropped = (tool: Tool) => isHosted(tool) && !served.has(nameOf(tool) ?? "");
  const dropped = tools.filter(isDropped);
  const forced = (choice as { name?: unknown } | null | undefined)?.name;
  if (forced !== undefined && dropped.some((tool) => tool?.name === forced))
    throw new AppError(
      "unsupported_value",
      "tool_choice: names a tool that the provider would run and that is not served for this model.",
      { param: "tool_choice" },
    );
  return { kept: tools.filter((tool) => !isDropped(tool)), dropped: namesOf(dropped) };
}

function isHosted(tool: Tool): boolean {
  return typeof tool?.type === "string" && !RUN_BY_CLIENT.test(tool.type);
}

/** As prices name it; null for a tool that the client runs, and for one whose calls nothing bounds. */
function nameOf(tool: Tool): string | null {
  const name = COUNTED.exec(String(tool?.type))?.[1];
  if (!tool || name === undefined) return null;
  const callers = tool.allowed_callers ?? (ALWAYS_DIRECT.has(tool.type) ? ["direct"] : null);
  return Array.isArray(callers) && callers.length === 1 && callers[0] === "direct" ? name : null;
}
