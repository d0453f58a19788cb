import { setTimeout as wait } from "node:timers/promises";

/** Longer than the work of a mailed code or link takes, so that its length says nothing about the address. */
const FLOOR_MS = 250;

/** Runs `work` and answers, or throws, no sooner than after the floor. */
export async function inEvenTime<Result>(work: () => Promise<Result>, floorMs = FLOOR_MS): Promise<Result> {
  const floor = wait(floorMs);
  try {
    return await work();
  } finally {
    await floor;
  }
}
