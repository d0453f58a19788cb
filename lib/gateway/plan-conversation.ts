import type { Conversation, Dialect } from "@/lib/gateway/dialects/dialect";
import type { GatewayRequest } from "@/lib/gateway/exchange";
import type { GatewayDependencies } from "@/lib/gateway/gateway";
import { parseJsonObject } from "@/lib/gateway/json-body";
import { lookUpModel, resolveModel } from "@/lib/gateway/resolve-model";
import { affinityOf } from "@/lib/gateway/routing/affinity";
import { type Chain, chainOf } from "@/lib/gateway/routing/chain";
import { type RouteHints, takeHints } from "@/lib/gateway/routing/hints";
import { needsOf } from "@/lib/gateway/routing/needs";
import type { Caller } from "@/lib/keys/authenticate";

/** A conversation with what its client says about routing, which is no part of it any more. */
export type Routable = { chat: Conversation; hints: RouteHints | null };

/** Throws what parsing throws. */
export function readConversation(dialect: Dialect, body: Buffer, headers: GatewayRequest["headers"]): Routable {
  const json = parseJsonObject(body);
  const hints = takeHints(json);
  return { hints, chat: { ...dialect.parse(json, body.length, headers), dialect } };
}

/** Every model that may answer, with its route; nothing is held or called. Throws model_not_found and model_not_allowed. */
export async function planConversation(
  deps: GatewayDependencies,
  caller: Caller,
  { chat, hints }: Routable,
): Promise<Chain> {
  const model = await resolveModel(deps, caller, chat.model);
  // one made a moment ago works at once here too
  for (const name of hints?.models ?? []) await lookUpModel(deps, name);
  const { random, health } = deps;
  let estimate: number | null = null;
  const inputTokens = () => {
    estimate ??= chat.dialect.estimateInput(chat);
    return estimate;
  };
  return chainOf(
    { snapshot: deps.snapshots.current(), caller, random, health },
    {
      ...{ name: chat.model, model, hints, affinity: affinityOf(caller.scope.orgId, chat), needs: needsOf(chat.body) },
      untranslatable: (definition) =>
        definition.speaks[chat.dialect.id] !== undefined ? null : chat.dialect.untranslatable(chat, definition),
      // no tokeniser makes more tokens of a text than it has bytes, so most inputs need no counting
      fits: (window) => chat.inputBytes <= window || inputTokens() <= window,
    },
  );
}
