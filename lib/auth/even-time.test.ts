import { expect, test } from "vitest";
import { inEvenTime } from "@/lib/auth/even-time";

test.each([
  ["an answer", () => Promise.resolve("sent")],
  ["a refusal", () => Promise.reject(new Error("no"))],
])("%s comes no sooner than the floor", async (_, work) => {
  const started = performance.now();
  await inEvenTime<unknown>(work, 60).catch(() => {});
  expect(performance.now() - started).toBeGreaterThanOrEqual(58);
});
