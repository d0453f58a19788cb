import { tooManyStops } from "@/lib/gateway/dialects/body-fields";
import type { Conversation, Dialect } from "@/lib/gateway/dialects/dialect";
import type { GatewayRequest } from "@/lib/gateway/exchange";
import { parseJsonObject } from "@/lib/gateway/json-body";
import type { Routable } from "@/lib/gateway/plan-call";
import { affinityOf } from "@/lib/gateway/routing/affinity";
import type { Chain } from "@/lib/gateway/routing/chain";
import { type RouteHints, takeHints } from "@/lib/gateway/routing/hints";
import { needsOf } from "@/lib/gateway/routing/needs";

/** A conversation with what its client says about routing, which is no part of it any more. */
export type AskedConversation = { chat: Conversation; hints: RouteHints | null };

/** Throws what parsing throws. */
export function readConversation(
  dialect: Dialect,
  body: Buffer,
  headers: GatewayRequest["headers"],
): AskedConversation {
  const json = parseJsonObject(body);
  const hints = takeHints(json);
  return { hints, chat: { ...dialect.parse(json, body.length, headers), dialect } };
}

/** The conversation as it goes to whoever is left in its chain. Throws unsupported_value where it insists on a tool that nobody
 *  there runs. */
export function settleHosted(chat: Conversation, { hosted = new Set() }: Pick<Chain, "hosted">): Conversation {
  return chat.hosted?.serve(chat, hosted) ?? chat;
}

/** What of a conversation decides where it may go. */
export function routableConversation({ chat, hints }: AskedConversation): Routable {
  const { dialect } = chat;
  let estimate: number | null = null;
  const inputTokens = () => {
    estimate ??= dialect.estimateInput(chat);
    return estimate;
  };
  return {
    ...{ model: chat.model, modelType: "chat", hints, affinity: affinityOf(chat), needs: needsOf(chat.body) },
    ...(chat.hosted && { hosted: { dialect: dialect.id, names: chat.hosted.names } }),
    unservable(definition) {
      if (definition.speaks[dialect.id] !== undefined) return null;
      // an answer that does not stop where it shall is another one
      const param = tooManyStops(chat.body, definition) ?? dialect.untranslatable(chat, definition);
      return param === null ? null : `untranslatable:${param}`;
    },
    // no tokeniser makes more tokens of a text than it has bytes, so most inputs need no counting
    fits: (window) => chat.inputBytes <= window || inputTokens() <= window,
  };
}
