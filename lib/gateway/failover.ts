import { crashPoint } from "@/lib/crash-points";
import { AppError } from "@/lib/errors";
import { type AttemptResult, failed, failureToError } from "@/lib/gateway/attempt";
import type { Reply } from "@/lib/gateway/exchange";
import type { GatewayDependencies } from "@/lib/gateway/gateway";
import type { AttemptEnd, CallMeter, Outcome } from "@/lib/gateway/meter/call-meter";
import type { Secret, UpstreamFailure } from "@/lib/gateway/providers/define";
import {
  type Candidate,
  isClientBound,
  isCredentialBound,
  nextPosition,
  type Position,
  type RoutePlan,
} from "@/lib/gateway/routing/candidates";
import type { Finding } from "@/lib/gateway/routing/health";
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

type Tools = Pick<GatewayDependencies, "vault" | "health" | "retries">;
type Routed = { plan: RoutePlan; meter: CallMeter; reply: Reply; isStream: boolean; others?: OtherModels };
/** Models that answer where the one before cannot. */
export type OtherModels = {
  remaining(): number;
  /** The route of the next one that the call's hold could be pinned to. "none": there is none, and the hold is as it was.
   *  "unknown": the database did not say in time, and may pin it yet. */
  next(): Promise<RoutePlan | "none" | "unknown">;
};
type Failures = [UpstreamFailure, ...UpstreamFailure[]];

/** Calls one candidate after the other until one answers, each model's own before the next model's. Each failed attempt is a
 *  row of its own; the tenant pays for one.
 *  Throws the last failure, in words for the caller, once nothing is left to try; the call is settled then. */
export async function tryCandidates(
  call: Routed,
  tools: Tools,
  attempt: (candidate: Candidate, secret: Secret) => Promise<AttemptResult>,
): Promise<void> {
  const { meter, reply, others } = call;
  let { plan } = call;
  const failures: UpstreamFailure[] = [];
  let end: AttemptEnd | null = null;
  let at: Position | null = { offer: 0, credential: 0 };
  let isRetrying = false;
  try {
    while (at && meter.attemptCount < MAX_ATTEMPTS) {
      at = await passProbed(plan, at, tools);
      const candidate = plan[at.offer]?.[at.credential] as Candidate;
      const result = await attemptOne(candidate, tools, attempt, call);
      // another model's answer says that the one asked for was not served
      if (result.answered)
        return noteCall(call, tools, plan === call.plan ? ANSWERED[meter.outcome ?? "ok"] : "failure");
      failures.push(result.failure);
      end = result.end;
      const { class: name } = result.failure;
      const isOver = () => reply.gone || meter.aborted !== null;
      if (isOver() || isClientBound(name) || meter.attemptCount >= MAX_ATTEMPTS) break;
      const remaining = others?.remaining() ?? 0;
      // every model has a turn, as far as attempts last
      const isSpent = meter.attemptCount >= MAX_ATTEMPTS - remaining;
      const next: Position | null = remaining > 0 && isSpent ? null : nextPosition(plan, at, name);
      if (!next && remaining === 0) break;
      // a refused credential rests at once, so that its retries cannot pile up
      if (!isRetrying && !isCredentialBound(name)) {
        isRetrying = tools.retries.take();
        if (!isRetrying) break;
      }
      meter.failAttempt(result.end);
      crashPoint("attempt.failed");
      at = next;
      if (next || !others) continue;
      const other = await others.next();
      // at the other model's price, or an unsure one, parts of this one cannot be sold: they stay waste
      if (other !== "none") end = { ...result.end, usage: null, usageSource: "unknown", carried: undefined };
      if (other === "none" || other === "unknown" || isOver()) break;
      plan = other;
      at = { offer: 0, credential: 0 };
    }
  } finally {
    if (isRetrying) tools.retries.release();
  }
  noteCall(call, tools, failures.at(-1) ?? "neutral");
  // safe because a plan has at least one candidate, and each attempt that does not answer adds its failure and its end
  throw refusal(call, failures as Failures, end as AttemptEnd);
}

/** Past routes that another call is probing at the moment, unless nothing comes after them. */
async function passProbed(plan: RoutePlan, from: Position, { health }: Tools): Promise<Position> {
  let at = from;
  while (!(await health.enter(plan[at.offer]?.[at.credential] as Candidate))) {
    const next = nextPosition(plan, at, "rate_limited");
    if (!next) return at;
    at = next;
  }
  return at;
}

async function attemptOne(
  candidate: Candidate,
  { vault, health }: Tools,
  attempt: (candidate: Candidate, secret: Secret) => Promise<AttemptResult>,
  { meter, isStream }: Routed,
): Promise<AttemptResult> {
  const secret = await vault.secretFor(candidate);
  if (!secret) {
    meter.beginAttempt(candidate, "relay");
    // this process may lack the key: the credential itself is no worse for it
    health.note(candidate, "neutral");
    return failed(UNOPENABLE);
  }
  let finding: Finding = "neutral";
  health.begin(candidate);
  try {
    const result = await attempt(candidate, secret);
    finding = result.answered ? ANSWERED[meter.outcome ?? "ok"] : result.failure;
    if (result.answered) return result;
    return scrubbed(result, secret);
  } finally {
    health.note(candidate, finding, meter.attemptFigures(isStream));
  }
}

/** Whether the model that was asked for was served, whichever route did it; a client that left or erred says nothing. */
function noteCall({ plan, reply }: Routed, { health }: Tools, finding: Finding): void {
  const first = plan[0]?.[0];
  const name = typeof finding === "string" ? finding : finding.class;
  if (!first || name === "neutral" || isClientBound(name)) return;
  if (name === "success") health.counts.noteCall(first, true);
  else if (!reply.gone) health.counts.noteCall(first, false);
}

/** What the end of an answer says about who gave it. */
const ANSWERED: Record<Outcome, Finding> = {
  ok: "success",
  cut: "failure",
  timeout: "failure",
  upstream_error: "failure",
  client_gone: "neutral",
  internal_error: "neutral",
};

type Unanswered = Extract<AttemptResult, { answered: false }>;

function scrubbed(result: Unanswered, secret: Secret): Unanswered {
  // some of these messages are shown to the tenant, and providers echo what was sent
  return { ...result, failure: { ...result.failure, message: scrub(result.failure.message, secret) } };
}

/** The last failure as an error. A call that failed before any output costs nothing; parts that ended cleanly are paid. */
function refusal({ meter, reply }: Routed, failures: Failures, end: AttemptEnd): AppError {
  // safe because `Failures` is never empty
  const failure = failures.at(-1) as UpstreamFailure;
  const isCharged = end.usage !== null;
  const error = failureToError(failure, isCharged);
  meter.finish({ ...end, ...(reply.gone && { outcome: "client_gone" }) }, reply.gone ? 499 : error.status);
  // the client's own attempts would multiply ours: only want of capacity alone is worth another, and what is paid is not paid twice
  if (!isCharged && !failures.some(({ class: name }) => name === "server" || name === "network" || name === "timeout"))
    return error;
  return new AppError(error.code, error.message, { ...error.details, retry: false });
}

/** Settles a call that an error ended before anything else could: whatever happens, the hold is closed. */
export function settleFailed(meter: CallMeter, error: unknown): void {
  if (meter.settled) return;
  const isOurs = !(error instanceof AppError);
  meter.finish(
    { outcome: isOurs ? "internal_error" : "upstream_error", httpStatus: null, usage: null, usageSource: "unknown" },
    error instanceof AppError ? error.status : 500,
  );
}
