import { admitChat } from "@/lib/gateway/admit";
import { runChat } from "@/lib/gateway/call";
import { parseChat } from "@/lib/gateway/dialects/openai-chat/parse";
import type { Endpoint } from "@/lib/gateway/endpoints/table";
import { parseJsonObject } from "@/lib/gateway/json-body";
import { resolveModel } from "@/lib/gateway/resolve-model";
import { planRoute } from "@/lib/gateway/routing/candidates";

const JSON_LIMIT_BYTES = 20 * 1024 * 1024;

/** POST /chat/completions. */
export const chatCompletions: Endpoint = async (deps, request, reply) => {
  const caller = await deps.keyring.authenticate(request);
  const body = await request.readBody(JSON_LIMIT_BYTES);
  const chat = parseChat(parseJsonObject(body), body.length);
  const model = await resolveModel(deps, caller, chat.model);
  const plan = planRoute(model, { affinity: chat.affinity, random: deps.random });
  const admitted = await admitChat(deps, { request, caller, chat, model, plan, reply });
  await runChat(deps, { request, chat, plan, admitted, reply });
};
