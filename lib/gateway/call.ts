import { AppError, asAppError } from "@/lib/errors";
import type { Admitted } from "@/lib/gateway/admit";
import { type AttemptContext, type AttemptResult, failed, failureToError } from "@/lib/gateway/attempt";
import { errorFrame } from "@/lib/gateway/dialects/openai-chat/frames";
import type { ChatCall } from "@/lib/gateway/dialects/openai-chat/parse";
import type { GatewayRequest, Reply } from "@/lib/gateway/exchange";
import type { GatewayDependencies } from "@/lib/gateway/gateway";
import type { UpstreamFailure } from "@/lib/gateway/providers/define";
import { relayStream } from "@/lib/gateway/relay-stream";
import { relayWhole } from "@/lib/gateway/relay-whole";
import { responseHeaders } from "@/lib/gateway/response-headers";
import { type Candidate, nextPosition, type Position, type RoutePlan } from "@/lib/gateway/routing/candidates";
import { StreamOutput } from "@/lib/gateway/stream-output";
import { translate } from "@/lib/gateway/translate";

const MAX_ATTEMPTS = 3;
/** As good as a refused credential: another one may do. */
const UNOPENABLE: UpstreamFailure = {
  class: "auth",
  status: null,
  message: "The credential does not open.",
  param: null,
  retryAfterMs: null,
};

type Call = { request: GatewayRequest; chat: ChatCall; plan: RoutePlan; admitted: Admitted; reply: Reply };

/** Calls one candidate after the other until one answers, then settles. Each failed attempt is a row of its own; the tenant
 *  pays for one. Whatever happens, the hold is closed. */
export async function runChat(deps: GatewayDependencies, call: Call): Promise<void> {
  const { meter } = call.admitted;
  const headers = responseHeaders(call.request);
  const output = call.chat.stream ? new StreamOutput(call.reply, headers, deps.clock) : null;
  const stopTicking = deps.ticker.add({ meter, output });
  try {
    const failure = await attemptAll(deps, call, output, headers);
    if (failure) throw refuse(call, failure);
  } catch (error) {
    if (!meter.settled) {
      const isOurs = !(error instanceof AppError);
      meter.finish(
        {
          outcome: isOurs ? "internal_error" : "upstream_error",
          httpStatus: null,
          usage: null,
          usageSource: "unknown",
        },
        error instanceof AppError ? error.status : 500,
      );
    }
    // a timer may have sent the status before any attempt had content: the failure is then told in the stream
    if (output?.open) output.write(errorFrame(asAppError(error), identityOf(deps, call)));
    throw error;
  } finally {
    stopTicking();
  }
}

function identityOf({ clock }: GatewayDependencies, { request, chat }: Call) {
  return { id: `chatcmpl-${request.id.slice(4)}`, created: Math.floor(clock.now() / 1000), model: chat.model };
}

/** Null: the client has its answer. Otherwise the last failure. */
async function attemptAll(
  deps: GatewayDependencies,
  call: Call,
  output: StreamOutput | null,
  headers: Record<string, string>,
): Promise<UpstreamFailure | null> {
  const { meter } = call.admitted;
  let at: Position | null = { offer: 0, credential: 0 };
  let failure: UpstreamFailure | null = null;
  while (at && meter.attemptCount < MAX_ATTEMPTS) {
    const candidate = call.plan[at.offer]?.[at.credential] as Candidate;
    const result = await attempt(deps, call, candidate, output, headers);
    if (result.answered) return null;
    failure = result.failure;
    const next: Position | null = call.reply.gone ? null : nextPosition(call.plan, at, failure.class);
    if (!next || meter.attemptCount >= MAX_ATTEMPTS) break;
    meter.failAttempt(result.end);
    at = next;
  }
  return failure;
}

async function attempt(
  deps: GatewayDependencies,
  call: Call,
  candidate: Candidate,
  output: StreamOutput | null,
  headers: Record<string, string>,
): Promise<AttemptResult> {
  const { meter, maxOutputTokens, inputTokens } = call.admitted;
  const relays = candidate.definition.speaks["openai-chat"] !== undefined;
  meter.beginAttempt(candidate, relays ? "relay" : "translate");
  const secret = await deps.vault.secretFor(candidate);
  if (!secret) return failed(UNOPENABLE);
  const context: AttemptContext = {
    chat: call.chat,
    candidate,
    secret,
    maxOutputTokens,
    requestId: call.request.id,
    meter,
    reply: call.reply,
    output,
    answerHeaders: {
      ...headers,
      "x-aigne-provider": candidate.offer.provider.slug,
      "x-aigne-attempts": String(meter.attemptCount),
    },
    inputTokens,
    dispatcher: deps.dispatcher,
    sdkFetch: deps.sdkFetch,
    clock: deps.clock,
  };
  if (!relays) return translate(context);
  return call.chat.stream ? relayStream(context) : relayWhole(context);
}

/** The failure as an error. A call that failed before any output costs nothing; it is settled by the caller. */
function refuse(call: Call, failure: UpstreamFailure): AppError {
  const error = failureToError(failure);
  const { meter } = call.admitted;
  const outcome = call.reply.gone ? "client_gone" : failure.class === "timeout" ? "timeout" : "upstream_error";
  meter.finish(
    { outcome, httpStatus: failure.status, usage: null, usageSource: "unknown" },
    call.reply.gone ? 499 : error.status,
  );
  return error;
}
