import { admit, anthropicOf, type Entrant } from "@/lib/gateway/admit";
import { failureToError } from "@/lib/gateway/attempt";
import { anthropicMessages } from "@/lib/gateway/dialects/anthropic-messages/dialect";
import type { Conversation } from "@/lib/gateway/dialects/dialect";
import type { Endpoint } from "@/lib/gateway/endpoints/table";
import type { GatewayDependencies } from "@/lib/gateway/gateway";
import type { HoldSize } from "@/lib/gateway/hold-size";
import { type JsonObject, parseJsonObject } from "@/lib/gateway/json-body";
import { planCall } from "@/lib/gateway/plan-call";
import { routableConversation } from "@/lib/gateway/plan-conversation";
import type { Secret } from "@/lib/gateway/providers/define";
import { rateHeaders } from "@/lib/gateway/rate-headers";
import { relayOf } from "@/lib/gateway/relay-request";
import { responseHeaders } from "@/lib/gateway/response-headers";
import { type Candidate, isClientBound } from "@/lib/gateway/routing/candidates";
import { takeHints } from "@/lib/gateway/routing/hints";
import { scrub } from "@/lib/scrub";

const JSON_LIMIT_BYTES = 20 * 1024 * 1024;
/** Clients count before they ask: ours is there at once, so the upstream's is not waited for as long as an answer. */
const COUNT_TIMEOUT_MS = 10_000;

/** The upstream counts for nothing: the hold tests the key, its wallet and its limits, and counts as a request. */
const NOTHING: HoldSize = {
  ...{ amount: 0n, minAmount: 0n, unitRate: 0n, inputTokens: 0, slice: null, tokensEstimate: 0 },
  affords: () => 0,
  limitToSend: () => null,
};

/** POST /messages/count_tokens: the tokens of a prompt, free of charge. The offer that a message would go to counts them where
 *  it can; otherwise, and where it fails, they are estimated here. `x-aigne-estimated` says which. */
export const countTokens: Endpoint = async (deps, request, reply) => {
  const caller = await deps.keyring.authenticate(request);
  const body = await request.readBody(JSON_LIMIT_BYTES);
  const json = parseJsonObject(body);
  const hints = takeHints(json);
  // nothing is answered, so the limit that a message must have may be missing
  const asked = { max_tokens: 1, ...json, stream: false };
  const chat = { ...anthropicMessages.parse(asked, body.length, request.headers), dialect: anthropicMessages };
  const { links } = await planCall(deps, caller, routableConversation({ chat, hints }));
  const { model, plan } = links.find(({ plan: { length } }) => length > 0) ?? links[0];
  const counted = await countUpstream(deps, { request, caller, model, plan, reply, chat });
  reply.send(
    200,
    {
      ...responseHeaders(request),
      ...counted?.headers,
      "content-type": "application/json",
      "x-aigne-estimated": String(counted === null),
    },
    counted?.body ?? JSON.stringify({ input_tokens: anthropicMessages.estimateInput(chat) }),
  );
};

/** As the first candidate counts; null where it cannot be asked or does not answer. Whatever happens, the hold is closed. Throws
 *  what refuses a hold, and what the upstream finds wrong with the request. */
async function countUpstream(
  deps: GatewayDependencies,
  call: Entrant & { chat: Conversation },
): Promise<{ body: string; headers: Record<string, string> } | null> {
  const { request, caller, plan, chat } = call;
  const candidate = plan[0]?.[0];
  const path = candidate?.definition.speaks[chat.dialect.id]?.countPath;
  if (!candidate || path === undefined) return null;
  const secret = await deps.vault.secretFor(candidate);
  if (!secret) return null;
  const { rates } = await admit(deps, call, {
    ...{ endpoint: "messages/count_tokens", dialect: chat.dialect.id, stream: false },
    size: () => NOTHING,
    estimateInput: () => 0,
  });
  try {
    const body = await ask(deps, candidate, { chat, secret, path });
    if (body === null) return null;
    return {
      body,
      headers: {
        ...rateHeaders(rates, anthropicOf(deps, chat.dialect.id)),
        "x-aigne-provider": candidate.offer.provider.slug,
      },
    };
  } finally {
    // not settled: nothing was bought, and the receipts are of calls
    void deps.wallet.voidHold(request.id, caller.scope.orgId);
  }
}

type Asked = { chat: Conversation; secret: Secret; path: string };

/** What it finds says nothing about the route: counting has limits of its own at the upstream. */
async function ask(
  { sdkFetch }: GatewayDependencies,
  { definition, offer }: Candidate,
  { chat, secret, path }: Asked,
): Promise<string | null> {
  let status: number;
  let headers: Record<string, string>;
  let body: string;
  try {
    const fetch = sdkFetch({ firstByteMs: COUNT_TIMEOUT_MS, idleMs: COUNT_TIMEOUT_MS });
    const response = await fetch(offer.provider.baseUrl + path, {
      method: "POST",
      headers: {
        ...definition.headers(secret),
        ...chat.upstreamHeaders,
        ...{ "content-type": "application/json", accept: "application/json", "user-agent": "aigne-hub" },
      },
      body: countBody(chat, { definition, offer }),
      signal: AbortSignal.timeout(COUNT_TIMEOUT_MS),
    });
    status = response.status;
    headers = Object.fromEntries(response.headers);
    body = await response.text();
  } catch {
    return null;
  }
  if (status === 200) return isCount(body) ? body : null;
  const failure = definition.classify({ status, headers, body });
  if (!isClientBound(failure.class)) return null;
  throw failureToError({ ...failure, message: scrub(failure.message, secret) });
}

/** The message as it would be sent, without what only an answer has. */
function countBody(chat: Conversation, { definition, offer }: Pick<Candidate, "definition" | "offer">): string {
  const { max_tokens: _limit, stream: _stream, ...body } = chat.body;
  const { upstreamModel } = offer;
  return relayOf(chat).body({ ...chat, body }, { provider: definition, upstreamModel, maxOutputTokens: null });
}

function isCount(body: string): boolean {
  try {
    return Number.isInteger((JSON.parse(body) as JsonObject | null)?.input_tokens);
  } catch {
    return false;
  }
}
