import { priceUsage, unpricedParts } from "@/lib/billing/pricing";
import { addUsage, totalInputTokens, totalOutputTokens, type Usage, type UsageSource } from "@/lib/billing/usage";
import type { AttemptRecord, IdempotencyClaim, Settlement } from "@/lib/billing/wallet";
import type { Clock } from "@/lib/clock";
import { crashPoint } from "@/lib/crash-points";
import { outcomeFor } from "@/lib/gateway/idempotency";
import { GrowingHold, type Slicing } from "@/lib/gateway/meter/growing-hold";
import type { Candidate } from "@/lib/gateway/routing/candidates";
import type { AttemptFigures } from "@/lib/gateway/routing/route-counts";
import type { PricedRates } from "@/lib/gateway/snapshot";
import { keptReport, type UsageReport } from "@/lib/gateway/usage/reading";
import type { Nano } from "@/lib/money";
import type { RouteRow } from "@/lib/usage/route-record";
import { storedUsage } from "@/lib/usage/stored-usage";

export type Outcome = "ok" | "client_gone" | "upstream_error" | "cut" | "timeout" | "internal_error";

/** closed: the hold was closed under the call · timeout: it ran too long · shutdown: this process ends. */
export type AbortReason = "closed" | "timeout" | "shutdown";

const MAX_CALL_MS = 30 * 60_000;

/** How one attempt ended. `usage` is null where nothing was consumed. */
export type AttemptEnd = {
  outcome: Outcome;
  httpStatus: number | null;
  usage: Usage | null;
  /** What earlier attempts used for parts of the same answer: paid with it, and cost before. */
  carried?: Usage;
  usageSource: UsageSource;
  finishReason?: string | null;
  /** Class of the failure that ended it. */
  reason?: string;
  /** What the provider itself reported, for the receipt. */
  report?: UsageReport;
};

/** What of a running answer can be counted at any moment. */
export type Tally = () => Usage;

export type Admission = {
  requestId: string;
  orgId: string;
  price: PricedRates | null;
  /** Our count of the prompt, computed when first asked for. */
  inputTokens: () => number;
  clientRetry: number | null;
  /** Null where the whole worst case is held. */
  slicing: Slicing | null;
  /** The client's Idempotency-Key; null where it sent none. */
  idempotency: IdempotencyClaim | null;
  /** What was considered for this call; null where there was no choice. */
  routing?: () => readonly RouteRow[] | null;
};

/** Who reads upstream on behalf of a growing hold. */
export type HoldListener = {
  /** The hold was extended: reading may go on. */
  extended(): void;
  /** It may not grow any more: the answer ends here, charged for what came. */
  exhausted(): void;
};

/** Counts and prices one admitted call over all its attempts, and turns its end into one settlement.
 *  `finish` may be called from several ends of a race; only the first counts. */
export class CallMeter {
  readonly startedAt: number;
  private readonly attempts: AttemptRecord[] = [];
  private attempt: {
    candidate: Candidate;
    route: "relay" | "translate";
    startedAt: number;
    firstTokenMs: number | null;
  } | null = null;
  private tally: Tally | null = null;
  private lastCandidate: Candidate | null = null;
  private wasteNano = 0n;
  private upstreamId: string | null = null;
  private aborters: (() => void)[] = [];
  private contentListener: (() => void) | null = null;
  private hold: GrowingHold | null;
  private holdListener: HoldListener | null = null;
  private usedUpListener: (() => void) | null = null;
  private checkpointedAt: number;
  private checkpointedUnits = -1;
  settled = false;
  /** Null while it runs. */
  outcome: Outcome | null = null;
  /** Why the hub itself ended the call; no other candidate may be tried then. */
  aborted: AbortReason | null = null;

  constructor(
    private admission: Admission,
    private readonly deps: {
      clock: Clock;
      /** Makes the settlement durable and queues it; called once, before the last byte of the answer leaves. */
      settle(settlement: Settlement): void;
    },
  ) {
    this.startedAt = deps.clock.monotonic();
    this.hold = admission.slicing && new GrowingHold(admission.slicing);
    this.checkpointedAt = this.startedAt;
  }

  get attemptCount(): number {
    return this.attempts.length + (this.attempt ? 1 : 0);
  }

  /** What the attempt took that runs or has just ended; null where none was sent. A whole answer has no first token. */
  attemptFigures(isStream: boolean): AttemptFigures | null {
    const { attempt } = this;
    if (!attempt) return null;
    const usage = this.settled ? (this.attempts.at(-1)?.usage ?? {}) : {};
    const waitedMs = attempt.startedAt - this.startedAt;
    return {
      latencyMs: Math.round(this.deps.clock.monotonic() - attempt.startedAt),
      firstTokenMs: isStream && attempt.firstTokenMs !== null ? Math.round(attempt.firstTokenMs - waitedMs) : null,
      outputTokens: totalOutputTokens(usage),
      tokens: totalInputTokens(usage) + totalOutputTokens(usage),
    };
  }

