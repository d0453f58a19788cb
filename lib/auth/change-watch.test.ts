import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createChangeWatch, type Viewer } from "@/lib/auth/change-watch";

let versions: Map<string, string>;
let reads: number;
let errors: unknown[];

beforeEach(() => {
  vi.useFakeTimers();
  versions = new Map([["s1 org", "1"]]);
  reads = 0;
  errors = [];
});
afterEach(() => vi.useRealTimers());

function watchOf(max = 10) {
  return createChangeWatch({
    max,
    onError: (error) => errors.push(error),
    read: async () => {
      reads++;
      return versions;
    },
  });
}

function viewer(sessionId = "s1"): Viewer & { heard: string[] } {
  const heard: string[] = [];
  return {
    sessionId,
    orgId: "org",
    version: "1",
    heard,
    onChange: (version) => heard.push(version),
    onEnd: () => heard.push("end"),
    onBeat: () => heard.push("beat"),
  };
}

test("a change is announced once, within two seconds", async () => {
  const watch = watchOf();
  const page = viewer();
  watch.add(page);
  await vi.advanceTimersByTimeAsync(3_000);
  expect(page.heard).toEqual([]);
  versions.set("s1 org", "2");
  await vi.advanceTimersByTimeAsync(2_000);
  expect(page.heard).toEqual(["2"]);
});

test("what happened between the page and its stream is announced too", async () => {
  const watch = watchOf();
  const page = { ...viewer(), version: "0" };
  watch.add(page);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(page.heard).toEqual(["1"]);
});

test("a session that ended hears so and nothing after it", async () => {
  const watch = watchOf();
  const page = viewer();
  watch.add(page);
  versions.delete("s1 org");
  await vi.advanceTimersByTimeAsync(1_000);
  versions.set("s1 org", "9");
  await vi.advanceTimersByTimeAsync(5_000);
  expect(page.heard).toEqual(["end"]);
});

test("one read a tick however many watch, none once nobody does", async () => {
  const watch = watchOf();
  const pages = Array.from({ length: 5 }, () => viewer());
  for (const page of pages) watch.add(page);
  await vi.advanceTimersByTimeAsync(3_000);
  expect(reads).toBe(6);
  for (const page of pages) watch.remove(page);
  await vi.advanceTimersByTimeAsync(3_000);
  expect(reads).toBe(6);
});

test("a quiet stream beats, so that nobody between takes it for dead", async () => {
  const watch = watchOf();
  const page = viewer();
  watch.add(page);
  await vi.advanceTimersByTimeAsync(30_000);
  expect(page.heard).toEqual(["beat", "beat"]);
});

test("no more than the process can hold", () => {
  const watch = watchOf(1);
  expect(watch.add(viewer())).toBe(true);
  expect(watch.add(viewer())).toBe(false);
});

test("a database that is away is reported, and looked at again", async () => {
  let isAway = true;
  const watch = createChangeWatch({
    max: 1,
    onError: (error) => errors.push(error),
    read: async () => {
      if (isAway) throw new Error("away");
      return new Map([["s1 org", "2"]]);
    },
  });
  const page = viewer();
  watch.add(page);
  await vi.advanceTimersByTimeAsync(800);
  expect(errors).toHaveLength(1);
  isAway = false;
  await vi.advanceTimersByTimeAsync(800);
  expect(page.heard).toEqual(["2"]);
});
