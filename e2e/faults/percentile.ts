const SAMPLE = 100;
const ROUNDS = 5;
const AT_ONCE = 4;

/** What a percentile moves by on its own, in ms. */
export const FLOOR_MS = 60;

/** The 99th percentile in ms of calls that resolve with how long they took, a few at once: the median of five rounds, after one
 *  that does not count. */
export async function medianP99(call: () => Promise<number>): Promise<number> {
  await p99(call);
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) rounds.push(await p99(call));
  return at(rounds, 0.5);
}

async function p99(call: () => Promise<number>): Promise<number> {
  const took: number[] = [];
  let begun = 0;
  const client = async () => {
    while (begun++ < SAMPLE) took.push(await call());
  };
  await Promise.all(Array.from({ length: AT_ONCE }, client));
  return at(took, 0.99);
}

function at(values: number[], share: number): number {
  // safe because the share is below one
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] as number;
}
