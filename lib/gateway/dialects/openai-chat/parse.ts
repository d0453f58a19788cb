import { AppError } from "@/lib/errors";
import { tokenLimitOf } from "@/lib/gateway/dialects/body-fields";
import type { ParsedCall } from "@/lib/gateway/dialects/dialect";
import { refuseFileIds } from "@/lib/gateway/dialects/file-ids";
import { dropHosted } from "@/lib/gateway/dialects/openai-chat/hosted";
import { mediaTokenBound } from "@/lib/gateway/dialects/openai-chat/media-bound";
import { takeTier } from "@/lib/gateway/dialects/service-tier";
import type { JsonObject } from "@/lib/gateway/json-body";

const MAX_MESSAGES = 10_000;

/** Checks only what the gateway itself relies on; everything else is the upstream's to judge. Throws invalid_request,
 *  invalid_type and unsupported_value naming the parameter. */
export function parseChat(body: JsonObject, inputBytes: number): ParsedCall {
  const model = body.model;
  if (typeof model !== "string" || model.trim() === "")
    throw missing("model", 'a model id such as "openai/gpt-5-mini"');
  if (!Array.isArray(body.messages) || body.messages.length === 0)
    throw missing("messages", "a list with at least one message");
  if (body.messages.length > MAX_MESSAGES)
    throw new AppError("invalid_request", `"messages" holds more than ${MAX_MESSAGES} messages.`, {
      param: "messages",
    });
  body.messages.forEach(checkMessage);
  refuseFileIds("messages", body.messages);

  const stream = optional(body, "stream", "boolean") ?? false;
  const hosted = takeTier(body);
  const warnings = dropHosted(body);
  dropNeutral(body, stream);
  return {
    model,
    stream,
    includeUsage: stream && (body.stream_options as JsonObject | undefined)?.include_usage === true,
    maxOutputTokens: tokenLimit(body),
    choices: countOfChoices(body),
    inputBytes,
    mediaTokens: mediaTokenBound(body.messages),
    affinity: affinityOf(body),
    warnings,
    upstreamHeaders: {},
    body,
    ...(hosted && { hosted }),
  };
}

/** Removes what some upstreams refuse although it says nothing. */
function dropNeutral(body: JsonObject, stream: boolean): void {
  if (body.stop === "" || (Array.isArray(body.stop) && body.stop.length === 0)) delete body.stop;
  const hasTools = Array.isArray(body.tools) && body.tools.length > 0;
  if (!hasTools) {
    delete body.tools;
    delete body.tool_choice;
    delete body.parallel_tool_calls;
  }
  if (body.stream_options === null || !stream) delete body.stream_options;
}

function tokenLimit(body: JsonObject): number | null {
  const modern = tokenLimitOf(body, "max_completion_tokens");
  const legacy = tokenLimitOf(body, "max_tokens");
  return modern ?? legacy;
}

function countOfChoices(body: JsonObject): number {
  const value = optional(body, "n", "number") ?? 1;
  if (!Number.isInteger(value) || value < 1 || value > 128)
    throw new AppError("invalid_request", '"n" must be an integer from 1 to 128.', { param: "n" });
  return value;
}

function affinityOf(body: JsonObject): string | null {
  for (const name of ["prompt_cache_key", "session_id", "user"]) {
    const value = body[name];
    if (typeof value === "string" && value !== "") return value;
  }
  return null;
}

function checkMessage(message: unknown, index: number): void {
  const { role, audio } = (message ?? {}) as { role?: unknown; audio?: { id?: unknown } | null };
  if (typeof role !== "string") {
    throw new AppError("invalid_type", `"messages[${index}]" must be an object with a "role".`, {
      param: `messages[${index}].role`,
    });
  }
  // kept for a day in the account that organisations share here: whoever learned its id could hear it
  if (audio?.id != null)
    throw new AppError(
      "unsupported_value",
      `"messages[${index}]" names speech kept at a provider, but answers are not kept here. Send its transcript as "content".`,
      { param: `messages[${index}].audio` },
    );
}

type Kinds = { boolean: boolean; number: number };

/** null and absent are the same. */
function optional<Kind extends keyof Kinds>(body: JsonObject, name: string, kind: Kind): Kinds[Kind] | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== kind) throw new AppError("invalid_type", `"${name}" must be a ${kind}.`, { param: name });
  return value as Kinds[Kind];
}

function missing(name: string, what: string): AppError {
  return new AppError("invalid_request", `"${name}" is missing: give ${what}.`, { param: name });
}
