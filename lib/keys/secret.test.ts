import { expect, test } from "vitest";
import { generateKey, hashKey, isWellFormedKey, keyDisplay, keyKind } from "@/lib/keys/secret";

test("a key is its prefix, 43 random and 6 checksum characters", () => {
  for (const kind of ["sk", "mk", "pt"] as const) {
    const key = generateKey(kind);
    expect(key).toMatch(new RegExp(`^aigne_${kind}_[0-9A-Za-z]{49}$`));
    expect(isWellFormedKey(key)).toBe(true);
    expect(keyKind(key)).toBe(kind);
  }
});

test("every changed character of an app key breaks its checksum", () => {
  const key = generateKey("sk");
  for (let i = "aigne_sk_".length; i < key.length; i++) {
    const other = key[i] === "a" ? "b" : "a";
    expect(isWellFormedKey(key.slice(0, i) + other + key.slice(i + 1))).toBe(false);
  }
});

test("junk is not well formed", () => {
  const key = generateKey("sk");
  for (const junk of [
    "",
    "sk-abc",
    "aigne_sk_",
    key.slice(0, -1),
    `${key}a`,
    key.replace("sk", "xx"),
    "aigne_mk_short",
    `${key.slice(0, 20)}'${key.slice(21)}`,
  ]) {
    expect(isWellFormedKey(junk), junk).toBe(false);
  }
});

test("an operator's own management key needs no checksum", () => {
  expect(isWellFormedKey(`aigne_mk_${"a".repeat(32)}`)).toBe(true);
  expect(isWellFormedKey(`aigne_mk_${"a".repeat(31)}`)).toBe(false);
});

test("keys do not repeat and spread over the whole alphabet", () => {
  const keys = Array.from({ length: 500 }, () => generateKey("sk"));
  expect(new Set(keys).size).toBe(500);
  const counts = new Map<string, number>();
  for (const key of keys) for (const c of key.slice(9, 52)) counts.set(c, (counts.get(c) ?? 0) + 1);
  expect(counts.size).toBe(62);
  const expected = (500 * 43) / 62;
  for (const count of counts.values()) expect(Math.abs(count - expected)).toBeLessThan(expected * 0.5);
});

test("the hash depends on pepper and key", () => {
  const key = generateKey("sk");
  expect(hashKey("p", key)).toMatch(/^[0-9a-f]{64}$/);
  expect(hashKey("p", key)).not.toBe(hashKey("q", key));
  expect(hashKey("p", key)).toBe(hashKey("p", key));
});

test("only prefix and last four characters are for display", () => {
  const key = generateKey("sk");
  expect(keyDisplay(key)).toEqual({ prefix: "aigne_sk_", last4: key.slice(-4) });
});
