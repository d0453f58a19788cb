import { AppError } from "@/lib/errors";
import type { JsonObject } from "@/lib/gateway/json-body";
import type { ProviderDefinition } from "@/lib/gateway/providers/define";

/** Fields that several dialects have, checked alike. null and absent are the same everywhere. */

/** Throws invalid_type. */
export function flagOf(body: JsonObject, name: string): boolean {
  const value = body[name] ?? false;
  if (typeof value !== "boolean")
    throw new AppError("invalid_type", `"${name}" must be true or false.`, { param: name });
  return value;
}

/** A token limit; null for none, which 0 and -1 mean to many clients. Throws invalid_type and invalid_request. */
export function tokenLimitOf(body: JsonObject, name: string): number | null {
  const value = body[name];
  if (value === undefined || value === null || value === 0 || value === -1) return null;
  if (typeof value !== "number") throw new AppError("invalid_type", `"${name}" must be a number.`, { param: name });
  if (!Number.isInteger(value) || value < 0)
    throw new AppError("invalid_request", `"${name}" must be a positive integer.`, { param: name });
  return value;
}

/** How many tokens a client lets its model think, in any dialect's spelling; null where it does not say. */
export function thinkingBudgetOf({ thinking, reasoning, thinking_budget: qwen }: JsonObject): number | null {
  const budget =
    (thinking as JsonObject | null | undefined)?.budget_tokens ??
    (reasoning as JsonObject | null | undefined)?.max_tokens ??
    qwen;
  return typeof budget === "number" && Number.isInteger(budget) && budget > 0 ? budget : null;
}

/** The field that names more stop words than a provider takes, in whichever dialect; null where none does. */
export function tooManyStops(body: JsonObject, { maxStopSequences: most = Infinity }: MaxStops): string | null {
  const isTooLong = (list: unknown) => Array.isArray(list) && list.length > most;
  return ["stop", "stop_sequences"].find((name) => isTooLong(body[name])) ?? null;
}

type MaxStops = Pick<ProviderDefinition, "maxStopSequences">;

/** A client's word as part of a header, which it may neither end nor fill. */
export function printable(word: unknown): string {
  return String(word)
    .replace(/[^\w.-]/g, "")
    .slice(0, 40);
}
