import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "@playwright/test";
import { CRASH_POINTS, type CrashPoint } from "@/lib/crash-points";

/** Where in the money path a process dies: the other side of `armCrashPoints`. */
export type Points = {
  directory: string;
  arm(point: CrashPoint): void;
  /** Resolves with when a process died of it. */
  struck(point: CrashPoint): Promise<number>;
  /** Which of them no process has come by so far. */
  unreached(points: readonly CrashPoint[]): CrashPoint[];
  remove(): void;
};

const OF_WORKER = /^(sweep|expire|payment|refund)\./;
export const GATEWAY_POINTS = CRASH_POINTS.filter((point) => !OF_WORKER.test(point));
export const WORKER_POINTS = CRASH_POINTS.filter((point) => OF_WORKER.test(point));

export function makePoints(): Points {
  const directory = mkdtempSync(join(process.env.HUB_TEST_DIR ?? tmpdir(), "points-"));
  chmodSync(directory, 0o777);
  const has = (point: CrashPoint, state: string) => existsSync(join(directory, `${point}.${state}`));
  return {
    directory,
    arm: (point) => writeFileSync(join(directory, `${point}.armed`), ""),
    struck: async (point) => {
      await expect.poll(() => has(point, "struck"), { timeout: 20_000, intervals: [20], message: point }).toBe(true);
      return Date.now();
    },
    unreached: (points) => points.filter((point) => !has(point, "reached")),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}
