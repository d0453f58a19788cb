import { describe, expect, test } from "vitest";
import {
  fakeClock,
  makeCredentialValue,
  makeModelValue,
  makeOfferValue,
  makeProviderValue,
  SHARING,
} from "@/e2e/support/gateway-values";
import { seededRandom } from "@/e2e/support/property";
import type { FailureClass, UpstreamFailure } from "@/lib/gateway/providers/define";
import { planRoute } from "@/lib/gateway/routing/candidates";
import { type Rest, RouteHealth } from "@/lib/gateway/routing/health";

const failure = (name: FailureClass, retryAfterMs: number | null = null): UpstreamFailure => ({
  ...{ class: name, status: 500, message: "no", param: null, retryAfterMs },
});

/** Two offers in two tiers, the first with two credentials. */
function make() {
  const clock = fakeClock();
  const shared: Rest[] = [];
  const disabled: string[] = [];
  const claimed: string[] = [];
  const released: string[] = [];
  /** What the next claims are told. */
  const keptMs: number[] = [];
  const health = new RouteHealth(
    { clock, random: () => 0.5 },
    {
      ...SHARING,
      share: (rest) => shared.push(rest),
      disable: ({ id }) => disabled.push(id),
      claim: async (target) => {
        claimed.push(target);
        return keptMs.shift() ?? 0;
      },
      release: (target) => released.push(target),
    },
  );
  const provider = makeProviderValue({ credentials: ["c1", "c2"].map((id) => makeCredentialValue({ id })) });
  const spare = makeProviderValue({ id: "prov_2", credentials: [makeCredentialValue({ id: "c3" })] });
  const model = makeModelValue({
    offers: [
      makeOfferValue({ id: "o1", provider, priority: 0 }),
      makeOfferValue({ id: "o2", provider: spare, priority: 1 }),
    ],
  });
  const plan = () => planRoute(model, { affinity: "caller", random: seededRandom(1), health });
  const order = () => plan().map((group) => group.map(({ credential }) => credential?.id));
  const candidate = (id: string) => {
    const found = plan()
      .flat()
      .find(({ credential }) => credential?.id === id);
    if (!found) throw new Error(`no candidate ${id}`);
    return found;
  };
  return { clock, shared, disabled, claimed, released, keptMs, health, order, candidate };
}

test("429 rests that credential alone, for exactly its Retry-After, behind the healthy ones", () => {
  const { clock, shared, health, order, candidate } = make();
  const before = order();
  const [first, second] = before[0] as [string, string];
  health.note(candidate(first), failure("rate_limited", 7_000));
  expect(order()).toEqual([[second], ["c3"], [first]]);
  expect(shared).toEqual([{ target: first, restMs: 7_000, openings: 0, reason: "rate_limited" }]);
  clock.advance(6_999);
  expect(order()).toEqual([[second], ["c3"], [first]]);
  clock.advance(1);
  expect(order()).toEqual(before);
});

test("a shorter Retry-After does not cut a longer one short; without one it rests 5 s", () => {
  const { clock, shared, health, candidate } = make();
  const first = candidate("c1");
  health.note(first, failure("rate_limited"));
  health.note(first, failure("rate_limited", 1_000));
  expect(shared.map(({ restMs }) => restMs)).toEqual([5_000]);
  clock.advance(4_999);
  expect(health.factor(first)).toBe(0);
  clock.advance(1);
  expect(health.factor(first)).toBe(1);
});

test("a refused credential gets no call any more, even where nothing else is left", () => {
  const { disabled, health, order, candidate } = make();
  for (const id of ["c1", "c2", "c3"]) health.note(candidate(id), failure("auth"));
  expect(order()).toEqual([]);
  expect(disabled).toEqual(["c1", "c2", "c3"]);
});

test("routes that all rest are all still there", () => {
  const { health, order, candidate } = make();
  const before = order();
  for (const id of ["c1", "c2", "c3"]) health.note(candidate(id), failure("rate_limited", 60_000));
  expect(order()).toEqual(before);
});

describe("a breaker", () => {
  const trip = ({ health, candidate }: ReturnType<typeof make>, id: string, name: FailureClass = "server") => {
    const it = candidate(id);
    for (let call = 0; call < 5; call++) health.note(it, failure(name));
    return it;
  };

  test.each(["overloaded", "server", "timeout", "network"] as const)("opens on five times %s", (name) => {
    const context = make();
    const route = trip(context, "c3", name);
    expect(context.health.factor(route)).toBe(0);
    expect(context.shared).toEqual([{ target: "o2/c3", restMs: 5_000, openings: 1, reason: name }]);
  });

  test.each(["invalid_request", "context_length", "content_policy", "rate_limited", "auth"] as const)(
    "does not count %s",
    (name) => {
      const context = make();
      trip(context, "c3", name);
      expect(context.health.states().filter(({ target }) => target === "o2/c3")).toEqual([]);
    },
  );

  test("steps to 0.1 after its rest, to 0 for others while one call probes, to 1 when that succeeds", async () => {
    const context = make();
    const { clock, health, shared } = context;
    const route = trip(context, "c3");
    clock.advance(5_000);
    expect(health.factor(route)).toBe(0.1);
    const both = await Promise.all([health.enter(route), health.enter(route)]);
    expect(both).toEqual([true, false]);
    expect(health.factor(route)).toBe(0);
    expect(context.claimed).toEqual(["o2/c3"]);
    health.note(route, "success");
    expect(health.factor(route)).toBe(1);
    expect(shared.at(-1)).toEqual({ target: "o2/c3", restMs: 0, openings: 0, reason: "" });
  });

  test("is left alone while another node probes it, and asked for again only after that", async () => {
    const context = make();
    const { clock, health } = context;
    const route = trip(context, "c3");
    clock.advance(5_000);
    context.keptMs.push(4_000);
    expect(await health.enter(route)).toBe(false);
    clock.advance(3_999);
    expect([health.factor(route), await health.enter(route)]).toEqual([0, false]);
    clock.advance(1);
    expect([health.factor(route), await health.enter(route)]).toEqual([0.1, true]);
    expect(context.claimed).toHaveLength(2);
    health.note(route, "neutral");
    expect(context.released).toEqual(["o2/c3"]);
  });

  test("ends its rest with the others' when a check found the upstream alive", () => {
    const context = make();
    const route = trip(context, "c3");
    context.health.adopt([{ target: "o2/c3", restMs: 0, openings: 1, reason: "server" }], () => false);
    expect(context.health.factor(route)).toBe(0.1);
  });

  test("what the other nodes know is taken over, opened and closed, but not over a newer finding", () => {
    const { clock, health, candidate } = make();
    const route = candidate("c3");
    const known = [
      { target: "o2/c3", restMs: 3_000, openings: 2, reason: "server" },
      { target: "c1", restMs: 1_000, openings: 0, reason: "rate_limited" },
    ];
    health.adopt(known, () => true);
    expect(health.states()).toEqual([]);
    health.adopt(known, () => false);
    expect([health.factor(route), health.factor(candidate("c1")), health.factor(candidate("c2"))]).toEqual([0, 0, 1]);
    clock.advance(3_000);
    // the third opening in a row
    health.note(route, failure("server"));
    expect(health.states()).toEqual([{ target: "o2/c3", state: "open", restMs: 15_000 }]);
    health.adopt([], (target) => target === "o2/c3");
    expect(health.factor(route)).toBe(0);
    health.adopt([], () => false);
    expect(health.states()).toEqual([]);
  });
});
