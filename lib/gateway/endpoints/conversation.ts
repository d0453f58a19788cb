import { type Admitted, admit, Replay } from "@/lib/gateway/admit";
import { runConversation } from "@/lib/gateway/call";
import { aigne } from "@/lib/gateway/dialects/aigne/dialect";
import { anthropicMessages } from "@/lib/gateway/dialects/anthropic-messages/dialect";
import type { Conversation, Dialect } from "@/lib/gateway/dialects/dialect";
import { openAIChat } from "@/lib/gateway/dialects/openai-chat/dialect";
import { openAICompletions } from "@/lib/gateway/dialects/openai-completions/dialect";
import { openAIResponses } from "@/lib/gateway/dialects/openai-responses/dialect";
import { recordRefusal } from "@/lib/gateway/endpoints/record-refusal";
import type { Endpoint } from "@/lib/gateway/endpoints/table";
import type { GatewayRequest, Reply } from "@/lib/gateway/exchange";
import { holdShapeOf } from "@/lib/gateway/hold-shape";
import { type Price, sizeHold } from "@/lib/gateway/hold-size";
import { idempotencyOf, type StoredAnswer } from "@/lib/gateway/idempotency";
import { ModelSwitch } from "@/lib/gateway/model-switch";
import { planCall } from "@/lib/gateway/plan-call";
import { readConversation, routableConversation, settleHosted } from "@/lib/gateway/plan-conversation";
import { responseHeaders } from "@/lib/gateway/response-headers";
import type { Link } from "@/lib/gateway/routing/chain";

const JSON_LIMIT_BYTES = 20 * 1024 * 1024;

/** POST /chat/completions. */
export const chatCompletions = converse(openAIChat);

/** POST /completions. */
export const completions = converse(openAICompletions);

/** POST /responses. */
export const responses = converse(openAIResponses);

/** POST /messages. */
export const messages = converse(anthropicMessages);

/** POST /api/v2/chat. */
export const aigneChat = converse(aigne);

function converse(dialect: Dialect): Endpoint {
  return async (deps, request, reply) => {
    const caller = await deps.keyring.authenticate(request);
    const facts = { endpoint: dialect.endpoint, dialect: dialect.id, model: "", stream: false };
    let call: { chat: Conversation; models: ModelSwitch; admitted: Admitted };
    try {
      const body = await request.readBody(JSON_LIMIT_BYTES);
      const asked = readConversation(dialect, body, request.headers);
      Object.assign(facts, { model: asked.chat.model, stream: asked.chat.stream });
      const chain = await planCall(deps, caller, routableConversation(asked));
      const chat = settleHosted(asked.chat, chain);
      const hostedTools = Object.keys(chat.hostedCalls ?? {});
      const models = new ModelSwitch(
        deps,
        { requestId: request.id, caller, name: chat.model, hostedTools, sizeOf: (link) => sizeOf(chat, link) },
        chain,
      );
      const { model, plan, size } = models;
      const idempotency = idempotencyOf(request, body);
      const entrant = { request, caller, model, plan, reply, idempotency, routing: () => models.rows() };
      const wanted = {
        ...{ endpoint: dialect.endpoint, dialect: dialect.id, stream: chat.stream, size, hostedTools },
        estimateInput: () => dialect.estimateInput(chat),
      };
      call = { chat, models, admitted: await admit(deps, entrant, wanted) };
    } catch (error) {
      if (error instanceof Replay) return sendAgain(request, reply, error.answer);
      recordRefusal(deps, { request, caller, facts, error });
      throw error;
    }
    await runConversation(deps, { request, reply, ...call });
  };
}

function sizeOf(chat: Conversation, { model, plan }: Pick<Link, "model" | "plan">) {
  const shape = holdShapeOf(chat, plan);
  return (price: Price, exact: boolean) => sizeHold(shape, model, price, exact);
}

/** The request ids are those of the call that ran: the books know no other. */
function sendAgain(request: GatewayRequest, reply: Reply, { requestId, status, body }: StoredAnswer): void {
  const ids = { "x-request-id": requestId, "request-id": requestId };
  const headers = { ...responseHeaders(request), ...ids, "x-aigne-replayed": "true" };
  reply.send(status, { ...headers, "content-type": "application/json" }, body);
}
