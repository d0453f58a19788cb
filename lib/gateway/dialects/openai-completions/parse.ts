import { AppError } from "@/lib/errors";
import { flagOf, tokenLimitOf } from "@/lib/gateway/dialects/body-fields";
import type { ParsedCall } from "@/lib/gateway/dialects/dialect";
import { dropHosted } from "@/lib/gateway/dialects/openai-chat/hosted";
import type { JsonObject } from "@/lib/gateway/json-body";

const MAX_PROMPTS = 256;
const MAX_CHOICES = 128;

/** A request of the legacy completions API: text goes on where the prompt ends. */
export function parseCompletion(body: JsonObject, inputBytes: number): ParsedCall {
  const { model } = body;
  if (typeof model !== "string" || model.trim() === "")
    throw new AppError("invalid_request", '"model" is missing: give a model id.', { param: "model" });
  const warnings = dropHosted(body);
  if (Array.isArray(body.tools) && body.tools.length === 0) delete body.tools;
  const prompts = countPrompts(body.prompt);
  const n = countOf(body, "n");
  const bestOf = Math.max(n, countOf(body, "best_of"));
  const stream = flagOf(body, "stream");
  const options = body.stream_options as { include_usage?: unknown } | null | undefined;
  if (options == null || !stream) delete body.stream_options;
  if (body.stop === "" || (Array.isArray(body.stop) && body.stop.length === 0)) delete body.stop;
  return {
    model,
    stream,
    includeUsage: stream && options?.include_usage === true,
    maxOutputTokens: tokenLimitOf(body, "max_tokens"),
    // every prompt is answered as often as asked, and all but the best are thrown away
    choices: prompts * bestOf,
    inputBytes,
    mediaTokens: 0,
    affinity: typeof body.user === "string" && body.user !== "" ? body.user : null,
    warnings,
    upstreamHeaders: {},
    body,
  };
}

/** One text or one list of tokens, or several of either. */
function countPrompts(prompt: unknown): number {
  if (typeof prompt === "string") return 1;
  if (!Array.isArray(prompt) || prompt.length === 0)
    throw new AppError("invalid_request", '"prompt" is missing: give a text or a list of texts.', { param: "prompt" });
  if (prompt.every((item) => typeof item === "number")) return 1;
  const isTexts = prompt.every((item) => typeof item === "string");
  if (!isTexts && !prompt.every((item) => Array.isArray(item)))
    throw new AppError("invalid_type", '"prompt" must be a text, texts or tokens.', { param: "prompt" });
  if (prompt.length > MAX_PROMPTS)
    throw new AppError("invalid_request", `"prompt" holds more than ${MAX_PROMPTS} prompts.`, { param: "prompt" });
  return prompt.length;
}

function countOf(body: JsonObject, name: string): number {
  const value = body[name] ?? 1;
  if (typeof value !== "number" || !Number.isInteger(value) || value < 1 || value > MAX_CHOICES)
    throw new AppError("invalid_request", `"${name}" must be an integer from 1 to ${MAX_CHOICES}.`, { param: name });
  return value;
}
