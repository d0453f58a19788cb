import { type UsageBound, worstCase } from "@/lib/billing/pricing";
import { addUsage, type Usage } from "@/lib/billing/usage";
import type { Admitted } from "@/lib/gateway/admit";
import { type AttemptResult, failed } from "@/lib/gateway/attempt";
import type { GatewayRequest, Reply } from "@/lib/gateway/exchange";
import { settleFailed, tryCandidates } from "@/lib/gateway/failover";
import type { GatewayDependencies } from "@/lib/gateway/gateway";
import type { HoldSize, Price } from "@/lib/gateway/hold-size";
import type { JsonObject } from "@/lib/gateway/json-body";
import type { ModelSwitch } from "@/lib/gateway/model-switch";
import { exchangeModule } from "@/lib/gateway/module-exchange";
import { PatientReply } from "@/lib/gateway/patient-reply";
import type { Routable } from "@/lib/gateway/plan-call";
import type { Secret } from "@/lib/gateway/providers/define";
import { usageReader } from "@/lib/gateway/providers/define";
import { withCost } from "@/lib/gateway/relay-whole";
import { responseHeaders } from "@/lib/gateway/response-headers";
import type { Candidate } from "@/lib/gateway/routing/candidates";
import { wholeTimeoutsOf } from "@/lib/gateway/timeouts";
import type { PaidAnswer, TranslatedAnswer, Unit, UnitCall } from "@/lib/gateway/units/unit";
import { reportOf, type UsageReading } from "@/lib/gateway/usage/reading";
import { exchangeWhole, type WholeAnswer } from "@/lib/gateway/whole-exchange";
import { toUsdNumber } from "@/lib/money";

const JSON_TYPE = "application/json";

type Call = {
  request: GatewayRequest;
  reply: Reply;
  unit: Unit;
  asked: UnitCall;
  models: Pick<ModelSwitch, "model" | "plan" | "name" | "remaining" | "next">;
};

/** What of such a call decides where it may go: to those that speak its protocol, and those that can be translated to. */
export function routableUnit(unit: Unit, asked: UnitCall): Routable {
  const { model, hints, affinity, needs } = asked;
  return {
    ...{ model, modelType: unit.modelType, hints, affinity, ...(needs && { needs }) },
    unservable(definition) {
      if (definition.speaks[unit.id] !== undefined) return null;
      if (asked.relayOnly !== null) return `untranslatable:${asked.relayOnly}`;
      return asked.translate && unit.canTranslate(definition) ? null : "endpoint_not_served";
    },
  };
}

/** The most that a call can use, whichever model answers. */
export function sizeUnit(asked: UnitCall, { rates, factorBp }: Price, exact: boolean): HoldSize {
  const bound = exact ? { ...asked.bound, inputTokens: exactInput(asked) } : asked.bound;
  return holdOf(bound, worstCase(bound, rates, factorBp), asked);
}

/** Other tokenisers make up to half as many tokens more of the same text than ours. */
function exactInput({ bound, countInput, mediaTokens = 0 }: UnitCall): number {
  return Math.min(bound.inputTokens, Math.ceil(countInput() * 1.5) + mediaTokens);
}

/** All or nothing: there is no half of an image. */
function holdOf(bound: UsageBound, amount: bigint, asked: UnitCall): HoldSize {
  return {
    amount,
    minAmount: amount,
    unitRate: 0n,
    inputTokens: bound.inputTokens,
    slice: null,
    affords: () => 0,
    limitToSend: () => null,
    tokensEstimate: asked.countInput() + bound.outputTokens,
  };
}

/** Answers an admitted call by the first candidate that can, then settles it. Whatever happens, the hold is closed. */
export async function runUnit(deps: GatewayDependencies, call: Call, admitted: Admitted): Promise<void> {
  const { models, unit } = call;
  const { meter } = admitted;
  const patient = unit.isImpatient ? new PatientReply(call.reply, baseHeaders(call), deps.clock) : null;
  const reply = patient ?? call.reply;
  const stopTicking = deps.ticker.add({ meter, output: patient });
  try {
    const others = { next: () => models.next(admitted), remaining: () => models.remaining };
    await tryCandidates({ plan: models.plan, meter, reply, isStream: false, others }, deps, (candidate, secret) => {
      const relays = candidate.definition.speaks[call.unit.id] !== undefined;
      meter.beginAttempt(candidate, relays ? "relay" : "translate");
      const attempt: Attempt = { deps, call: { ...call, reply }, admitted, candidate, secret };
      return relays ? relay(attempt) : translate(attempt);
    });
  } catch (error) {
    settleFailed(meter, error);
    patient?.fail();
    throw error;
  } finally {
    stopTicking();
  }
}

type Attempt = {
  deps: GatewayDependencies;
  call: Call;
  admitted: Admitted;
  candidate: Candidate;
  secret: Secret;
};

async function relay(attempt: Attempt): Promise<AttemptResult> {
  const { deps, call, admitted, candidate, secret } = attempt;
  const { definition, offer } = candidate;
  const { body, contentType } = await call.asked.relayBody(offer.upstreamModel);
  const path = definition.speaks[call.unit.id]?.path ?? "";
  const context = {
    ...{ candidate, meter: admitted.meter, reply: call.reply, connect: deps.connect },
    inputTokens: admitted.inputTokens,
  };
  const request = {
    url: offer.provider.baseUrl + path,
    headers: {
      ...definition.headers(secret),
      ...{ "content-type": contentType, accept: "*/*", "accept-encoding": "identity", "user-agent": "aigne-hub" },
    },
    body,
    timeouts: wholeTimeoutsOf(candidate),
  };
  return exchangeWhole(context, request, (received) => answerRelayed(attempt, received));
}

