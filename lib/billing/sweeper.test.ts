import { describe, expect, test } from "vitest";
import { createSweeper } from "@/lib/billing/sweeper";
import { createLogger } from "@/lib/log";
import type { Sql } from "@/lib/pg";

/** Answers each turn with the next of `answers` and keeps what was asked. */
function stage(answers: (() => unknown[])[] = []) {
  const asked: unknown[][] = [];
  const lines: { msg: string; reason?: string; count?: number }[] = [];
  let time = 0;
  let jumped = 0;
  const query = async (text: string, values: unknown[]) => {
    if (text.includes("hub_now")) return { rows: [{ now: 1_795_000_000_000 + time + jumped }] };
    asked.push(values);
    return { rows: answers.shift()?.() ?? [] };
  };
  const sweep = createSweeper({
    sql: { query } as unknown as Sql, // safe because the sweeper calls nothing else of it
    clock: { now: () => time, monotonic: () => time },
    log: createLogger("info", { write: (line) => lines.push(JSON.parse(line)) }),
  });
  const turnAfter = async (milliseconds: number) => {
    time += milliseconds;
    await sweep();
  };
  const jump = (milliseconds: number) => {
    jumped += milliseconds;
  };
  return { turnAfter, jump, lines, steady: () => asked.map(([isSteady]) => isSteady), asked };
}

describe("a silent node is judged only by a sweeper that was awake itself", () => {
  test("from 20 s without a gap on", async () => {
    const { turnAfter, steady } = stage();
    for (let turn = 0; turn < 6; turn++) await turnAfter(5_000);
    expect(steady()).toEqual([false, false, false, false, true, true]);
  });

  test("and anew after a pause", async () => {
    const { turnAfter, steady } = stage();
    for (const pause of [5_000, 5_000, 5_000, 5_000, 5_000, 60_000, 5_000]) await turnAfter(pause);
    expect(steady()).toEqual([false, false, false, false, true, false, false]);
  });

  test("and anew after a failure, which does not end it", async () => {
    const fail = () => {
      throw new Error("connection refused");
    };
    const empty = () => [];
    const { turnAfter, steady, lines } = stage([empty, empty, empty, empty, fail]);
    for (let turn = 0; turn < 7; turn++) await turnAfter(5_000);
    expect(steady()).toEqual([false, false, false, false, true, false, false]);
    expect(lines.map((line) => line.msg)).toEqual(["sweep failed"]);
  });
});

test("after the database's clock has jumped ahead nothing is closed until every living hold was renewed", async () => {
  const { turnAfter, jump, asked, lines } = stage();
  for (let turn = 0; turn < 6; turn++) await turnAfter(5_000);
  expect(asked).toHaveLength(6);
  jump(300_000);
  for (let turn = 0; turn < 7; turn++) await turnAfter(5_000);
  expect(asked).toHaveLength(6);
  for (let turn = 0; turn < 3; turn++) await turnAfter(5_000);
  expect(asked).toHaveLength(9);
  expect(lines.map((line) => line.msg)).toEqual(["the clock of the database has jumped ahead"]);
});

test("a full batch is followed by the next at once, and what was closed is reported by reason", async () => {
  const holds = (count: number, reason: string) => Array.from({ length: count }, () => ({ reason, node: "a:3000" }));
  const { turnAfter, asked, lines } = stage([() => holds(500, "older_epoch"), () => holds(2, "expired")]);
  await turnAfter(5_000);
  expect(asked).toHaveLength(2);
  expect(lines.map(({ reason, count }) => [reason, count])).toEqual([
    ["older_epoch", 500],
    ["expired", 2],
  ]);
});
