import { describe, expect, test } from "vitest";
import { cidr, instant, modelId, modelPattern, slug, usd } from "@/lib/fields";

const accepts = (schema: { safeParse(value: unknown): { success: boolean } }, value: unknown) =>
  schema.safeParse(value).success;

describe("usd", () => {
  test.each([
    ["0", 0n],
    ["12.50", 12_500_000_000n],
    [0.1, 100_000_000n],
    [1e-9, 1n],
    ["0.000000001", 1n],
    [" 3 ", 3_000_000_000n],
  ])("%j", (value, amount) => {
    expect(usd().parse(value)).toBe(amount);
  });
  test.each([
    "",
    " ",
    "-1",
    "1e5",
    "1.0000000001",
    "0x10",
    "1_000",
    "١",
    "Infinity",
    "+1",
    ".5",
    "5.",
    true,
    null,
    [],
    {},
    Number.POSITIVE_INFINITY,
    1e300,
  ])("%j is refused", (value) => {
    expect(accepts(usd(), value)).toBe(false);
  });
  test("ranges", () => {
    expect(accepts(usd("more than zero"), "0")).toBe(false);
    expect(accepts(usd("any sign"), "-5")).toBe(true);
    expect(accepts(usd("any sign"), "0")).toBe(false);
  });
});

test("model ids fit into a path without escaping", () => {
  for (const id of ["gpt-5", "openai/gpt-5-mini", "ft:gpt-4o:acme::abc", "a/b/c", "~x/y@1", "deepseek-v3.2"])
    expect(accepts(modelId, id), id).toBe(true);
  for (const id of [
    "",
    "/a",
    "a/",
    "a//b",
    "../x",
    "a/../b",
    ".",
    "a b",
    "a?b",
    "a#b",
    "a%2Fb",
    "日本",
    "a".repeat(201),
  ])
    expect(accepts(modelId, id), id).toBe(false);
});

test("patterns end with their star", () => {
  for (const pattern of ["*", "openai/*", "gpt-5"]) expect(accepts(modelPattern, pattern), pattern).toBe(true);
  for (const pattern of ["", "*x", "a*b", "a**", "a b"]) expect(accepts(modelPattern, pattern), pattern).toBe(false);
});

test("addresses and ranges", () => {
  for (const value of ["10.0.0.1", "10.0.0.0/8", "::1", "2001:db8::/32", "0.0.0.0/0"])
    expect(accepts(cidr, value), value).toBe(true);
  for (const value of ["", "10.0.0", "10.0.0.0/33", "::/129", "10.0.0.0/8/8", "host", "10.0.0.0/-1"])
    expect(accepts(cidr, value), value).toBe(false);
});

test("instants carry a zone", () => {
  expect(instant.parse("2026-01-31T12:00:00+02:00").toISOString()).toBe("2026-01-31T10:00:00.000Z");
  expect(instant.parse("2026-01-31").toISOString()).toBe("2026-01-31T00:00:00.000Z");
  for (const value of ["2026-01-31T12:00:00", "yesterday", "2026-13-01", 5])
    expect(accepts(instant, value), String(value)).toBe(false);
});

test("slugs are path segments", () => {
  expect(accepts(slug, "a-1")).toBe(true);
  expect(accepts(slug, "a--")).toBe(false);
});
