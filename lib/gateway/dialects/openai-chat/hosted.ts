import { AppError } from "@/lib/errors";
import { namesOf } from "@/lib/gateway/dialects/hosted-tools";
import type { JsonObject } from "@/lib/gateway/json-body";

/** Fields that buy what the provider runs itself and bills apart from tokens, such as searches, or a dearer rate. Spellings
 *  of OpenAI, xAI, Qwen, Azure and OpenRouter. */
const EXTRAS = [
  ...["web_search_options", "search_parameters", "enable_search", "search_options", "data_sources", "plugins"],
  "service_tier",
];
/** Values with which a client says what would be so anyway. */
const NEUTRAL = new Set<unknown>([null, false, "auto", "default", "standard"]);
/** Run by the client; every other type is run, and billed, by the provider. */
const OWN_TYPES = new Set<unknown>(["function", "custom"]);

/** Removes from a request what its hold does not cover: tools and searches that the provider hosts. Returns what was removed,
 *  fit for the header `x-aigne-warnings`. Throws unsupported_value where `tool_choice` insists on such a tool. */
export function dropHosted(body: JsonObject): string[] {
  const warnings = new Set<string>();
  for (const name of EXTRAS) {
    if (name in body && !NEUTRAL.has(body[name])) warnings.add(name);
    delete body[name];
  }
  if (!Array.isArray(body.tools)) return [...warnings];
  const hosted = body.tools.filter(isHosted);
  const kept = body.tools.filter((tool) => !isHosted(tool));
  const isForced =
    namesHosted(body.tool_choice) || (hosted.length > 0 && kept.length === 0 && insists(body.tool_choice));
  if (isForced)
    throw new AppError(
      "unsupported_value",
      '"tool_choice" asks for a tool that the provider would run. Only tools of type "function" and "custom" are served.',
      { param: "tool_choice" },
    );
  body.tools = kept;
  for (const name of namesOf(hosted)) warnings.add(name);
  return [...warnings];
}

function isHosted(tool: unknown): tool is JsonObject {
  // what is no object is refused upstream, what has a function is one although it does not say so
  if (typeof tool !== "object" || tool === null) return false;
  const { type = "function" in tool ? "function" : undefined } = tool as JsonObject;
  return !OWN_TYPES.has(type);
}

function namesHosted(choice: unknown): boolean {
  if (typeof choice !== "object" || choice === null) return false;
  const { type, allowed_tools: allowed } = choice as { type?: unknown; allowed_tools?: { tools?: unknown } | null };
  if (type !== "allowed_tools") return isHosted(choice);
  return Array.isArray(allowed?.tools) && allowed.tools.some(isHosted);
}

function insists(choice: unknown): boolean {
  return choice === "required" || (typeof choice === "object" && choice !== null);
}
