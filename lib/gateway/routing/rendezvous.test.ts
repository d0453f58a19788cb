import { describe, expect, it, test } from "vitest";
import { SEED, seededRandom } from "@/e2e/support/property";
import { weightedOrder } from "@/lib/gateway/routing/rendezvous";

const item = (id: string, weight = 100) => ({ id, weight });
const DRAWS = 10_000;

/** How often each item comes first, as a share. */
function shares(items: { id: string; weight: number }[], affinityOf: (draw: number) => string | null) {
  const random = seededRandom();
  const counts = new Map<string, number>(items.map(({ id }) => [id, 0]));
  for (let draw = 0; draw < DRAWS; draw++) {
    const first = weightedOrder(items, { affinity: affinityOf(draw), random })[0]?.id as string;
    counts.set(first, (counts.get(first) ?? 0) + 1);
  }
  return (id: string) => (counts.get(id) ?? 0) / DRAWS;
}

describe(`shares follow the weights within 2 points (SEED=${SEED})`, () => {
  it.each([
    ["at random", () => null],
    ["over many callers", (draw: number) => `caller-${SEED}-${draw}`],
  ])("3:1 %s", (_title, affinityOf) => {
    const share = shares([item("a", 300), item("b", 100)], affinityOf);
    expect(Math.abs(share("a") - 0.75)).toBeLessThan(0.02);
  });

  test("5:3:2 over three", () => {
    const share = shares([item("a", 50), item("b", 30), item("c", 20)], () => null);
    for (const [id, wanted] of [["a", 0.5] as const, ["b", 0.3] as const, ["c", 0.2] as const])
      expect(Math.abs(share(id) - wanted), id).toBeLessThan(0.02);
  });

  test("the second place is drawn by weight among the rest", () => {
    const random = seededRandom();
    let afterA = 0;
    let beforeC = 0;
    for (let draw = 0; draw < DRAWS; draw++) {
      const [first, second] = weightedOrder([item("a", 200), item("b", 300), item("c", 100)], {
        affinity: null,
        random,
      });
      if (first?.id !== "a") continue;
      afterA++;
      if (second?.id === "b") beforeC++;
    }
    expect(Math.abs(beforeC / afterA - 0.75)).toBeLessThan(0.03);
  });
});

describe("affinity", () => {
  const callers = Array.from({ length: 2_000 }, (_, i) => `caller-${i}`);
  const never = () => {
    throw new Error("affinity needs no chance");
  };
  const firsts = (items: { id: string; weight: number }[]) =>
    callers.map((affinity) => weightedOrder(items, { affinity, random: never })[0]?.id as string);
  const three = [item("a"), item("b"), item("c")];

  test("a caller keeps its whole order, however the items are listed", () => {
    const order = (items: { id: string; weight: number }[]) =>
      weightedOrder(items, { affinity: "caller", random: never }).map(({ id }) => id);
    expect(order(three)).toEqual(order([...three].reverse()));
    expect(order(three)).toHaveLength(3);
  });

  test("a removed item moves only its own callers", () => {
    const before = firsts(three);
    const after = firsts([item("a"), item("c")]);
    before.forEach((id, i) => {
      if (id !== "b") expect(after[i]).toBe(id);
    });
  });

  test("an added item takes its share and moves nobody else", () => {
    const before = firsts(three);
    const after = firsts([...three, item("d")]);
    const moved = after.filter((id, i) => id !== before[i]);
    expect(new Set(moved)).toEqual(new Set(["d"]));
    expect(Math.abs(moved.length / callers.length - 0.25)).toBeLessThan(0.05);
  });

  test("a raised weight only draws callers towards it", () => {
    const before = firsts(three);
    const after = firsts([item("a", 200), item("b"), item("c")]);
    after.forEach((id, i) => {
      if (id !== before[i]) expect(id).toBe("a");
    });
  });
});

describe("weight 0 is drained", () => {
  it.each([null, "caller"])("affinity %s", (affinity) => {
    const items = [item("a", 0), item("b"), item("c", 0)];
    expect(weightedOrder(items, { affinity, random: () => 0.5 })).toEqual([item("b")]);
    expect(weightedOrder([item("a", 0)], { affinity, random: () => 0.5 })).toEqual([]);
  });
});

test("chance at its very ends orders without NaN", () => {
  for (const value of [0, 1 - 2 ** -53]) {
    expect(weightedOrder([item("a"), item("b")], { affinity: null, random: () => value })).toHaveLength(2);
  }
});
