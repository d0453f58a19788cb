import pino from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type TestDatabase, testDatabase } from "@/e2e/support/database";
import type { JobTools } from "@/lib/jobs";
import { alone } from "@/server/jobs/alone";

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.drop());

test("a scheduled job runs once at a time, and again after it ended or failed", async () => {
  const tools: JobTools = {
    sql: database.pool,
    log: pino({ enabled: false }),
    signal: new AbortController().signal,
  };
  let runs = 0;
  let end = () => {};
  const slow = alone(
    {
      name: "slow",
      run: () => {
        runs += 1;
        return new Promise((resolve, reject) => {
          end = runs === 1 ? resolve : () => reject(new Error("failed"));
        });
      },
    },
    database.pool,
  );
  const other = alone(
    {
      name: "other",
      run: async () => {
        runs += 10;
      },
    },
    database.pool,
  );
  const first = slow(null, tools);
  await expect.poll(() => runs).toBe(1);
  await Promise.all([slow(null, tools), other(null, tools)]);
  expect(runs).toBe(11);
  end();
  await first;
  const second = slow(null, tools);
  await expect.poll(() => runs).toBe(12);
  end();
  await expect(second).rejects.toThrow("failed");
  const third = slow(null, tools);
  await expect.poll(() => runs).toBe(13);
  end();
  await expect(third).rejects.toThrow("failed");
});
