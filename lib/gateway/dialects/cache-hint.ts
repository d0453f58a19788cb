import type { SharedV4ProviderOptions } from "@ai-sdk/provider";
import type { JsonObject } from "@/lib/gateway/json-body";

/** A `cache_control` hint, as the modules of providers with explicit caches understand it; others ignore it. */
export function cacheHint({ cache_control: hint }: JsonObject): { providerOptions?: SharedV4ProviderOptions } {
  const { type, ttl } = (hint ?? {}) as { type?: unknown; ttl?: unknown };
  if (type !== "ephemeral") return {};
  const life = ttl === "1h" ? { ttl: "1h" } : {};
  return {
    providerOptions: {
      anthropic: { cacheControl: { type: "ephemeral", ...life } },
      bedrock: { cachePoint: { type: "default", ...life } },
    },
  };
}
