import { asAppError } from "@/lib/errors";
import { type Admitted, anthropicOf } from "@/lib/gateway/admit";
import type { AttemptContext, AttemptResult } from "@/lib/gateway/attempt";
import type { AnswerIdentity, Conversation } from "@/lib/gateway/dialects/dialect";
import type { GatewayRequest, Reply } from "@/lib/gateway/exchange";
import { settleFailed, tryCandidates } from "@/lib/gateway/failover";
import type { GatewayDependencies } from "@/lib/gateway/gateway";
import type { ModelSwitch } from "@/lib/gateway/model-switch";
import { PatientReply } from "@/lib/gateway/patient-reply";
import type { Secret } from "@/lib/gateway/providers/define";
import { rateHeaders } from "@/lib/gateway/rate-headers";
import { relayStream } from "@/lib/gateway/relay-stream";
import { relayWhole } from "@/lib/gateway/relay-whole";
import { responseHeaders } from "@/lib/gateway/response-headers";
import type { Candidate } from "@/lib/gateway/routing/candidates";
import { StreamOutput } from "@/lib/gateway/stream-output";
import { timeoutsOf } from "@/lib/gateway/timeouts";
import { translate } from "@/lib/gateway/translate";

type Call = { request: GatewayRequest; chat: Conversation; models: Models; admitted: Admitted; reply: Reply };
type Models = Pick<ModelSwitch, "model" | "plan" | "name" | "remaining" | "next">;

/** Answers an admitted conversation by the first candidate that can, then settles it. Whatever happens, the hold is closed. */
export async function runConversation(deps: GatewayDependencies, call: Call): Promise<void> {
  const { chat, models } = call;
  const { meter } = call.admitted;
  const headers = {
    ...responseHeaders(call.request),
    ...rateHeaders(call.admitted.rates, anthropicOf(deps, chat.dialect.id)),
    ...(chat.warnings.length > 0 && { "x-aigne-warnings": chat.warnings.join(", ") }),
  };
  const output = chat.stream ? new StreamOutput(call.reply, headers, deps.clock, chat.dialect.heartbeat) : null;
  const patient = !chat.stream && chat.dialect.isImpatient ? new PatientReply(call.reply, headers, deps.clock) : null;
  const reply = patient ?? call.reply;
  const stopTicking = deps.ticker.add({ meter, output: output ?? patient });
  try {
    const others = { next: () => models.next(call.admitted), remaining: () => models.remaining };
    const routed = { plan: models.plan, meter, reply, isStream: chat.stream, others };
    await tryCandidates(routed, deps, (candidate, secret) =>
      attempt(deps, { ...call, chat: namedBy(models, chat), reply }, { candidate, secret, output, headers }),
    );
  } catch (error) {
    settleFailed(meter, error);
    patient?.fail();
    // a timer may have sent the status before any attempt had content: the failure is then told in the stream
    if (output?.open) {
      const answer = { call: chat, identity: identityOf(deps, call), requestId: call.request.id };
      output.write(chat.dialect.failureFrame(asAppError(error), answer));
    }
    throw error;
  } finally {
    stopTicking();
  }
}

/** Answers name who gives them. */
function namedBy({ name }: Models, chat: Conversation): Conversation {
  return name === chat.model ? chat : { ...chat, model: name };
}

function identityOf({ clock }: GatewayDependencies, { request, chat }: Call): AnswerIdentity {
  return { id: chat.dialect.answerId(request.id), created: Math.floor(clock.now() / 1000), model: chat.model };
}

type Attempt = {
  candidate: Candidate;
  secret: Secret;
  output: StreamOutput | null;
  headers: Record<string, string>;
};

function attempt(
  deps: GatewayDependencies,
  call: Call,
  { candidate, secret, output, headers }: Attempt,
): Promise<AttemptResult> {
  const { meter, inputTokens } = call.admitted;
  const { model } = call.models;
  const relays = candidate.definition.speaks[call.chat.dialect.id] !== undefined;
  meter.beginAttempt(candidate, relays ? "relay" : "translate");
  const context: AttemptContext = {
    chat: call.chat,
    candidate,
    secret,
    // a module must send one, and would take 4,096 for a model that it does not know
    maxOutputTokens: call.admitted.maxOutputTokens ?? (candidate.definition.needsLimit ? model.maxOutputTokens : null),
    requestId: call.request.id,
    meter,
    reply: call.reply,
    output,
    answerHeaders: {
      ...headers,
      "x-aigne-provider": candidate.offer.provider.slug,
      "x-aigne-model": model.id,
      "x-aigne-attempts": String(meter.attemptCount),
    },
    inputTokens,
    connect: deps.connect,
    timeouts: timeoutsOf(call.chat, candidate),
    sdkFetch: deps.sdkFetch,
    fileFetch: deps.fileFetch,
    clock: deps.clock,
    onError: (error) => deps.onError(error, call.request.id),
  };
  return !relays ? translate(context) : call.chat.stream ? relayStream(context) : relayWhole(context);
}
