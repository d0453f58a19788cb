import type { AttemptContext } from "@/lib/gateway/attempt";
import type { Conversation, Relay } from "@/lib/gateway/dialects/dialect";
import type { UpstreamRequest } from "@/lib/gateway/upstream";

/** Where a relayed call goes, with which headers and body. The tenant decides neither address nor headers. */
export function relayRequest({ candidate, chat, secret, maxOutputTokens, timeouts }: AttemptContext): UpstreamRequest {
  const { definition, offer } = candidate;
  const { dialect } = chat;
  const speaks = definition.speaks[dialect.id];
  if (!speaks) throw new Error(`${definition.id} does not speak ${dialect.id}`);
  return {
    url: offer.provider.baseUrl + speaks.path,
    headers: {
      ...definition.headers(secret),
      ...chat.upstreamHeaders,
      "content-type": "application/json",
      accept: chat.stream ? "text/event-stream" : "application/json",
      // a compressed stream could not be scanned for usage
      "accept-encoding": "identity",
      "user-agent": "aigne-hub",
    },
    body: relayOf(chat).body(chat, { provider: definition, upstreamModel: offer.upstreamModel, maxOutputTokens }),
    timeouts,
  };
}

/** The relaying half of a call's dialect. Throws where it has none: such calls are translated. */
export function relayOf({ dialect }: Conversation): Relay {
  if (!dialect.relay) throw new Error(`calls of ${dialect.id} are never relayed`);
  return dialect.relay;
}
