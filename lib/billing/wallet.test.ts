import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createWallet, type HoldRequest } from "@/lib/billing/wallet";
import type { Sql } from "@/lib/pg";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A database that answers as the test says; `asked` holds the first parameter of each statement. */
function database(answer: (statement: number, text: string) => Error | object[]) {
  const asked: string[] = [];
  const told: string[] = [];
  const query = async (statement: string | { text: string; values: unknown[] }, values: unknown[]) => {
    const [text, first] =
      typeof statement === "string" ? [statement, values[0]] : [statement.text, statement.values[0]];
    asked.push(String(first));
    const given = answer(asked.length, text);
    if (given instanceof Error) throw given;
    return { rows: given };
  };
  const wallet = createWallet({
    // safe because the wallet sends these two forms of query
    sql: { query } as unknown as Sql,
    node: "n",
    epoch: "1",
    named: false,
    onTrouble: (verb, error, { retries }) => told.push(`${verb} ${retries} ${(error as Error).message}`),
  });
  return { asked, told, wallet };
}

const away = () => new Error("connection refused");
const broken = () => Object.assign(new Error("permission denied"), { code: "42501" });
const granted = { ord: 1, skipped: false, granted: true, amount: "5", available: null };
// safe because the fake database reads nothing of it but the id
const hold = (requestId: string) => ({ requestId, amount: 1n, minAmount: 1n, unitRate: 1n }) as HoldRequest;

it("gives a hold back once the database answers again, and does not reject meanwhile", async () => {
  const { asked, told, wallet } = database((statement) => (statement < 3 ? away() : []));
  const done = Promise.all([wallet.voidHold("req_1", "org_1"), wallet.voidHold("req_2", "org_1")]);
  await vi.advanceTimersByTimeAsync(1_000);
  await done;
  expect(asked).toEqual(Array(3).fill("req_1,req_2"));
  expect(told).toEqual(["void 1 connection refused"]);
});

it("posts what a swept call really cost once the database answers again", async () => {
  const { asked, wallet } = database((statement) => (statement < 3 ? away() : []));
  const done = wallet.lateAdjust('{"id":"req_1"}');
  await vi.advanceTimersByTimeAsync(1_000);
  await done;
  expect(asked).toEqual(Array(3).fill('[{"id":"req_1"}]'));
});

it("fails at once and aloud where a function or its grant is missing", async () => {
  const { told, wallet } = database(broken);
  await expect(wallet.authorize(hold("req_1"))).rejects.toMatchObject({
    code: "unavailable",
    details: { retryAfterMs: 2_000 },
  });
  await expect(wallet.settle("{}")).rejects.toMatchObject({ code: "42501" });
  await wallet.voidHold("req_1", "org_1");
  expect(told).toEqual(["authorize", "settle", "void"].map((verb) => `${verb} 0 permission denied`));
});

it("refuses new calls once too much waits, and settlements never", async () => {
  const { wallet } = database(away);
  const settled: Promise<unknown>[] = [];
  for (let i = 0; i < 50_000; i++) settled.push(wallet.settle("{}"));
  await expect(wallet.authorize(hold("req_1"))).rejects.toMatchObject({ code: "unavailable" });
  settled.push(wallet.settle("{}"));
  expect(wallet.statistics().settle.depth).toBe(50_001);
});

it("does not hold for callers who left while the database was away, and voids what may have been held", async () => {
  const { asked, wallet } = database((statement) => (statement === 1 ? away() : [granted]));
  let gone = false;
  const results = [wallet.authorize(hold("req_sent"), () => gone)];
  await vi.advanceTimersByTimeAsync(0);
  results.push(
    wallet.authorize(hold("req_never"), () => gone),
    wallet.authorize(hold("req_live")),
  );
  gone = true;
  const outcomes = Promise.allSettled(results);
  await vi.advanceTimersByTimeAsync(100);
  expect((await outcomes).map(({ status }) => status)).toEqual(["rejected", "rejected", "fulfilled"]);
  expect(asked.slice(1).map((items) => items.match(/req_\w+/g))).toEqual([["req_live"], ["req_sent"]]);
});
