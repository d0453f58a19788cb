import "@/e2e/support/property";
import fc from "fast-check";
import { expect, test } from "vitest";
import { newId } from "@/lib/ids";

test("an id is its prefix and 26 characters of base 32 without look-alikes", () => {
  for (let i = 0; i < 500; i++) expect(newId("req")).toMatch(/^req_[0-9a-hjkmnp-tv-z]{26}$/);
});

test("ids made later sort later", () => {
  const moment = fc.integer({ min: 0, max: 2 ** 48 - 1 });
  fc.assert(fc.property(moment, moment, (a, b) => a === b || newId("x", a) < newId("x", b) === a < b));
});

test("ids of one moment do not repeat, and every random character varies", () => {
  const ids = Array.from({ length: 20_000 }, () => newId("x", 0));
  expect(new Set(ids).size).toBe(ids.length);
  for (let at = 12; at < 28; at++) expect(new Set(ids.map((id) => id[at])).size, `character ${at}`).toBe(32);
});
