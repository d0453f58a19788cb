import type { SharedV4ProviderMetadata } from "@ai-sdk/provider";
import { packState, unpackState } from "@/lib/gateway/dialects/provider-state";

const MARK = "__";

/** A tool call's id that also carries the signature which its provider (Google) wants back with the call: clients return ids
 *  unchanged, and most dialects have no other place for it. The id alone where there is none. */
export function withState(id: string, provider: string, metadata: SharedV4ProviderMetadata | undefined): string {
  const isSigned = Object.values(metadata ?? {}).some((values) => values && "thoughtSignature" in values);
  const state = isSigned ? packState(provider, metadata) : null;
  return state === null ? id : id + MARK + state.replace(".", "-");
}

/** The parts of an id made by `withState`; `state` is null for any other id. */
export function splitState(id: string): { id: string; state: string | null } {
  const at = id.lastIndexOf(`${MARK}aigne1-`);
  if (at < 0) return { id, state: null };
  const state = id.slice(at + MARK.length).replace("-", ".");
  return unpackState(state) ? { id: id.slice(0, at), state } : { id, state: null };
}

const LEGAL_ID = /^[a-zA-Z0-9_-]{1,64}$/;

/** An id that every provider takes and that is not in `used` yet; it is then. */
export function uniqueId(given: string, used: Set<string>): string {
  const wanted = given.replace(/[^a-zA-Z0-9_-]/g, "_").slice(0, 56) || "call";
  let id = LEGAL_ID.test(given) ? given : wanted;
  for (let n = 2; used.has(id); n++) id = `${wanted}_${n}`;
  used.add(id);
  return id;
}
