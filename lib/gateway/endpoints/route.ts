import { AppError } from "@/lib/errors";
import { anthropicMessages } from "@/lib/gateway/dialects/anthropic-messages/dialect";
import type { Dialect } from "@/lib/gateway/dialects/dialect";
import { openAIChat } from "@/lib/gateway/dialects/openai-chat/dialect";
import { openAICompletions } from "@/lib/gateway/dialects/openai-completions/dialect";
import { openAIResponses } from "@/lib/gateway/dialects/openai-responses/dialect";
import type { Endpoint } from "@/lib/gateway/endpoints/table";
import type { GatewayRequest } from "@/lib/gateway/exchange";
import { type JsonObject, parseJsonObject } from "@/lib/gateway/json-body";
import { planConversation, readConversation } from "@/lib/gateway/plan-conversation";
import { responseHeaders } from "@/lib/gateway/response-headers";
import { affinityOf } from "@/lib/gateway/routing/affinity";
import { routeRows } from "@/lib/gateway/routing/route-rows";
import { forTenant } from "@/lib/usage/route-record";

const JSON_LIMIT_BYTES = 20 * 1024 * 1024;
const DIALECTS = [openAIChat, openAIResponses, anthropicMessages, openAICompletions];

/** POST /route: where a call with this body would go, and why. Nothing is called, held or charged. Without an affinity key chance
 *  draws the order by weight, here as for the call itself. */
export const explainRoute: Endpoint = async (deps, request, reply) => {
  const caller = await deps.keyring.authenticate(request);
  const body = await request.readBody(JSON_LIMIT_BYTES);
  const asked = readConversation(dialectOf(request, parseJsonObject(body)), body, request.headers);
  const chain = await planConversation(deps, caller, asked);
  const candidates = forTenant(routeRows(chain)).map((row) => ({
    ...row,
    // what rests is called last, what else has a reason is not called
    called: row.provider !== null && (row.reason === null || row.reason === "resting"),
  }));
  reply.send(
    200,
    { ...responseHeaders(request), "content-type": "application/json" },
    JSON.stringify({
      object: "route",
      model: candidates.find(({ called }) => called)?.model ?? null,
      order: affinityOf(caller.scope.orgId, asked.chat) === null ? "chance" : "affinity",
      candidates,
    }),
  );
};

/** `?endpoint=` names it; otherwise the shape of the body does. */
function dialectOf({ query, headers }: GatewayRequest, body: JsonObject): Dialect {
  const named = query.get("endpoint");
  if (named === null) {
    if (body.messages === undefined && body.input !== undefined) return openAIResponses;
    if (body.messages === undefined && body.prompt !== undefined) return openAICompletions;
    return headers["anthropic-version"] ? anthropicMessages : openAIChat;
  }
  const dialect = DIALECTS.find(({ endpoint }) => endpoint === named);
  if (dialect) return dialect;
  const known = DIALECTS.map(({ endpoint }) => endpoint).join(", ");
  throw new AppError("unsupported_value", `endpoint: must be one of ${known}.`, { param: "endpoint" });
}
