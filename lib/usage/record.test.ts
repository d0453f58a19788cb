import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { fakeClock } from "@/e2e/support/gateway-values";
import type { Settlement, Wallet } from "@/lib/billing/wallet";
import { createRecorder } from "@/lib/usage/record";
import { openSpool } from "@/lib/usage/spool";

let directory: string;
beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), "hub-spool-"));
});
afterEach(() => fs.rmSync(directory, { recursive: true, force: true }));

/** A recorder of one life of a node; the wallet answers `state` for every settlement, null never; "refused" rejects. */
function live(epoch: string, state: string | null = "open") {
  const clock = fakeClock();
  const settled: string[] = [];
  const adjusted: string[] = [];
  const refused: string[] = [];
  const wallet = {
    settle: (line: string) => {
      settled.push(JSON.parse(line).id);
      if (state === "refused") return Promise.reject(new Error("permission denied"));
      return state === null ? new Promise(() => {}) : Promise.resolve({ applied: state === "open", priorState: state });
    },
    lateAdjust: async (line: string) => void adjusted.push(JSON.parse(line).id),
  };
  const spool = openSpool({ directory, node: "n", epoch, onError: (error) => refused.push(String(error)) });
  const recorder = createRecorder({
    wallet: wallet as unknown as Wallet,
    spool,
    onRefused: (error) => refused.push((error as Error).message),
    clock,
  });
  return { recorder, spool, settled, adjusted, refused, clock };
}

// safe because the recorder reads nothing but the id
const settlement = (id: string) => ({ id }) as Settlement;

it("settles at the next start what a crash left uncommitted, once", async () => {
  live("1", null).recorder.settle(settlement("req_1"));
  const second = live("2");
  expect(await second.recorder.replay()).toBe(1);
  expect(second.settled).toEqual(["req_1"]);
  second.spool.close();
  expect(await live("3").recorder.replay()).toBe(0);
});

it("leaves nothing behind once everything is committed", async () => {
  const { recorder, spool } = live("1");
  recorder.settle(settlement("req_1"));
  await recorder.drain(1_000);
  spool.close();
  expect(fs.readdirSync(directory)).toEqual([]);
});

it("posts the difference where the sweeper was faster", async () => {
  const { recorder, adjusted } = live("1", "expired");
  recorder.settle(settlement("req_1"));
  await recorder.drain(1_000);
  expect(adjusted).toEqual(["req_1"]);
});

it("starts although a line is damaged, and keeps its file", async () => {
  fs.writeFileSync(path.join(directory, "n@1.0.jsonl"), '{"id":"req_1"}\n\0\0\0\n{"id":"req_2"}\n{"id":"req_3');
  const { recorder, settled, refused } = live("2");
  expect(await recorder.replay()).toBe(2);
  expect(settled).toEqual(["req_1", "req_2"]);
  expect(refused).toEqual(["1 lines of the spool cannot be read"]);
  expect(fs.readdirSync(directory)).toContain("n@1.0.jsonl");
});

it("keeps what the database refuses, and settles it at a start after that is mended", async () => {
  const first = live("1", "refused");
  first.recorder.settle(settlement("req_1"));
  await first.recorder.drain(1_000);
  expect(first.refused).toEqual(["permission denied"]);
  first.spool.close();
  expect(await live("2", "refused").recorder.replay()).toBe(1);
  const third = live("3");
  expect(await third.recorder.replay()).toBe(1);
  expect(third.settled).toEqual(["req_1"]);
  third.spool.close();
  expect(await live("4").recorder.replay()).toBe(0);
});

it("knows how long the oldest has waited, and how many were refused", async () => {
  const stuck = live("1", null);
  expect(stuck.recorder.oldestMs).toBe(0);
  stuck.recorder.settle(settlement("req_1"));
  stuck.clock.advance(500);
  stuck.recorder.settle(settlement("req_2"));
  stuck.clock.advance(200);
  expect([stuck.recorder.pending, stuck.recorder.oldestMs]).toEqual([2, 700]);
  const failing = live("2", "refused");
  failing.recorder.settle(settlement("req_3"));
  await failing.recorder.drain(1_000);
  expect([failing.recorder.refused, failing.recorder.oldestMs]).toEqual([1, 0]);
});
