import type { FailureClass, ProviderDefinition } from "@/lib/gateway/providers/define";
import { findProvider } from "@/lib/gateway/providers/registry";
import { weightedOrder } from "@/lib/gateway/routing/rendezvous";
import type { SnapshotCredential, SnapshotModel, SnapshotOffer } from "@/lib/gateway/snapshot";

/** An offer with one of its credentials; a provider that needs none has the credential null. */
export type Candidate = {
  definition: ProviderDefinition;
  offer: SnapshotOffer;
  credential: SnapshotCredential | null;
};

/** Candidates in failover order, grouped by offer: tiers by priority, inside a tier by weighted rendezvous, inside an offer
 *  its credentials likewise. Weight 0 is drained. */
export type RoutePlan = readonly (readonly Candidate[])[];

const CREDENTIAL_BOUND: ReadonlySet<FailureClass> = new Set(["auth", "rate_limited"]);
const CLIENT_BOUND: ReadonlySet<FailureClass> = new Set(["invalid_request", "context_length", "content_policy"]);

export function planRoute(model: SnapshotModel, options: { affinity: string | null; random: () => number }): RoutePlan {
  return tiersOf(model)
    .flatMap((offers) => weightedOrder(offers, options))
    .map((offer) => candidatesOf(offer, options))
    .filter((candidates) => candidates.length > 0);
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

/** Where to go after a failure: the next credential of the same offer for trouble that is the credential's, the next offer
 *  for trouble that is the upstream's, nowhere for what is the client's own. Null: nothing is left. */
export function nextPosition(plan: RoutePlan, at: Position, failure: FailureClass): Position | null {
  if (CLIENT_BOUND.has(failure)) return null;
  if (CREDENTIAL_BOUND.has(failure) && plan[at.offer]?.[at.credential + 1])
    return { offer: at.offer, credential: at.credential + 1 };
  return plan[at.offer + 1] ? { offer: at.offer + 1, credential: 0 } : null;
}

export type Position = { offer: number; credential: number };

function candidatesOf(offer: SnapshotOffer, options: { affinity: string | null; random: () => number }): Candidate[] {
  const definition = findProvider(offer.provider.kind);
  if (!definition) return [];
  const { credentials } = offer.provider;
  if (credentials === null) return [{ definition, offer, credential: null }];
  // a secret sealed to another origin does not open, on purpose: it must be entered again
  const usable = credentials.filter(({ sealedOrigin }) => sealedOrigin === offer.provider.sealingOrigin);
  return weightedOrder(usable, options).map((credential) => ({ definition, offer, credential }));
}
