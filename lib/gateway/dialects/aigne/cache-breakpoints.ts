import type { JsonObject } from "@/lib/gateway/json-body";

/** Sets the cache hints that `modelOptions.cacheConfig` asks for in a chat request: at the last tool, the last system message
 *  and the last message, as the client's own Claude model does. Hints that the client has placed itself stay. */
export function setBreakpoints(chat: { messages: unknown[]; tools?: unknown[] }, config: JsonObject): void {
  if (config.enabled === false || config.strategy === "manual") return;
  const { tools = true, system = true, lastMessage = false } = (config.autoBreakpoints ?? {}) as JsonObject;
  const hint = { type: "ephemeral", ...(config.ttl === "1h" && { ttl: "1h" }) };
  const mark = (target: unknown) => {
    if (typeof target === "object" && target !== null) (target as JsonObject).cache_control ??= hint;
  };
  if (tools === true) mark(chat.tools?.at(-1));
  if (system === true) mark(chat.messages.findLast((message) => (message as JsonObject | null)?.role === "system"));
  if (lastMessage === true) mark(chat.messages.at(-1));
}
