import { type Admitted, admitChat } from "@/lib/gateway/admit";
import { runConversation } from "@/lib/gateway/call";
import { anthropicMessages } from "@/lib/gateway/dialects/anthropic-messages/dialect";
import type { Conversation, Dialect } from "@/lib/gateway/dialects/dialect";
import { openAIChat } from "@/lib/gateway/dialects/openai-chat/dialect";
import { openAIResponses } from "@/lib/gateway/dialects/openai-responses/dialect";
import { recordRefusal } from "@/lib/gateway/endpoints/record-refusal";
import type { Endpoint } from "@/lib/gateway/endpoints/table";
import { parseJsonObject } from "@/lib/gateway/json-body";
import { resolveModel } from "@/lib/gateway/resolve-model";
import { planRoute, type RoutePlan } from "@/lib/gateway/routing/candidates";

const JSON_LIMIT_BYTES = 20 * 1024 * 1024;

/** POST /chat/completions. */
export const chatCompletions = converse(openAIChat);

/** POST /responses. */
export const responses = converse(openAIResponses);

/** POST /messages. */
export const messages = converse(anthropicMessages);

function converse(dialect: Dialect): Endpoint {
  return async (deps, request, reply) => {
    const caller = await deps.keyring.authenticate(request);
    const facts = { endpoint: dialect.endpoint, dialect: dialect.id, model: "", stream: false };
    let call: { chat: Conversation; plan: RoutePlan; admitted: Admitted };
    try {
      const body = await request.readBody(JSON_LIMIT_BYTES);
      const chat = { ...dialect.parse(parseJsonObject(body), body.length, request.headers), dialect };
      Object.assign(facts, { model: chat.model, stream: chat.stream });
      const model = await resolveModel(deps, caller, chat.model);
      const plan = planRoute(model, { affinity: chat.affinity, random: deps.random });
      call = { chat, plan, admitted: await admitChat(deps, { request, caller, chat, model, plan, reply }) };
    } catch (error) {
      recordRefusal(deps, { request, caller, facts, error });
      throw error;
    }
    await runConversation(deps, { request, reply, ...call });
  };
}
