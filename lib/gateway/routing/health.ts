import type { Clock } from "@/lib/clock";
import type { FailureClass, UpstreamFailure } from "@/lib/gateway/providers/define";
import { Breaker, type BreakerState, PROBE_MS } from "@/lib/gateway/routing/breaker";
import type { Candidate } from "@/lib/gateway/routing/candidates";
import { CredentialCaps } from "@/lib/gateway/routing/credential-caps";
import { type AttemptFigures, type AttemptVerdict, RouteCounts } from "@/lib/gateway/routing/route-counts";
import type { SnapshotCredential } from "@/lib/gateway/snapshot";

/** What all gateways know of a route. `openings` is 0 for a cool-down; restMs 0 says that it works again. */
export type Rest = { target: string; restMs: number; openings: number; reason: string };

/** Where a finding is made known to the other nodes. */
export type HealthSharing = {
  share(rest: Rest): void;
  /** Asks to be the one that probes a half-open route. Resolves to 0 for yes, else to how long another one keeps it, in ms.
   *  Never rejects: where nobody can be asked, each node probes for itself. */
  claim(target: string, leaseMs: number): Promise<number>;
  /** The probe told nothing: the next one may begin. */
  release(target: string): void;
  /** The upstream refuses this credential: out of use everywhere until it is verified. */
  disable(credential: SnapshotCredential, failure: UpstreamFailure): void;
};

/** failure: of the candidate's; success: it answered; neutral: ended without telling anything, as when the client left. */
export type Finding = UpstreamFailure | "success" | "failure" | "neutral";

const UPSTREAM_BOUND: ReadonlySet<FailureClass> = new Set(["overloaded", "server", "timeout", "network"]);
const DEFAULT_COOL_DOWN_MS = 5_000;
/** A header that asks for more than a day is a mistake. */
const MAX_COOL_DOWN_MS = 24 * 60 * 60_000;

/** How the routes of this node's calls are doing: cool-downs of credentials, breakers of offers with a credential, credentials
 *  the upstream refused. Kept in memory and shared with the other nodes. */
export class RouteHealth {
  private readonly breakers = new Map<string, Breaker>();
  private readonly coolDowns = new Map<string, { until: number; reason: string }>();
  /** By object: a snapshot read later has others, and leaves out what is disabled. */
  private readonly refused = new WeakSet<SnapshotCredential>();
  readonly counts = new RouteCounts();
  readonly caps: CredentialCaps;

  constructor(
    private readonly deps: { clock: Clock; random: () => number },
    private readonly sharing: HealthSharing,
  ) {
    this.caps = new CredentialCaps(deps.clock);
  }

  /** Why no call may use it: the upstream refused the credential, or its cap is reached; null: a call may. */
  barOf({ credential }: Candidate): "credential_refused" | "credential_capped" | null {
    if (credential === null) return null;
    if (this.refused.has(credential)) return "credential_refused";
    return this.caps.isSpent(credential) ? "credential_capped" : null;
  }

  /** By which the weight is multiplied: 1, 0.1 while it has to prove itself again, 0 while it rests. Few steps, so that
   *  affinity does not flutter. */
  factor(candidate: Candidate): 0 | 0.1 | 1 {
    if (this.coolDownMs(coolDownTarget(candidate)) > 0) return 0;
    const breaker = this.breakers.get(breakerTarget(candidate));
    if (!breaker || breaker.state === "closed") return 1;
    return breaker.state === "half_open" && !breaker.isProbed ? 0.1 : 0;
  }

  /** An attempt is sent. */
  begin({ credential }: Candidate): void {
    if (credential) this.caps.begin(credential);
  }

  /** A call would begin. False: another call, of whichever node, is probing this route at the moment. */
  async enter(candidate: Candidate): Promise<boolean> {
    const target = breakerTarget(candidate);
    const breaker = this.breakers.get(target);
    if (breaker?.state !== "half_open") return true;
    if (breaker.isProbed) return false;
    // at once, so that this node asks once however many calls come
    breaker.probe(PROBE_MS, true);
    const waitMs = await this.sharing.claim(target, PROBE_MS);
    if (waitMs > 0) breaker.probe(waitMs, false);
    return waitMs <= 0;
  }

