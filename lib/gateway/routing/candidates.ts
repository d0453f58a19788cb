import type { FailureClass, ProviderDefinition } from "@/lib/gateway/providers/define";
import { findProvider } from "@/lib/gateway/providers/registry";
import type { RouteHealth } from "@/lib/gateway/routing/health";
import { placeIn, type RouteHints } from "@/lib/gateway/routing/hints";
import { lacking, type Need } from "@/lib/gateway/routing/needs";
import { weightedScores } from "@/lib/gateway/routing/rendezvous";
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

/** Why a candidate is passed over; `resting` ones are called last. */
export type SkipReason =
  | "resting"
  | "drained"
  | "unknown_kind"
  | "no_credential"
  | "credential_drained"
  | "credential_refused"
  | "credential_capped"
  | "credential_sealed_elsewhere"
  | "not_in_only"
  | "ignored"
  | "no_fallbacks"
  | "context_too_short"
  | `lacks:${Need}`
  | "lacks:hosted_tools"
  | Unservable;

/** Why a provider cannot be told a call: it lacks its endpoint, or the parameter cannot be said in its protocol. */
export type Unservable = "endpoint_not_served" | `untranslatable:${string}`;

/** One candidate as the route was made: in the order of calling, then those that are not called. */
export type Considered = {
  offer: SnapshotOffer;
  /** Null: the provider needs none, or the offer was passed over as a whole. */
  credential: SnapshotCredential | null;
  /** Of the offer among its tier, and of the credential among its offer's; null where nobody else was there. */
  score: number | null;
  credentialScore: number | null;
  reason: SkipReason | null;
};

/** How a model may be reached: the plan, and everything that was weighed for it. */
export type ModelRoute = { plan: RoutePlan; considered: readonly Considered[] };

const CREDENTIAL_BOUND: ReadonlySet<FailureClass> = new Set(["auth", "rate_limited"]);
const CLIENT_BOUND: ReadonlySet<string> = new Set(["invalid_request", "context_length", "content_policy"]);

export type RouteOptions = {
  affinity: string | null;
  random: () => number;
  health: Pick<RouteHealth, "factor" | "barOf">;
  /** What the request cannot be served without. */
  needs?: readonly Need[];
  hints?: RouteHints | null;
  /** Why a provider that does not speak the call's protocol cannot serve it; null: it can. */
  unservable?: (definition: ProviderDefinition) => Unservable | null;
  /** Whether so many tokens take the input; asked only where a window is known. */
  fits?: (contextWindow: number) => boolean;
};

export function planRoute(model: SnapshotModel, options: RouteOptions): RoutePlan {
  return routeOf(model, options).plan;
}

/** Ranks all candidates of a model, and says of each why it stands where it stands. */
export function routeOf(model: SnapshotModel, options: RouteOptions): ModelRoute {
  const skipped: Considered[] = [];
  const offers = fitting(model, capableOffers(model, options, skipped), options, skipped);
  const groups = inHintedOrder(
    tiersOf(offers).flatMap((tier) => orderOffers(tier, options, skipped)),
    options.hints ?? null,
    skipped,
  );
  const isResting = ({ candidate }: Ranked) => options.health.factor(candidate) === 0;
  const rested = groups.some((group) => group.some(isResting));
  const part = (resting: boolean) => groups.map((group) => group.filter((ranked) => isResting(ranked) === resting));
  const ranked = (rested ? [...part(false), ...part(true)] : groups).filter((group) => group.length > 0);
  return {
    plan: ranked.map((group) => group.map(({ candidate }) => candidate)),
    considered: [
      ...ranked.flat().map(({ candidate, score, credentialScore }): Considered => {
        const reason = rested && options.health.factor(candidate) === 0 ? "resting" : null;
        return { offer: candidate.offer, credential: candidate.credential, score, credentialScore, reason };
      }),
      ...skipped,
    ],
  };
}

type Ranked = { candidate: Candidate; score: number | null; credentialScore: number | null };

function passOver(offer: SnapshotOffer, reason: SkipReason, credential: SnapshotCredential | null = null): Considered {
  return { offer, credential, score: null, credentialScore: null, reason };
}

function capableOffers(model: SnapshotModel, options: RouteOptions, skipped: Considered[]): readonly SnapshotOffer[] {
  const { needs = [], hints = null } = options;
  const able = model.offers.filter((offer) => {
    const reason = hintedOut(offer, hints) ?? lackOf(model, offer, needs) ?? unservableBy(offer, options);
    if (reason) skipped.push(passOver(offer, reason));
    return !reason;
  });
  // the same list, so that its tiers need not be grouped again
  return able.length === model.offers.length ? model.offers : able;
}

function unservableBy({ provider }: SnapshotOffer, { unservable }: RouteOptions): SkipReason | null {
  const definition = unservable && findProvider(provider.kind);
  return definition ? unservable(definition) : null;
}

function lackOf(model: SnapshotModel, offer: SnapshotOffer, needs: readonly Need[]): SkipReason | null {
  const need = lacking(needs, model.capabilities, offer.capabilities);
  return need && `lacks:${need}`;
}

function hintedOut({ provider }: SnapshotOffer, hints: RouteHints | null): SkipReason | null {
  if (!hints) return null;
  if (hints.only && placeIn(hints.only, provider) < 0) return "not_in_only";
  return placeIn(hints.ignore, provider) >= 0 ? "ignored" : null;
}

