import { type AttemptContext, TIMEOUTS_MS } from "@/lib/gateway/attempt";
import { relayBody } from "@/lib/gateway/dialects/openai-chat/relay";
import type { UpstreamRequest } from "@/lib/gateway/upstream";

/** Where a relayed chat call goes, with which headers and body. The tenant decides neither address nor headers. */
export function relayRequest({ candidate, chat, secret, maxOutputTokens }: AttemptContext): UpstreamRequest {
  const { definition, offer } = candidate;
  const speaks = definition.speaks["openai-chat"];
  if (!speaks) throw new Error(`${definition.id} does not speak openai-chat`);
  return {
    url: offer.provider.baseUrl + speaks.path,
    headers: {
      ...definition.headers(secret),
      "content-type": "application/json",
      accept: chat.stream ? "text/event-stream" : "application/json",
      // a compressed stream could not be scanned for usage
      "accept-encoding": "identity",
      "user-agent": "aigne-hub",
    },
    body: relayBody(chat, { provider: definition, upstreamModel: offer.upstreamModel, maxOutputTokens }),
    firstByteTimeoutMs: chat.stream ? TIMEOUTS_MS.streamFirstByte : TIMEOUTS_MS.wholeFirstByte,
    idleTimeoutMs: TIMEOUTS_MS.idle,
  };
}
