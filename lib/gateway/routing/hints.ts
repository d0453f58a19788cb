import type { JsonObject } from "@/lib/gateway/json-body";

/** What a client may say about who serves its call, in OpenRouter's words. Providers go by their slug here or their kind. */
export type RouteHints = {
  /** Other models, in order, for when the first cannot answer. */
  models: readonly string[];
  /** Providers before all others. */
  order: readonly string[];
  /** No others than these; null where any will do. */
  only: readonly string[] | null;
  ignore: readonly string[];
  /** False: whoever comes first answers, or nobody does; with `order`, one of those. */
  allowFallbacks: boolean;
};

const MAX_MODELS = 5;
const MAX_PROVIDERS = 50;

/** Takes the hints out of a body, so that no upstream reads them. Null where there are none. What is not understood is not
 *  a reason to refuse a call. `model` may be left out where `models` names one. */
export function takeHints(body: JsonObject): RouteHints | null {
  const names = strings(body.models, MAX_MODELS);
  const provider = body.provider as JsonObject | null | undefined;
  const preferences = typeof provider === "object" && provider !== null && !Array.isArray(provider) ? provider : null;
  if (Array.isArray(body.models)) delete body.models;
  if (preferences) delete body.provider;
  if (names.length > 0 && (body.model === undefined || body.model === null || body.model === "")) body.model = names[0];
  const only = strings(preferences?.only, MAX_PROVIDERS).map(lower);
  const hints: RouteHints = {
    models: names.filter((name) => name !== body.model),
    order: strings(preferences?.order, MAX_PROVIDERS).map(lower),
    only: only.length > 0 ? only : null,
    ignore: strings(preferences?.ignore, MAX_PROVIDERS).map(lower),
    allowFallbacks: preferences?.allow_fallbacks !== false,
  };
  const saysNothing =
    hints.models.length + hints.order.length + hints.ignore.length === 0 && !hints.only && hints.allowFallbacks;
  return saysNothing ? null : hints;
}

/** Fields with which a tenant would choose what is called: other models, and what gateways behind an OpenAI-shaped address
 *  read as their own configuration. What is billed apart goes elsewhere (`hosted.ts`). */
export const OURS_TO_DECIDE: readonly string[] = [
  ...["models", "route", "provider", "transforms", "fallbacks", "extra_body", "extra_query"],
  ...["api_base", "base_url", "api_key", "api_version", "custom_llm_provider", "user_config", "extra_headers"],
];

/** Removes them from a body that goes to such an address. */
export function dropOurs(body: JsonObject): void {
  for (const name of OURS_TO_DECIDE) delete body[name];
}

/** The place of a provider in a list of slugs or kinds; -1 where it is not in it. */
export function placeIn(list: readonly string[], { slug, kind }: { slug: string; kind: string }): number {
  return list.findIndex((name) => name === slug || name === kind);
}

function strings(value: unknown, most: number): string[] {
  if (!Array.isArray(value)) return [];
  return [...new Set(value.filter((name): name is string => typeof name === "string" && name.trim() !== ""))]
    .map((name) => name.trim())
    .slice(0, most);
}

function lower(name: string): string {
  return name.toLowerCase();
}
