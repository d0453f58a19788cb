import { expect, test } from "vitest";
import { fakeClock, makeCredentialValue } from "@/e2e/support/gateway-values";
import { CredentialCaps } from "@/lib/gateway/routing/credential-caps";

const MINUTE_MS = 60_000;
const capped = makeCredentialValue({ id: "c1", rpm: 10, tpm: 1_000 });

function make() {
  const clock = fakeClock();
  return { clock, caps: new CredentialCaps(clock) };
}

test("a credential without a cap is never spent, nor synchronised", () => {
  const { caps } = make();
  const free = makeCredentialValue({ id: "free" });
  for (let call = 0; call < 1_000; call++) caps.begin(free);
  caps.end(free, 1_000_000);
  expect([caps.isSpent(free), caps.untold()]).toEqual([false, []]);
});

test("calls of the last 60 s count, those of the minute before by the part that lies within", () => {
  const { clock, caps } = make();
  for (let call = 0; call < 9; call++) caps.begin(capped);
  expect(caps.isSpent(capped)).toBe(false);
  caps.begin(capped);
  expect(caps.isSpent(capped)).toBe(true);
  clock.advance(MINUTE_MS);
  expect(caps.isSpent(capped)).toBe(true);
  clock.advance(MINUTE_MS / 10);
  // nine tenths of ten are left
  expect(caps.isSpent(capped)).toBe(false);
  caps.begin(capped);
  expect(caps.isSpent(capped)).toBe(true);
  clock.advance(2 * MINUTE_MS);
  expect(caps.isSpent(capped)).toBe(false);
});

test("tokens count when an attempt ends", () => {
  const { caps } = make();
  caps.begin(capped);
  caps.end(capped, 999);
  expect(caps.isSpent(capped)).toBe(false);
  caps.end(capped, 1);
  expect(caps.isSpent(capped)).toBe(true);
});

test("two nodes that synchronise keep to one cap; what one failed to tell it tells later", () => {
  const one = make().caps;
  const two = make().caps;
  for (let call = 0; call < 6; call++) one.begin(capped);
  expect(two.isSpent(capped)).toBe(false);
  two.hear(one.untold());
  for (let call = 0; call < 4; call++) two.begin(capped);
  expect(two.isSpent(capped)).toBe(true);
  const lost = two.untold();
  expect(lost).toEqual([{ credential: "c1", calls: 4, tokens: 0 }]);
  two.restore(lost);
  one.hear(two.untold());
  expect(one.isSpent(capped)).toBe(true);
  // nobody else uses it any more
  one.hear([]);
  expect(one.isSpent(capped)).toBe(false);
});

test("one that nobody asks about is forgotten", () => {
  const { clock, caps } = make();
  caps.begin(capped);
  expect(caps.untold()).toHaveLength(1);
  clock.advance(2 * MINUTE_MS + 1);
  expect(caps.untold()).toEqual([]);
});
