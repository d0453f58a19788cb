import { AppError } from "@/lib/errors";
import type { JsonObject } from "@/lib/gateway/json-body";
import { dropOurs, takeHints } from "@/lib/gateway/routing/hints";
import type { UnitCall } from "@/lib/gateway/units/unit";

/** The fields that calls of every kind have, checked alike. */

/** What a body says about where its call goes. It is taken out of it, so that no upstream reads it. */
export function routingOf(body: JsonObject, defaultModel?: string): Pick<UnitCall, "model" | "hints" | "affinity"> {
  const hints = takeHints(body);
  dropOurs(body);
  const model = body.model === undefined ? defaultModel : body.model;
  if (typeof model !== "string" || model.trim() === "")
    throw new AppError("invalid_request", '"model" is missing: give a model id.', { param: "model" });
  return { model, hints, affinity: typeof body.user === "string" && body.user !== "" ? body.user : null };
}

export function textOf(body: JsonObject, name: string, what: string): string {
  const value = body[name];
  if (typeof value !== "string" || value === "")
    throw new AppError("invalid_request", `"${name}" is missing: give ${what}.`, { param: name });
  return value;
}

/** null and absent are the same. */
export function countOf(body: JsonObject, name: string, { least, most }: { least: number; most: number }): number {
  const value = body[name] ?? least;
  if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most)
    throw new AppError("invalid_request", `"${name}" must be an integer from ${least} to ${most}.`, { param: name });
  return value;
}

export function optionalText(body: JsonObject, name: string): string | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") throw new AppError("invalid_type", `"${name}" must be a text.`, { param: name });
  return value;
}

export function streamRefused(): AppError {
  return new AppError("unsupported_parameter", '"stream" is not supported by this endpoint.', { param: "stream" });
}

/** A stream of a kind that is only ever answered in one piece here. */
export function refuseStream(body: JsonObject): void {
  if (body.stream === true) throw streamRefused();
  delete body.stream;
}
