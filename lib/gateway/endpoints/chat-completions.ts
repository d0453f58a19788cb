import { type Admitted, admitChat } from "@/lib/gateway/admit";
import { runChat } from "@/lib/gateway/call";
import { type ChatCall, parseChat } from "@/lib/gateway/dialects/openai-chat/parse";
import { recordRefusal } from "@/lib/gateway/endpoints/record-refusal";
import type { Endpoint } from "@/lib/gateway/endpoints/table";
import { parseJsonObject } from "@/lib/gateway/json-body";
import { resolveModel } from "@/lib/gateway/resolve-model";
import { planRoute, type RoutePlan } from "@/lib/gateway/routing/candidates";

const JSON_LIMIT_BYTES = 20 * 1024 * 1024;

/** POST /chat/completions. */
export const chatCompletions: Endpoint = async (deps, request, reply) => {
  const caller = await deps.keyring.authenticate(request);
  const facts = { endpoint: "chat/completions", dialect: "openai-chat", model: "", stream: false };
  let call: { chat: ChatCall; plan: RoutePlan; admitted: Admitted };
  try {
    const body = await request.readBody(JSON_LIMIT_BYTES);
    const chat = parseChat(parseJsonObject(body), body.length);
    Object.assign(facts, { model: chat.model, stream: chat.stream });
    const model = await resolveModel(deps, caller, chat.model);
    const plan = planRoute(model, { affinity: chat.affinity, random: deps.random });
    call = { chat, plan, admitted: await admitChat(deps, { request, caller, chat, model, plan, reply }) };
  } catch (error) {
    recordRefusal(deps, { request, caller, facts, error });
    throw error;
  }
  await runChat(deps, { request, reply, ...call });
};
