import { describe, expect, it, test } from "vitest";
import {
  makeCandidate,
  makeCredentialValue,
  makeHealth,
  makeModelValue,
  makeOfferValue,
  makeProviderValue,
} from "@/e2e/support/gateway-values";
import { seededRandom } from "@/e2e/support/property";
import type { FailureClass } from "@/lib/gateway/providers/define";
import { nextPosition, planRoute } from "@/lib/gateway/routing/candidates";
import type { SnapshotOffer } from "@/lib/gateway/snapshot";

const random = seededRandom(1);
const plan = (offers: SnapshotOffer[], affinity: string | null = null) =>
  planRoute(makeModelValue({ offers }), { affinity, random, health: makeHealth() });
const ids = (route: ReturnType<typeof plan>) =>
  route.map((candidates) => [candidates[0]?.offer.id, ...candidates.map(({ credential }) => credential?.id ?? null)]);

describe("the plan", () => {
  test("lower priorities come first, whatever the weights", () => {
    const offers = [
      makeOfferValue({ id: "third", priority: 20, weight: 10_000 }),
      makeOfferValue({ id: "first", priority: -1, weight: 1 }),
      makeOfferValue({ id: "second", priority: 0, weight: 1 }),
    ];
    for (let draw = 0; draw < 50; draw++)
      expect(plan(offers).map(([c]) => c?.offer.id)).toEqual(["first", "second", "third"]);
  });

  test("groups an offer's credentials, all of them, in an order of their own", () => {
    const credentials = ["c1", "c2", "c3"].map((id) => makeCredentialValue({ id }));
    const offers = [makeOfferValue({ provider: makeProviderValue({ credentials }) })];
    const orders = new Set<string>();
    for (let draw = 0; draw < 100; draw++) {
      const [candidates = []] = plan(offers);
      const order = candidates.map(({ credential }) => credential?.id as string);
      expect([...order].sort()).toEqual(["c1", "c2", "c3"]);
      orders.add(order.join());
    }
    expect(orders.size).toBe(6);
  });

  test("an affinity key keeps offer and credential", () => {
    const provider = makeProviderValue({ credentials: ["c1", "c2", "c3"].map((id) => makeCredentialValue({ id })) });
    const offers = ["o1", "o2", "o3"].map((id) => makeOfferValue({ id, provider }));
    const once = ids(plan(offers, "caller"));
    for (let draw = 0; draw < 20; draw++) expect(ids(plan(offers, "caller"))).toEqual(once);
    expect(
      new Set(Array.from({ length: 50 }, (_, i) => JSON.stringify(ids(plan(offers, `caller-${i}`))))).size,
    ).toBeGreaterThan(5);
  });

  it.each<[string, SnapshotOffer]>([
    ["a drained offer", makeOfferValue({ weight: 0 })],
    ["a kind without a provider file", makeOfferValue({ provider: makeProviderValue({ kind: "nothing" }) })],
    ["no credential", makeOfferValue({ provider: makeProviderValue({ credentials: [] }) })],
    [
      "a drained credential",
      makeOfferValue({ provider: makeProviderValue({ credentials: [makeCredentialValue({ weight: 0 })] }) }),
    ],
    [
      "a credential sealed to another origin",
      makeOfferValue({
        provider: makeProviderValue({ credentials: [makeCredentialValue({ sealedOrigin: "https://evil.example" })] }),
      }),
    ],
  ])("leaves out %s", (_title, offer) => {
    expect(plan([offer])).toEqual([]);
    expect(plan([offer, makeOfferValue({ id: "good", priority: 9 })]).map(([c]) => c?.offer.id)).toEqual(["good"]);
  });

  test("a provider that needs no credential has one candidate without", () => {
    const provider = makeProviderValue({ kind: "sandbox", credentials: null });
    expect(ids(plan([makeOfferValue({ provider })]))).toEqual([["offer_1", null]]);
  });
});

describe("over ten thousand seeded calls", () => {
  const CALLS = 10_000;
  const seeded = seededRandom();
  const named = (id: string) => makeOfferValue({ id, provider: makeProviderValue({ slug: id }) });

  it.each([
    ["by chance", () => null],
    ["by caller", (call: number) => `caller-${call}`],
  ])("offers of 3:1 have their shares within 2 points, %s", (_how, affinityOf) => {
    const model = makeModelValue({ offers: [{ ...named("heavy"), weight: 300 }, named("light")] });
    let heavy = 0;
    for (let call = 0; call < CALLS; call++) {
      const [[first] = []] = planRoute(model, { affinity: affinityOf(call), random: seeded, health: makeHealth() });
      if (first?.offer.id === "heavy") heavy++;
    }
    expect(Math.abs(heavy / CALLS - 0.75)).toBeLessThanOrEqual(0.02);
  });

  test("a session stays on its credential while others fall ill and recover; only sessions of the ill one move", () => {
    const credentials = ["c1", "c2", "c3", "c4"].map((id) => makeCredentialValue({ id }));
    const model = makeModelValue({ offers: [makeOfferValue({ provider: makeProviderValue({ credentials }) })] });
    const used = new Map<string, Map<string, number>>();
    for (let call = 0; call < CALLS; call++) {
      // c1 proves itself, then rests, then is well again
      const factorOfFirst = ([1, 0.1, 0, 1] as const)[Math.floor((call / CALLS) * 4)] ?? 1;
      const health = {
        barOf: () => null,
        factor: ({ credential }: { credential: { id: string } | null }) =>
          credential?.id === "c1" ? factorOfFirst : 1,
      };
      const session = `session-${call % 200}`;
      const [[first] = []] = planRoute(model, { affinity: session, random: seeded, health });
      const counts = used.get(session) ?? new Map<string, number>();
      const id = first?.credential?.id ?? "";
      used.set(session, counts.set(id, (counts.get(id) ?? 0) + 1));
    }
    for (const [session, counts] of used) {
      const home = [...counts].reduce((most, one) => (one[1] > most[1] ? one : most));
      const total = [...counts.values()].reduce((sum, n) => sum + n, 0);
      // a session at home on c1 may be away while it is ill; all others never move
      if (!counts.has("c1")) expect(home[1] / total, session).toBeGreaterThanOrEqual(0.99);
    }
    expect([...used.values()].filter((counts) => counts.has("c1")).length).toBeLessThan(80);
  });
});

describe("after a failure", () => {
  const candidate = makeCandidate();
  const route = [[candidate, candidate], [candidate]];
  const next = (failure: FailureClass, offer: number, credential: number) =>
    nextPosition(route, { offer, credential }, failure);

  it.each(["auth", "rate_limited"] as const)("%s goes to the next credential, then to the next offer", (failure) => {
    expect(next(failure, 0, 0)).toEqual({ offer: 0, credential: 1 });
    expect(next(failure, 0, 1)).toEqual({ offer: 1, credential: 0 });
    expect(next(failure, 1, 0)).toBeNull();
  });

  it.each(["overloaded", "server", "timeout", "network"] as const)("%s goes to the next offer at once", (failure) => {
    expect(next(failure, 0, 0)).toEqual({ offer: 1, credential: 0 });
    expect(next(failure, 1, 0)).toBeNull();
  });

  it.each(["invalid_request", "context_length", "content_policy"] as const)("%s goes nowhere", (failure) => {
    expect(next(failure, 0, 0)).toBeNull();
  });
});
