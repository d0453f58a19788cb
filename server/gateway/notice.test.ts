import { expect, test } from "vitest";
import { createNotice } from "./notice";

function probedAt(times: readonly number[], now: number): number {
  let time = 0;
  const notice = createNotice(() => time);
  for (time of times) notice.probed();
  time = now;
  return notice.ms;
}

test("a gateway that nobody asks ends at once", () => {
  expect(probedAt([], 60_000)).toBe(0);
  expect(probedAt([1_000], 1_100)).toBe(0);
  expect(probedAt([0, 1_000, 2_000], 60_000)).toBe(0);
});

test("whoever asks is given two turns to hear of it, five seconds at most", () => {
  expect(probedAt([0, 1_000, 2_000], 2_500)).toBe(2_000);
  expect(probedAt([0, 10_000, 20_000], 20_500)).toBe(5_000);
});

test("of several who ask, each has at least one turn", () => {
  expect(probedAt([0, 1_000, 1_010, 2_000, 2_010], 2_100)).toBe(990);
});

test("what was asked while it started is soon forgotten", () => {
  expect(probedAt([0, 4_000, 4_025, 4_050, 4_075, 4_100, 4_125, 4_150], 4_200)).toBeLessThan(150);
});
