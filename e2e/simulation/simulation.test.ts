import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type TestDatabase, testDatabase } from "@/e2e/support/database";
import { type Ground, prepareGround } from "./ground";
import { simulate } from "./world";

// `npm run simulate -- --seeds N --seed S` runs this file alone: N runs from seed S on. In `npm test` it is held to its time.

const COUNT = process.env.SIMULATE_SEEDS ? Number(process.env.SIMULATE_SEEDS) : Number.POSITIVE_INFINITY;
const FIRST = Number(process.env.SIMULATE_SEED ?? 1);
const TIME_MS = process.env.SIMULATE_SEEDS ? Number.POSITIVE_INFINITY : 30_000;
const TRACE_LINES = Number(process.env.SIMULATE_TRACE ?? 60);

let database: TestDatabase;
let client: pg.Client;
let ground: Ground;
beforeAll(async () => {
  database = await testDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  ground = await prepareGround(database.pool, client);
});
afterAll(async () => {
  await client.end();
  await database.drop();
});

async function run(seed: number): Promise<string[]> {
  const trace: string[] = [];
  try {
    await simulate(seed, ground, trace);
    return trace;
  } catch (error) {
    const end = trace.slice(-TRACE_LINES).join("\n");
    const cause = error instanceof Error ? error.stack : String(error);
    throw new Error(
      `Seed ${seed} failed after ${trace.length} lines: ${cause}\n${end}\nAgain: npm run simulate -- --seeds 1 --seed ${seed}`,
    );
  }
}

test("a seed repeats itself to the letter", async () => {
  const again = await run(FIRST);
  expect(await run(FIRST)).toEqual(again);
}, 60_000);

test(
  "whatever happens to nodes, database, providers and clients, every wallet does what its model does",
  async () => {
    const until = performance.now() + TIME_MS;
    let seed = FIRST;
    for (; seed < FIRST + COUNT && performance.now() < until; seed++) await run(seed);
    console.log(`${seed - FIRST} seeds from ${FIRST} on, none failed`);
    expect(seed).toBeGreaterThan(FIRST);
  },
  24 * 3_600_000,
);