  beginAttempt(candidate: Candidate, route: "relay" | "translate"): void {
    this.lastCandidate = candidate;
    this.attempt = { candidate, route, startedAt: this.deps.clock.monotonic(), firstTokenMs: null };
    this.tally = null;
    this.upstreamId = null;
  }

  /** Another model answers: its price and its hold count from now on. Only between two attempts. */
  repin({ price, slicing }: Pick<Admission, "price" | "slicing">): void {
    this.admission = { ...this.admission, price, slicing };
    this.hold = slicing && new GrowingHold(slicing);
    this.holdListener = null;
  }

  /** No call goes on longer than this, in ms. */
  get longestMs(): number {
    return Math.min(MAX_CALL_MS, this.attempt?.candidate.offer.timeouts?.totalMs ?? MAX_CALL_MS);
  }

  /** The first upstream content arrived: from now on the input counts, and `tally` says how much came. */
  firstContent(tally: Tally): void {
    crashPoint("content.first");
    this.tally = tally;
    if (this.attempt) this.attempt.firstTokenMs ??= Math.round(this.deps.clock.monotonic() - this.startedAt);
    this.contentListener?.();
  }

  onFirstContent(callback: () => void): void {
    this.contentListener = callback;
  }

  setUpstreamId(id: unknown): void {
    if (typeof id === "string") this.upstreamId = id.slice(0, 200);
  }

  /** What the tenant pays for this usage; null where the model has no price (enterprise). */
  priceOf(usage: Usage): Nano | null {
    const { price } = this.admission;
    return price && priceUsage(withRequest(usage), price.rates, price.factorBp);
  }

  /** False: the hold is used up; stop reading until the listener hears how it goes on. `uncounted` bounds the tokens that
   *  came since the tally was last asked, as exactly as that limit needs. */
  hasRoom(uncounted: (limit: number) => number): boolean {
    const { hold, tally } = this;
    if (!hold || !tally || this.settled || uncounted(hold.tokensLeft) < hold.tokensLeft) return true;
    hold.account(this.priceOf(tally()) ?? 0n);
    if (hold.tokensLeft > 0) return true;
    hold.isUsedUp = true;
    crashPoint("hold.used_up");
    this.usedUpListener?.();
    return false;
  }

  onHold(listener: HoldListener): void {
    this.holdListener = listener;
  }

  /** Called when an extension cannot wait for the next tick. */
  onUsedUp(callback: () => void): void {
    this.usedUpListener = callback;
  }

  /** Reading waits for an extension. */
  get isUsedUp(): boolean {
    return !this.settled && this.hold?.isUsedUp === true;
  }

  /** A checkpoint's answer about the hold. `refused`: an extension was asked for and nothing more may be held. */
  heard({ amount, refused }: { amount: Nano | null; refused: boolean }): void {
    const { hold } = this;
    if (!hold || this.settled) return;
    if (amount !== null) hold.grow(amount);
    if (!hold.isUsedUp) return;
    if (hold.tokensLeft > 0) {
      hold.isUsedUp = false;
      crashPoint("hold.extended");
      this.holdListener?.extended();
    } else if (refused) {
      crashPoint("hold.exhausted");
      this.holdListener?.exhausted();
    }
  }

  /** Called when the hold was closed under us: whoever reads upstream must stop. */
  onAbort(callback: () => void): void {
    this.aborters.push(callback);
  }

  abort(reason: AbortReason): void {
    this.aborted ??= reason;
    for (const callback of this.aborters) callback();
  }

  /** An attempt that failed before any content: its own row, its cost is ours. */
  failAttempt(end: AttemptEnd): void {
    const { attempt } = this;
    if (!attempt) return;
    const cost = this.costOf(attempt.candidate, end.usage, end.report);
    this.wasteNano += cost ?? 0n;
    this.attempts.push(this.record(attempt, end, cost));
    this.attempt = null;
    this.tally = null;
  }

  /** A retry with the same key will ask for the answer: a call in one piece runs to its end although its client left. */
  get isAwaitedLater(): boolean {
    return this.admission.idempotency !== null;
  }

  /** As `finish`, for an answer in one piece: `render` makes it at its price, and a retry with the same key gets it again. */
  finishWhole(end: AttemptEnd, httpStatus: number, render: (price: Nano | null) => string): string {
    const price = this.admission.price && end.usage ? this.priceOf(end.usage) : null;
    const body = render(price);
    this.finish(end, httpStatus, body);
    return body;
  }