function answerRelayed(attempt: Attempt, { status, headers, body }: WholeAnswer): AttemptResult {
  const { call, candidate } = attempt;
  const contentType = headers["content-type"] ?? "application/octet-stream";
  const json = contentType.includes("json") ? parse(body) : null;
  if (contentType.includes("json") && !json)
    return failed({
      ...{ class: "server" as const, status, param: null, retryAfterMs: null },
      message: "The provider's answer is not JSON.",
    });
  if (json?.error)
    return failed(candidate.definition.classify({ status: 500, headers: {}, body: body.toString("utf8") }));
  const reads = candidate.definition.speaks[call.unit.id]?.usage;
  const reading = reads && json ? usageReader(candidate.definition, call.unit.id)(json.usage) : null;
  const read = reading?.source === "reported" ? reading : call.asked.readUsage({ json, bytes: body });
  const paid = settle(attempt, converted(attempt, "relay", read, json), json);
  const own = json && present(call, json, paid);
  const answer = own ?? { contentType, body: json ? withCost(body.toString("utf8"), json, paid.price) : body };
  call.reply.send(200, { ...answerHeaders(attempt), "content-type": answer.contentType }, answer.body);
  return { answered: true };
}

function translate(attempt: Attempt): Promise<AttemptResult> {
  const { deps, call, admitted, candidate, secret } = attempt;
  const { baseUrl, region } = candidate.offer.provider;
  const settings = { secret, baseUrl, region, fetch: deps.sdkFetch(wholeTimeoutsOf(candidate)) };
  const target = {
    provider: candidate.definition,
    settings,
    offerId: candidate.offer.id,
    upstreamModel: candidate.offer.upstreamModel,
    model: call.models.name,
    now: deps.clock.now(),
  };
  // safe because a plan holds only candidates that can serve the call
  const ask = call.asked.translate as NonNullable<UnitCall["translate"]>;
  const exchange = { candidate, meter: admitted.meter, reply: call.reply, isStream: false };
  return exchangeModule(exchange, {
    ask: (signal) => ask({ ...target, signal }),
    answer: (answered) => answerTranslated(attempt, answered),
  });
}

function answerTranslated(attempt: Attempt, answered: TranslatedAnswer): AttemptResult {
  const { call } = attempt;
  const reading = converted(attempt, "translate", answered.reading, answered.body ?? null);
  const paid = settle(attempt, reading, null, answered.carried);
  const headers = answerHeaders(attempt, answered.warnings);
  if ("bytes" in answered) {
    call.reply.send(200, { ...headers, "content-type": answered.contentType }, answered.bytes);
    return { answered: true };
  }
  const { price } = paid;
  const usage = answered.body.usage as JsonObject | undefined;
  const priced =
    usage && price !== null ? { ...answered.body, usage: { ...usage, cost: toUsdNumber(price) } } : answered.body;
  const answer = present(call, answered.body, paid) ?? { contentType: JSON_TYPE, body: JSON.stringify(priced) };
  call.reply.send(200, { ...headers, "content-type": answer.contentType }, answer.body);
  return { answered: true };
}

/** The answer as its client's protocol words it; null where that is the upstream's own. */
function present({ asked }: Call, answer: JsonObject, paid: PaidAnswer): { contentType: string; body: string } | null {
  const presented = asked.present?.(answer, paid);
  if (presented === undefined) return null;
  return typeof presented === "string"
    ? { contentType: "text/plain; charset=utf-8", body: presented }
    : { contentType: JSON_TYPE, body: JSON.stringify(presented) };
}

/** With what was used in other units beside it, where the model's price does not know those that were reported. */
function converted(
  { call, admitted }: Attempt,
  route: "relay" | "translate",
  reading: UsageReading,
  answer: JsonObject | null,
): UsageReading {
  const { convertUsage } = call.asked;
  if (!convertUsage || admitted.meter.unpriced(reading.usage).length === 0) return reading;
  const usage = { ...convertUsage(reading.usage, answer, route), ...reading.usage };
  return { ...reading, usage, source: "estimated" };
}

/** As reported or counted with the answer, else the input as we count it. */
function settle(
  { call, admitted }: Attempt,
  reading: UsageReading,
  json: JsonObject | null,
  carried?: Usage,
): PaidAnswer {
  const { meter } = admitted;
  const isKnown = reading.source !== "unknown";
  const usage = isKnown ? reading.usage : { input: admitted.inputTokens() };
  meter.firstContent(() => usage);
  meter.setUpstreamId(json?.id);
  const price = meter.finish(
    {
      outcome: call.reply.gone ? "client_gone" : "ok",
      httpStatus: 200,
      usage,
      usageSource: isKnown ? reading.source : "estimated",
      ...(carried && { carried }),
      report: reportOf(json?.usage, reading),
    },
    call.reply.gone ? 499 : 200,
  );
  return { usage: addUsage(usage, carried), price, requestId: call.request.id, model: call.models.name };
}

function baseHeaders({ request, asked }: Call, more: string[] = []): Record<string, string> {
  const warnings = [...asked.warnings, ...more];
  return {
    ...responseHeaders(request),
    ...(warnings.length > 0 && { "x-aigne-warnings": warnings.join(", ") }),
  };
}

function answerHeaders({ call, admitted, candidate }: Attempt, warnings?: string[]): Record<string, string> {
  return {
    ...baseHeaders(call, warnings),
    "x-aigne-provider": candidate.offer.provider.slug,
    "x-aigne-model": call.models.model.id,
    "x-aigne-attempts": String(admitted.meter.attemptCount),
  };
}

function parse(body: Buffer): JsonObject | null {
  try {
    const value: unknown = JSON.parse(body.toString("utf8"));
    return typeof value === "object" && value !== null ? (value as JsonObject) : null;
  } catch {
    return null;
  }
}
