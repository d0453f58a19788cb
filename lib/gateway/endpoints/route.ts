import { AppError } from "@/lib/errors";
import { anthropicMessages } from "@/lib/gateway/dialects/anthropic-messages/dialect";
import type { Dialect } from "@/lib/gateway/dialects/dialect";
import { openAIChat } from "@/lib/gateway/dialects/openai-chat/dialect";
import { openAICompletions } from "@/lib/gateway/dialects/openai-completions/dialect";
import { openAIResponses } from "@/lib/gateway/dialects/openai-responses/dialect";
import type { Endpoint } from "@/lib/gateway/endpoints/table";
import type { GatewayRequest } from "@/lib/gateway/exchange";
import { type JsonObject, parseJsonObject } from "@/lib/gateway/json-body";
import { planCall, type Routable } from "@/lib/gateway/plan-call";
import { readConversation, routableConversation } from "@/lib/gateway/plan-conversation";
import { responseHeaders } from "@/lib/gateway/response-headers";
import { routeRows } from "@/lib/gateway/routing/route-rows";
import { UNITS } from "@/lib/gateway/units/registry";
import { routableUnit } from "@/lib/gateway/units/run-unit";
import { forTenant } from "@/lib/usage/route-record";

const JSON_LIMIT_BYTES = 20 * 1024 * 1024;
const DIALECTS = [openAIChat, openAIResponses, anthropicMessages, openAICompletions];

/** POST /route: where a call with this body would go, and why. Nothing is called, held or charged. Without an affinity key chance
 *  draws the order by weight, here as for the call itself. */
export const explainRoute: Endpoint = async (deps, request, reply) => {
  const caller = await deps.keyring.authenticate(request);
  const asked = await readRoutable(request);
  const candidates = forTenant(routeRows(await planCall(deps, caller, asked))).map((row) => ({
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
      order: asked.affinity === null ? "chance" : "affinity",
      candidates,
    }),
  );
};

/** `?endpoint=` names who would be called; otherwise the shape of the body does, as that of a conversation. */
async function readRoutable(request: GatewayRequest): Promise<Routable> {
  const named = request.query.get("endpoint");
  const unit = UNITS.find(({ endpoint }) => endpoint === named);
  if (unit) return routableUnit(unit, await unit.parse(await request.readBody(unit.limitBytes), request));
  const body = await request.readBody(JSON_LIMIT_BYTES);
  const dialect = named === null ? dialectOf(request, parseJsonObject(body)) : namedDialect(named);
  return routableConversation(readConversation(dialect, body, request.headers));
}

function dialectOf({ headers }: GatewayRequest, body: JsonObject): Dialect {
  if (body.messages === undefined && body.input !== undefined) return openAIResponses;
  if (body.messages === undefined && body.prompt !== undefined) return openAICompletions;
  return headers["anthropic-version"] ? anthropicMessages : openAIChat;
}

function namedDialect(named: string): Dialect {
  const dialect = DIALECTS.find(({ endpoint }) => endpoint === named);
  if (dialect) return dialect;
  const known = [...DIALECTS, ...UNITS].map(({ endpoint }) => endpoint).join(", ");
  throw new AppError("unsupported_value", `endpoint: must be one of ${known}.`, { param: "endpoint" });
}