/** Offers whose window takes the input. Where none seems to, all stay: ours is an estimate, and the upstream says it better. */
function fitting(
  model: SnapshotModel,
  offers: readonly SnapshotOffer[],
  { fits }: RouteOptions,
  skipped: Considered[],
): readonly SnapshotOffer[] {
  if (!fits || offers.length < 2) return offers;
  const window = (offer: SnapshotOffer) => offer.contextWindow ?? model.contextWindow;
  const able = offers.filter((offer) => window(offer) === null || fits(window(offer) as number));
  if (able.length === 0 || able.length === offers.length) return offers;
  const tooShort = offers.filter((offer) => !able.includes(offer));
  skipped.push(...tooShort.map((offer) => passOver(offer, "context_too_short")));
  return able;
}

/** What a client put first comes first, whatever the tiers. */
function inHintedOrder(groups: Ranked[][], hints: RouteHints | null, skipped: Considered[]): Ranked[][] {
  const able = groups.filter((group) => group.length > 0);
  if (!hints || (hints.order.length === 0 && hints.allowFallbacks)) return able;
  const placeOf = ([first]: Ranked[]) => {
    const place = first ? placeIn(hints.order, first.candidate.offer.provider) : -1;
    return place < 0 ? hints.order.length : place;
  };
  const ordered = able.toSorted((a, b) => placeOf(a) - placeOf(b));
  if (hints.allowFallbacks) return ordered;
  const kept =
    hints.order.length > 0 ? ordered.filter((group) => placeOf(group) < hints.order.length) : ordered.slice(0, 1);
  const dropped = ordered.filter((group) => !kept.includes(group)).flat();
  skipped.push(...dropped.map(({ candidate }) => passOver(candidate.offer, "no_fallbacks", candidate.credential)));
  return kept;
}

/** An offer is as healthy as the best of its credentials. */
function orderOffers(offers: readonly SnapshotOffer[], options: RouteOptions, skipped: Considered[]): Ranked[][] {
  const weighed = offers.map((offer) => {
    const ranked = offer.weight > 0 ? rankedOf(offer, options, skipped) : [];
    if (offer.weight <= 0) skipped.push(passOver(offer, "drained"));
    const factor = Math.max(0, ...ranked.map(({ candidate }) => options.health.factor(candidate)));
    // one that rests keeps its weight: it is moved behind the others as a whole
    return { id: offer.id, weight: offer.weight * (factor || 1), ranked };
  });
  return weightedScores(weighed, options).map(({ item, score }) => item.ranked.map((one) => ({ ...one, score })));
}

/** Offers are immutable, so the tiers of a whole model are grouped once. */
const tiersByOffers = new WeakMap<readonly SnapshotOffer[], readonly (readonly SnapshotOffer[])[]>();

function tiersOf(offers: readonly SnapshotOffer[]): readonly (readonly SnapshotOffer[])[] {
  let tiers = tiersByOffers.get(offers);
  if (!tiers) {
    const byPriority = Map.groupBy(offers, (offer) => offer.priority);
    tiers = [...byPriority].sort(([a], [b]) => a - b).map(([, tier]) => tier);
    tiersByOffers.set(offers, tiers);
  }
  return tiers;
}

/** The trouble is the credential's own: another one of the same offer may do. */
export function isCredentialBound(failure: FailureClass): boolean {
  return CREDENTIAL_BOUND.has(failure);
}

/** The trouble is the request's own: nobody else would answer it either. */
export function isClientBound(failure: string): boolean {
  return CLIENT_BOUND.has(failure);
}

/** Where to go after a failure: the next credential of the same offer for trouble that is the credential's, the next offer
 *  for trouble that is the upstream's, nowhere for what is the client's own. Null: nothing is left. */
export function nextPosition(plan: RoutePlan, at: Position, failure: FailureClass): Position | null {
  if (isClientBound(failure)) return null;
  if (isCredentialBound(failure) && plan[at.offer]?.[at.credential + 1])
    return { offer: at.offer, credential: at.credential + 1 };
  return plan[at.offer + 1] ? { offer: at.offer + 1, credential: 0 } : null;
}

export type Position = { offer: number; credential: number };

function rankedOf(offer: SnapshotOffer, options: RouteOptions, skipped: Considered[]): Omit<Ranked, "score">[] {
  const definition = findProvider(offer.provider.kind);
  const { credentials, sealingOrigin } = offer.provider;
  if (!definition) skipped.push(passOver(offer, "unknown_kind"));
  if (definition && credentials?.length === 0) skipped.push(passOver(offer, "no_credential"));
  if (!definition) return [];
  if (credentials === null) return [{ candidate: { definition, offer, credential: null }, credentialScore: null }];
  const usable = credentials.flatMap((credential) => {
    const candidate = { definition, offer, credential };
    const reason = unusable(candidate, sealingOrigin, options);
    if (reason) skipped.push(passOver(offer, reason, credential));
    const weight = credential.weight * (options.health.factor(candidate) || 1);
    return reason ? [] : [{ id: credential.id, weight, candidate }];
  });
  return weightedScores(usable, options).map(({ item, score }) => ({
    candidate: item.candidate,
    credentialScore: score,
  }));
}

function unusable(
  candidate: Candidate & { credential: SnapshotCredential },
  sealingOrigin: string,
  { health }: RouteOptions,
): SkipReason | null {
  // a secret sealed to another origin does not open, on purpose: it must be entered again
  if (candidate.credential.sealedOrigin !== sealingOrigin) return "credential_sealed_elsewhere";
  const bar = health.barOf(candidate);
  if (bar) return bar;
  return candidate.credential.weight > 0 ? null : "credential_drained";
}
