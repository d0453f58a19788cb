import { anthropicMessages } from "@/lib/gateway/dialects/anthropic-messages/dialect";
import type { Endpoint } from "@/lib/gateway/endpoints/table";
import { parseJsonObject } from "@/lib/gateway/json-body";
import { resolveModel } from "@/lib/gateway/resolve-model";
import { responseHeaders } from "@/lib/gateway/response-headers";

const JSON_LIMIT_BYTES = 20 * 1024 * 1024;

/** POST /messages/count_tokens: our estimate of a prompt, free of charge. It is said to be one. */
export const countTokens: Endpoint = async (deps, request, reply) => {
  const caller = await deps.keyring.authenticate(request);
  const body = await request.readBody(JSON_LIMIT_BYTES);
  // nothing is answered, so the limit that a message must have may be missing
  const asked = { max_tokens: 1, ...parseJsonObject(body), stream: false };
  const call = { ...anthropicMessages.parse(asked, body.length, request.headers), dialect: anthropicMessages };
  await resolveModel(deps, caller, call.model);
  reply.send(
    200,
    { ...responseHeaders(request), "content-type": "application/json", "x-aigne-estimated": "true" },
    JSON.stringify({ input_tokens: anthropicMessages.estimateInput(call) }),
  );
};
