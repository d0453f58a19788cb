import { expect, test } from "vitest";
import { fakeClock } from "@/e2e/support/gateway-values";
import { Breaker } from "@/lib/gateway/routing/breaker";

function make(random = () => 0.5) {
  const clock = fakeClock();
  const breaker = new Breaker(clock, random);
  const fail = (times: number) => Array.from({ length: times }, () => breaker.fail());
  return { clock, breaker, fail };
}

test("opens on the fifth failure in a row, a success starts the count anew", () => {
  const { breaker, fail } = make();
  expect(fail(4)).toEqual([false, false, false, false]);
  breaker.succeed();
  expect(fail(5)).toEqual([false, false, false, false, true]);
  expect(breaker.state).toBe("open");
});

test("opens when half of at least 20 calls within 30 s failed, not before and not later", () => {
  const { clock, breaker } = make();
  for (let pair = 0; pair < 9; pair++) {
    breaker.succeed();
    expect(breaker.fail()).toBe(false);
  }
  breaker.succeed();
  expect(breaker.fail()).toBe(true);

  const late = new Breaker(clock, () => 0.5);
  for (let pair = 0; pair < 9; pair++) {
    late.succeed();
    late.fail();
  }
  clock.advance(31_000);
  late.succeed();
  expect(late.fail()).toBe(false);
});

test("each opening in a row rests 5 s longer, 300 s at most, ± 20 %", () => {
  const { clock, breaker, fail } = make();
  fail(5);
  expect(breaker.restMs).toBe(5_000);
  for (let opening = 2; opening <= 62; opening++) {
    clock.advance(breaker.restMs);
    expect(breaker.fail()).toBe(true);
    expect(breaker.restMs).toBe(Math.min(300_000, 5_000 * opening));
  }
  for (const [chance, restMs] of [[0, 4_000] as const, [1, 6_000] as const]) {
    const other = make(() => chance);
    other.fail(5);
    expect(other.breaker.restMs).toBe(restMs);
  }
});

test("half-open after its rest: one probe, whose success closes", () => {
  const { clock, breaker, fail } = make();
  fail(5);
  clock.advance(4_999);
  expect(breaker.state).toBe("open");
  // a call that began before the opening
  expect(breaker.succeed()).toBe(false);
  clock.advance(1);
  expect(breaker.state).toBe("half_open");
  expect(breaker.isProbed).toBe(false);
  breaker.probe(10_000, true);
  expect(breaker.isProbed).toBe(true);
  expect(breaker.succeed()).toBe(true);
  expect(breaker.state).toBe("closed");
  expect(fail(4)).not.toContain(true);
});

test("a probe that tells nothing, or never ends, makes room for the next", () => {
  const { clock, breaker, fail } = make();
  fail(5);
  clock.advance(5_000);
  breaker.probe(10_000, true);
  expect(breaker.leave()).toBe(true);
  expect(breaker.isProbed).toBe(false);
  // another node's probe is not this node's to end
  breaker.probe(10_000, false);
  expect(breaker.leave()).toBe(false);
  expect(breaker.isProbed).toBe(true);
  clock.advance(10_000);
  expect(breaker.isProbed).toBe(false);
});
