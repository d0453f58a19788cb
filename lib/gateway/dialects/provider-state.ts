import type { SharedV4ProviderMetadata, SharedV4ProviderOptions } from "@ai-sdk/provider";

const PREFIX = "aigne1.";

type State = { provider: string; metadata: SharedV4ProviderMetadata };

/** What a provider wants back with the next turn (signatures, encrypted reasoning), as one text that a client carries for us.
 *  It names the provider, since another one would refuse it. Null where there is nothing to carry. */
export function packState(provider: string, metadata: SharedV4ProviderMetadata | undefined): string | null {
  if (!metadata || Object.keys(metadata).length === 0) return null;
  return PREFIX + Buffer.from(JSON.stringify([provider, metadata])).toString("base64url");
}

/** Null for a text that is not ours, a provider's own signature for instance. */
export function unpackState(text: unknown): State | null {
  if (typeof text !== "string" || !text.startsWith(PREFIX)) return null;
  try {
    const [provider, metadata] = JSON.parse(Buffer.from(text.slice(PREFIX.length), "base64url").toString("utf8"));
    return typeof provider === "string" && isObject(metadata)
      ? { provider, metadata: metadata as SharedV4ProviderMetadata }
      : null;
  } catch {
    return null;
  }
}

/** What goes back to `provider`; undefined where the text came from another one. */
export function stateFor(provider: string, text: unknown): SharedV4ProviderOptions | undefined {
  const state = unpackState(text);
  return state?.provider === provider ? state.metadata : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
