import { randomInt } from "node:crypto";
import { configureGlobal } from "fast-check";

/** Import first in a test with random inputs: `SEED=` repeats a run, and fast-check prints the seed of a failing one. */
export const SEED = process.env.SEED === undefined ? randomInt(2 ** 31) : Number(process.env.SEED);

configureGlobal({ seed: SEED });

/** Uniform numbers in [0,1) that a seed repeats (mulberry32). */
export function seededRandom(seed = SEED): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
