import type { FailureClass, ProviderDefinition } from "@/lib/gateway/providers/define";
import { findProvider } from "@/lib/gateway/providers/registry";
import type { RouteHealth } from "@/lib/gateway/routing/health";
import { weightedOrder } from "@/lib/gateway/routing/rendezvous";
import type { SnapshotCredential, SnapshotModel, SnapshotOffer } from "@/lib/gateway/snapshot";

/** An offer with one of its credentials; a provider that needs none has the credential null. */
export type Candidate = {
  definition: ProviderDefinition;
  offer: SnapshotOffer;
  credential: SnapshotCredential | null;
};

/** Candidates in failover order, grouped by offer: tiers by priority, inside a tier by weighted rendezvous, inside an offer
 *  its credentials likewise. Weight 0 is drained. Those that rest come behind all others, in the same order. */
export type RoutePlan = readonly (readonly Candidate[])[];

const CREDENTIAL_BOUND: ReadonlySet<FailureClass> = new Set(["auth", "rate_limited"]);
const CLIENT_BOUND: ReadonlySet<FailureClass> = new Set(["invalid_request", "context_length", "content_policy"]);

export type RouteOptions = {
  affinity: string | null;
  random: () => number;
  health: Pick<RouteHealth, "factor" | "mayCall">;
};

export function planRoute(model: SnapshotModel, options: RouteOptions): RoutePlan {
  const groups = tiersOf(model)
    .flatMap((offers) => orderOffers(offers, options))
    .filter((candidates) => candidates.length > 0);
  const rests = (candidate: Candidate) => options.health.factor(candidate) === 0;
  if (!groups.some((candidates) => candidates.some(rests))) return groups;
  const part = (isResting: boolean) =>
    groups.map((candidates) => candidates.filter((candidate) => rests(candidate) === isResting));
  return [...part(false), ...part(true)].filter((candidates) => candidates.length > 0);
}

/** The part of a plan that can serve a call, in the same order. */
export function narrowed(plan: RoutePlan, serves: (candidate: Candidate) => boolean): RoutePlan {
  return plan.map((offer) => offer.filter(serves)).filter((offer) => offer.length > 0);
}

/** An offer is as healthy as the best of its credentials. */
function orderOffers(offers: readonly SnapshotOffer[], options: RouteOptions): Candidate[][] {
  const weighed = offers.map((offer) => {
    const candidates = candidatesOf(offer, options);
    const factor = Math.max(0, ...candidates.map((candidate) => options.health.factor(candidate)));
    // one that rests keeps its weight: it is moved behind the others as a whole
    return { id: offer.id, weight: offer.weight * (factor || 1), candidates };
  });
  return weightedOrder(weighed, options).map(({ candidates }) => candidates);
}

/** A model is immutable, so its tiers are grouped once. */
const tiersByModel = new WeakMap<SnapshotModel, readonly (readonly SnapshotOffer[])[]>();

function tiersOf(model: SnapshotModel): readonly (readonly SnapshotOffer[])[] {
  let tiers = tiersByModel.get(model);
  if (!tiers) {
    const byPriority = Map.groupBy(model.offers, (offer) => offer.priority);
    tiers = [...byPriority].sort(([a], [b]) => a - b).map(([, offers]) => offers);
    tiersByModel.set(model, tiers);
  }
  return tiers;
}

/** The trouble is the credential's own: another one of the same offer may do. */
export function isCredentialBound(failure: FailureClass): boolean {
  return CREDENTIAL_BOUND.has(failure);
}

/** Where to go after a failure: the next credential of the same offer for trouble that is the credential's, the next offer
 *  for trouble that is the upstream's, nowhere for what is the client's own. Null: nothing is left. */
export function nextPosition(plan: RoutePlan, at: Position, failure: FailureClass): Position | null {
  if (CLIENT_BOUND.has(failure)) return null;
  if (CREDENTIAL_BOUND.has(failure) && plan[at.offer]?.[at.credential + 1])
    return { offer: at.offer, credential: at.credential + 1 };
  return plan[at.offer + 1] ? { offer: at.offer + 1, credential: 0 } : null;
}

export type Position = { offer: number; credential: number };

function candidatesOf(offer: SnapshotOffer, options: RouteOptions): Candidate[] {
  const definition = findProvider(offer.provider.kind);
  if (!definition) return [];
  const { credentials } = offer.provider;
  if (credentials === null) return [{ definition, offer, credential: null }];
  // a secret sealed to another origin does not open, on purpose: it must be entered again
  const usable = credentials.filter(({ sealedOrigin }) => sealedOrigin === offer.provider.sealingOrigin);
  const weighed = usable
    .map((credential) => ({ definition, offer, credential }))
    .filter((candidate) => options.health.mayCall(candidate))
    .map((candidate) => ({
      id: candidate.credential.id,
      weight: candidate.credential.weight * (options.health.factor(candidate) || 1),
      candidate,
    }));
  return weightedOrder(weighed, options).map(({ candidate }) => candidate);
}
