import { expect, test } from "vitest";
import { safeNextPath } from "@/lib/auth/next-path";

test.each(["/", "/acme", "/acme/keys?sort=name#top", "/invite/abc_-1"])("%s is a path of ours", (path) => {
  expect(safeNextPath(path)).toBe(path);
});

test.each([
  ...[
    "",
    null,
    undefined,
    "acme",
    "//evil.test",
    "/\\evil.test",
    "\\/evil.test",
    "https://evil.test",
    "https:evil.test",
  ],
  ...[
    "javascript:alert(1)",
    "/%2f%2fevil.test",
    "/%5cevil.test",
    "%2f%2fevil.test",
    "/\t/evil.test",
    "/a\\b",
    "/ä",
    " /a",
  ],
])("%j is refused", (path) => {
  expect(safeNextPath(path)).toBeNull();
});