  /** Ends the call: prices it, settles it. Returns the price charged, null where unpriced or already settled. */
  finish(end: AttemptEnd, httpStatus: number, body: string | null = null): Nano | null {
    if (this.settled) return null;
    crashPoint("answer.complete");
    this.settled = true;
    this.outcome = end.outcome;
    const { attempt } = this;
    const paid = end.usage && addUsage(end.usage, end.carried);
    const usage = paid ? withRequest(paid) : {};
    const price = this.admission.price ? (paid ? this.priceOf(paid) : 0n) : null;
    const cost = attempt ? this.costOf(attempt.candidate, end.usage, end.report) : 0n;
    if (attempt) this.attempts.push(this.record(attempt, end, cost));
    // a model that was to come next may have been refused after the last attempt was closed
    const candidate = this.lastCandidate;
    const routing = this.admission.routing?.();
    if (routing && this.attempts[0]) this.attempts[0].routing = routing;
    const claim = this.admission.idempotency;
    crashPoint("answer.priced");
    this.deps.settle({
      org: this.admission.orgId,
      id: this.admission.requestId,
      outcome: end.outcome,
      http_status: httpStatus,
      price: price === null ? null : price.toString(),
      cost: cost === null ? null : cost.toString(),
      waste: this.wasteNano.toString(),
      usage: storedUsage(usage),
      usage_source: end.usageSource,
      provider: candidate?.offer.provider.slug ?? null,
      upstream_model: candidate?.offer.upstreamModel ?? null,
      credential: candidate?.credential?.id ?? null,
      route: attempt?.route ?? null,
      upstream_id: this.upstreamId,
      finish_reason: end.finishReason ?? null,
      latency_ms: Math.round(this.deps.clock.monotonic() - this.startedAt),
      first_token_ms: attempt?.firstTokenMs ?? null,
      client_retry: this.admission.clientRetry,
      attempts: this.attempts,
      ...(claim && { idempotency: outcomeFor(claim, body, end.usage !== null) }),
    });
    return price;
  }

  /** What `checkpoint_batch` should know now; null where nothing changed since the last one and the hold is fresh. */
  progress(renewAfterMs: number): ReturnType<CallMeter["snapshotProgress"]> | null {
    if (this.settled || !this.attempt) return null;
    const now = this.deps.clock.monotonic();
    const usage = this.tally?.() ?? null;
    const units = usage ? totalOutputTokens(usage) : 0;
    if (!this.isUsedUp && units === this.checkpointedUnits && now - this.checkpointedAt < renewAfterMs) return null;
    if (!usage && now - this.checkpointedAt < renewAfterMs) return null;
    this.checkpointedAt = now;
    this.checkpointedUnits = units;
    return this.snapshotProgress(usage, units);
  }

  /** For the checkpoint right after the first content: the whole input and one token of output. Counting what else came is
   *  left to the next tick, since most short streams are over before it. */
  firstProgress(): ReturnType<CallMeter["snapshotProgress"]> | null {
    if (this.settled || !this.attempt) return null;
    this.checkpointedAt = this.deps.clock.monotonic();
    this.checkpointedUnits = 1;
    return this.snapshotProgress({ input: this.admission.inputTokens(), output: 1 }, 1);
  }

  private snapshotProgress(usage: Usage | null, units: number) {
    const { candidate, route } = this.attempt as NonNullable<CallMeter["attempt"]>;
    const counted = usage ? withRequest(usage) : {};
    const accrued = usage ? (this.priceOf(usage) ?? 0n) : 0n;
    if (usage) this.hold?.account(accrued);
    return {
      orgId: this.admission.orgId,
      requestId: this.admission.requestId,
      attempt: this.attempts.length + 1,
      usage: storedUsage(counted),
      units,
      accrued,
      accruedCost: this.costOf(candidate, usage) ?? 0n,
      wantAmount: this.hold?.wish ?? null,
      context: {
        provider: candidate.offer.provider.slug,
        upstream_model: candidate.offer.upstreamModel,
        offer: candidate.offer.id,
        credential: candidate.credential?.id ?? null,
        cost_version: candidate.offer.cost?.versionId ?? null,
        route,
        upstream_id: this.upstreamId,
      },
    };
  }

  /** What the provider says it charges counts more than what we reckon. */
  private costOf(candidate: Candidate, usage: Usage | null, report?: UsageReport): Nano | null {
    const { cost } = candidate.offer;
    if (!usage) return 0n;
    if (report?.costNano !== undefined) return report.costNano;
    return cost && priceUsage(withRequest(usage), cost.rates, cost.factorBp);
  }

  /** The parts of this usage that the price has no rate for, as receipts name them. */
  unpriced(usage: Usage): string[] {
    const { price } = this.admission;
    return price ? unpricedParts(usage, price.rates).map((part) => `unpriced_usage:${part}`) : [];
  }

  private record(attempt: NonNullable<CallMeter["attempt"]>, end: AttemptEnd, cost: Nano | null): AttemptRecord {
    const { candidate } = attempt;
    return {
      offer: candidate.offer.id,
      provider: candidate.offer.provider.slug,
      upstream_model: candidate.offer.upstreamModel,
      credential: candidate.credential?.id ?? null,
      outcome: end.outcome,
      http_status: end.httpStatus,
      usage: end.usage && { ...end.usage, ...keptReport(end.report, this.unpriced(end.usage)) },
      cost: cost === null ? null : cost.toString(),
      cost_version: candidate.offer.cost?.versionId ?? null,
      first_token_ms: attempt.firstTokenMs,
      latency_ms: Math.round(this.deps.clock.monotonic() - attempt.startedAt),
      ...(end.reason !== undefined && { reason: end.reason }),
    };
  }
}

/** A call that was served is one request, whatever else it used. */
function withRequest(usage: Usage): Usage {
  return { ...usage, requests: 1 };
}
