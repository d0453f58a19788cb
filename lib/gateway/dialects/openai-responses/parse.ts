import { AppError } from "@/lib/errors";
import { flagOf, tokenLimitOf } from "@/lib/gateway/dialects/body-fields";
import type { ParsedCall } from "@/lib/gateway/dialects/dialect";
import { refuseFileIds } from "@/lib/gateway/dialects/file-ids";
import { dropHosted } from "@/lib/gateway/dialects/openai-responses/hosted";
import { both, takeTier } from "@/lib/gateway/dialects/service-tier";
import type { JsonObject } from "@/lib/gateway/json-body";

/** What would need a conversation kept here. Ignoring it would lose the conversation without a word. */
const STATEFUL = ["previous_response_id", "conversation", "background", "prompt"];
const MAX_ITEMS = 10_000;
/** No provider counts one image higher (see the chat dialect's bound). */
const IMAGE_TOKENS = 40_000;

/** A request of the Responses API, which is served without any state of ours. */
export function parseResponses(body: JsonObject, inputBytes: number): ParsedCall {
  const { model } = body;
  if (typeof model !== "string" || model.trim() === "")
    throw missing("model", 'a model id such as "openai/gpt-5-mini"');
  for (const param of STATEFUL) {
    if (body[param] !== undefined && body[param] !== null && body[param] !== false)
      throw new AppError(
        "unsupported_parameter",
        `"${param}" is not supported: responses are not stored here. Send the whole conversation as "input".`,
        { param },
      );
    delete body[param];
  }
  const items = checkInput(body.input);
  const tier = takeTier(body);
  const { warnings, hosted: tools } = dropHosted(body);
  const hosted = both(tools, tier);
  const stream = flagOf(body, "stream");
  if (!stream) delete body.stream_options;
  return {
    model,
    stream,
    includeUsage: true,
    maxOutputTokens: tokenLimitOf(body, "max_output_tokens"),
    choices: 1,
    inputBytes,
    mediaTokens: items.reduce((sum, item) => sum + mediaTokensOf(item.content) + mediaTokensOf(item.output), 0),
    affinity: affinityOf(body),
    warnings,
    upstreamHeaders: {},
    body,
    ...(hosted && { hosted }),
  };
}

function checkInput(input: unknown): JsonObject[] {
  if (typeof input === "string" && input !== "") return [];
  if (!Array.isArray(input) || input.length === 0) throw missing("input", "a text or a list with at least one item");
  if (input.length > MAX_ITEMS)
    throw new AppError("invalid_request", `"input" holds more than ${MAX_ITEMS} items.`, { param: "input" });
  input.forEach((item: JsonObject | null, index) => {
    if (typeof item !== "object" || item === null)
      throw new AppError("invalid_type", `"input[${index}]" must be an object.`, { param: `input[${index}]` });
    // ids alone, with or without the type
    if (item.type === "item_reference" || (Object.keys(item).length === 1 && "id" in item))
      throw new AppError(
        "unsupported_value",
        `"input[${index}]" refers to the item "${String(item.id)}", but responses are not stored here. Send items whole, and set "store" to false.`,
        { param: `input[${index}]` },
      );
  });
  refuseFileIds("input", input);
  return input as JsonObject[];
}

function mediaTokensOf(parts: unknown): number {
  if (!Array.isArray(parts)) return 0;
  let tokens = 0;
  for (const part of parts as (JsonObject | null)[]) {
    if (part?.type === "input_image") tokens += IMAGE_TOKENS;
    else if (part?.type === "input_file") return Number.POSITIVE_INFINITY;
  }
  return tokens;
}

function affinityOf(body: JsonObject): string | null {
  for (const name of ["prompt_cache_key", "safety_identifier", "user"]) {
    const value = body[name];
    if (typeof value === "string" && value !== "") return value;
  }
  return null;
}

function missing(name: string, what: string): AppError {
  return new AppError("invalid_request", `"${name}" is missing: give ${what}.`, { param: name });
}
