import { createHash } from "node:crypto";
import type { Conversation } from "@/lib/gateway/dialects/dialect";
import type { JsonObject } from "@/lib/gateway/json-body";

/** Providers cache prompts from about a thousand tokens on: shorter ones gain nothing by staying where they were. */
const MIN_CACHED_BYTES = 4_096;
/** What tells two long beginnings apart. */
const HASHED_CHARACTERS = 65_536;

/** What keeps a conversation on one credential, and so its prompt cache: what the client names, else how it begins. Null: chance
 *  decides. */
export function affinityOf({ affinity, body, inputBytes }: Conversation): string | null {
  return affinity ?? (inputBytes < MIN_CACHED_BYTES ? null : beginningOf(body));
}

/** System text and everything up to the first word of the user: the same in each turn. */
function beginningOf({ system, instructions, messages, input }: JsonObject): string | null {
  const items = (Array.isArray(messages) ? messages : Array.isArray(input) ? input : []) as (JsonObject | null)[];
  const first = items.findIndex((item) => item?.role === "user");
  const text = JSON.stringify([system, instructions, items.slice(0, first + 1)]);
  return text.length < MIN_CACHED_BYTES
    ? null
    : createHash("sha256").update(text.slice(0, HASHED_CHARACTERS)).digest("base64url");
}