  /** What a call found out, and what it took. The client's own mistakes say nothing about a route. */
  note(candidate: Candidate, finding: Finding, figures: AttemptFigures | null = null): void {
    const name = typeof finding === "string" ? finding : finding.class;
    const error = name === "success" || name === "neutral" ? null : name;
    this.counts.note(candidate, verdictOf(name), error, figures);
    if (candidate.credential && figures) this.caps.end(candidate.credential, figures.tokens);
    if (name === "success") return this.succeed(candidate);
    if (name === "failure" || UPSTREAM_BOUND.has(name as FailureClass)) return this.fail(candidate, name);
    const target = breakerTarget(candidate);
    if (this.breakers.get(target)?.leave()) this.sharing.release(target);
    if (typeof finding === "string") return;
    if (finding.class === "rate_limited") this.coolDown(candidate, finding.retryAfterMs);
    if (finding.class === "auth" && candidate.credential) {
      this.refused.add(candidate.credential);
      this.sharing.disable(candidate.credential, finding);
    }
  }

  /** Takes over what all nodes know; `isNewer` names targets of which this node knows something that is not shared yet. */
  adopt(rests: readonly Rest[], isNewer: (target: string) => boolean): void {
    const known = new Map(rests.map((rest) => [rest.target, rest]));
    for (const [target, breaker] of this.breakers)
      if (!known.has(target) && breaker.openings > 0 && !isNewer(target)) breaker.close();
    for (const target of this.coolDowns.keys())
      if (!known.has(target) && !isNewer(target)) this.coolDowns.delete(target);
    for (const { target, restMs, openings, reason } of rests) {
      if (isNewer(target)) continue;
      if (openings === 0) {
        this.coolDowns.set(target, { until: this.deps.clock.monotonic() + restMs, reason });
        continue;
      }
      const breaker = this.breakerOf(target);
      // a probe under way must not be forgotten by a rest that is long over
      if (restMs > 0 || breaker.openings !== openings || breaker.state === "open") breaker.open(restMs, openings);
    }
  }

  /** Of every route that is not simply well; for metrics. */
  states(): { target: string; state: Exclude<BreakerState, "closed"> | "resting"; restMs: number }[] {
    const breakers = [...this.breakers].flatMap(([target, { state, restMs }]) =>
      state === "closed" ? [] : [{ target, state, restMs }],
    );
    const coolDowns = [...this.coolDowns.keys()].flatMap((target) => {
      const restMs = this.coolDownMs(target);
      return restMs > 0 ? [{ target, state: "resting" as const, restMs }] : [];
    });
    return [...breakers, ...coolDowns];
  }

  private succeed(candidate: Candidate): void {
    const target = breakerTarget(candidate);
    if (this.breakerOf(target).succeed()) this.sharing.share({ target, restMs: 0, openings: 0, reason: "" });
  }

  private fail(candidate: Candidate, reason: string): void {
    const target = breakerTarget(candidate);
    const breaker = this.breakerOf(target);
    if (!breaker.fail()) return;
    this.sharing.share({ target, restMs: Math.ceil(breaker.restMs), openings: breaker.openings, reason });
  }

  private coolDown(candidate: Candidate, retryAfterMs: number | null): void {
    const target = coolDownTarget(candidate);
    const restMs = Math.min(MAX_COOL_DOWN_MS, Math.ceil(retryAfterMs ?? DEFAULT_COOL_DOWN_MS));
    if (restMs <= this.coolDownMs(target)) return;
    this.coolDowns.set(target, { until: this.deps.clock.monotonic() + restMs, reason: "rate_limited" });
    this.sharing.share({ target, restMs, openings: 0, reason: "rate_limited" });
  }

  private coolDownMs(target: string): number {
    return Math.max(0, (this.coolDowns.get(target)?.until ?? 0) - this.deps.clock.monotonic());
  }

  private breakerOf(target: string): Breaker {
    let breaker = this.breakers.get(target);
    if (!breaker) {
      breaker = new Breaker(this.deps.clock, this.deps.random);
      this.breakers.set(target, breaker);
    }
    return breaker;
  }
}

function verdictOf(name: FailureClass | "success" | "failure" | "neutral"): AttemptVerdict {
  if (name === "success") return "ok";
  if (name === "failure" || UPSTREAM_BOUND.has(name as FailureClass)) return "failed";
  return name === "rate_limited" ? "limited" : name === "auth" ? "refused" : "neutral";
}

/** A limit is the credential's, whatever is called with it. */
function coolDownTarget({ offer, credential }: Candidate): string {
  return credential?.id ?? offer.id;
}

function breakerTarget({ offer, credential }: Candidate): string {
  return credential ? `${offer.id}/${credential.id}` : `${offer.id}/`;
}
