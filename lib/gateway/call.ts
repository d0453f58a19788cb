import { AppError, asAppError } from "@/lib/errors";
import type { Admitted } from "@/lib/gateway/admit";
import { type AttemptContext, type AttemptResult, failed, failureToError } from "@/lib/gateway/attempt";
import type { AnswerIdentity, Conversation } from "@/lib/gateway/dialects/dialect";
import type { GatewayRequest, Reply } from "@/lib/gateway/exchange";
import type { GatewayDependencies } from "@/lib/gateway/gateway";
import type { UpstreamFailure } from "@/lib/gateway/providers/define";
import { relayStream } from "@/lib/gateway/relay-stream";
import { relayWhole } from "@/lib/gateway/relay-whole";
import { responseHeaders } from "@/lib/gateway/response-headers";
import { type Candidate, nextPosition, type Position, type RoutePlan } from "@/lib/gateway/routing/candidates";
import { StreamOutput } from "@/lib/gateway/stream-output";
import { translate } from "@/lib/gateway/translate";
import { scrub } from "@/lib/scrub";

const MAX_ATTEMPTS = 3;
/** As good as a refused credential: another one may do. */
const UNOPENABLE: UpstreamFailure = {
  class: "auth",
  status: null,
  message: "The credential does not open.",
  param: null,
  retryAfterMs: null,
};

type Failures = [UpstreamFailure, ...UpstreamFailure[]];
type Call = { request: GatewayRequest; chat: Conversation; plan: RoutePlan; admitted: Admitted; reply: Reply };

/** Calls one candidate after the other until one answers, then settles. Each failed attempt is a row of its own; the tenant
 *  pays for one. Whatever happens, the hold is closed. */
export async function runConversation(deps: GatewayDependencies, call: Call): Promise<void> {
  const { meter } = call.admitted;
  const { warnings } = call.chat;
  const headers = {
    ...responseHeaders(call.request),
    ...(warnings.length > 0 && { "x-aigne-warnings": warnings.join(", ") }),
  };
  const output = call.chat.stream ? new StreamOutput(call.reply, headers, deps.clock) : null;
  const stopTicking = deps.ticker.add({ meter, output });
  try {
    const failures = await attemptAll(deps, call, output, headers);
    if (failures) throw refuse(call, failures);
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
    if (output?.open) {
      const answer = { call: call.chat, identity: identityOf(deps, call), requestId: call.request.id };
      output.write(call.chat.dialect.failureFrame(asAppError(error), answer));
    }
    throw error;
  } finally {
    stopTicking();
  }
}

function identityOf({ clock }: GatewayDependencies, { request, chat }: Call): AnswerIdentity {
  return { id: chat.dialect.answerId(request.id), created: Math.floor(clock.now() / 1000), model: chat.model };
}

/** Null: the client has its answer. Otherwise what went wrong, attempt by attempt. */
async function attemptAll(
  deps: GatewayDependencies,
  call: Call,
  output: StreamOutput | null,
  headers: Record<string, string>,
): Promise<Failures | null> {
  const { meter } = call.admitted;
  let at: Position | null = { offer: 0, credential: 0 };
  const failures: UpstreamFailure[] = [];
  while (at && meter.attemptCount < MAX_ATTEMPTS) {
    const candidate = call.plan[at.offer]?.[at.credential] as Candidate;
    const result = await attempt(deps, call, candidate, output, headers);
    if (result.answered) return null;
    failures.push(result.failure);
    const isOver = call.reply.gone || meter.aborted !== null;
    const next: Position | null = isOver ? null : nextPosition(call.plan, at, result.failure.class);
    if (!next || meter.attemptCount >= MAX_ATTEMPTS) break;
    meter.failAttempt(result.end);
    at = next;
  }
  // safe because a plan has at least one candidate, and each attempt that does not answer adds its failure
  return failures as Failures;
}

async function attempt(
  deps: GatewayDependencies,
  call: Call,
  candidate: Candidate,
  output: StreamOutput | null,
  headers: Record<string, string>,
): Promise<AttemptResult> {
  const { meter, maxOutputTokens, inputTokens } = call.admitted;
  const relays = candidate.definition.speaks[call.chat.dialect.id] !== undefined;
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
    onError: (error) => deps.onError(error, call.request.id),
  };
  const result = await (!relays ? translate(context) : call.chat.stream ? relayStream(context) : relayWhole(context));
  // some of these messages are shown to the tenant, and providers echo what was sent
  if (result.answered) return result;
  return { ...result, failure: { ...result.failure, message: scrub(result.failure.message, secret) } };
}

/** The last failure as an error. A call that failed before any output costs nothing; it is settled by the caller. */
function refuse(call: Call, failures: Failures): AppError {
  // safe because `Failures` is never empty
  const failure = failures.at(-1) as UpstreamFailure;
  const error = failureToError(failure);
  const { meter } = call.admitted;
  const outcome = call.reply.gone ? "client_gone" : failure.class === "timeout" ? "timeout" : "upstream_error";
  meter.finish(
    { outcome, httpStatus: failure.status, usage: null, usageSource: "unknown" },
    call.reply.gone ? 499 : error.status,
  );
  // the client's own attempts would multiply ours: only want of capacity alone is worth another
  if (!failures.some(({ class: name }) => name === "server" || name === "network" || name === "timeout")) return error;
  return new AppError(error.code, error.message, { ...error.details, retry: false });
}
