import { mkdirSync, mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
// @ts-expect-error plain JavaScript, since it runs before anything is built
import { fingerprint } from "./build.mjs";

let place: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), "build-"));
  mkdirSync(join(place, "deep"));
  writeFileSync(join(place, "a.ts"), "a");
  writeFileSync(join(place, "deep/b.ts"), "b");
});
afterEach(() => rmSync(place, { recursive: true }));

const mark = (): string => fingerprint([place, join(place, "not-there")]);

describe("what was built is stale", () => {
  test.each([
    ["a file changes", () => writeFileSync(join(place, "deep/b.ts"), "c")],
    ["a file appears", () => writeFileSync(join(place, "c.ts"), "")],
    ["a file goes", () => rmSync(join(place, "a.ts"))],
    ["a file moves", () => renameSync(join(place, "a.ts"), join(place, "z.ts"))],
  ])("when %s", (_case, change) => {
    const before = mark();
    change();
    expect(mark()).not.toBe(before);
  });
});

describe("what was built is fresh", () => {
  test("though a clone gives every file a new time", () => {
    const before = mark();
    utimesSync(join(place, "a.ts"), new Date(0), new Date(0));
    expect(mark()).toBe(before);
  });

  test("though a test changes", () => {
    const before = mark();
    writeFileSync(join(place, "a.test.ts"), "anything");
    expect(mark()).toBe(before);
  });
});
