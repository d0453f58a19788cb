import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { orgInput, RESERVED_SLUGS } from "@/lib/orgs/schema";

/** First segments of the routes below `app/`, seen through route groups. */
function segments(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (!entry.isDirectory() || /^[[_@]/.test(entry.name)) return [];
    return entry.name.startsWith("(") ? segments(`${folder}/${entry.name}`) : [entry.name];
  });
}

test("no organisation can take a path of the product", () => {
  const slugs = segments("app").filter((name) => /^[a-z0-9-]+$/.test(name));
  expect(slugs).toContain("api");
  expect(slugs.filter((name) => !RESERVED_SLUGS.has(name))).toEqual([]);
});

test("a slug is a path segment", () => {
  for (const slug of ["a", "acme", "acme-2", "a".repeat(63)])
    expect(orgInput.safeParse({ name: "A", slug }).success, slug).toBe(true);
  for (const slug of ["", "A", "-a", "a-", "a_b", "a.b", "a/b", "a".repeat(64), "admin", "api"]) {
    expect(orgInput.safeParse({ name: "A", slug }).success, slug).toBe(false);
  }
});
