import { readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@playwright/test";
import { parseUsd } from "@/lib/money";
import { eventsOf, expectExactBooks, openHolds, PRICE } from "./books";
import { type Answer, call } from "./calls";
import { type Node, startGatewayNode } from "./nodes";
import { count, deadlocks, type Stage, setStage } from "./stage";

// What cannot be written down, and what the database will not take.

test.describe.configure({ mode: "serial" });

const NAME = "spooler";
let stage: Stage;
let node: Node;
test.beforeAll(async () => {
  test.setTimeout(120_000);
  stage = await setStage({ env: { GATEWAY_WORKERS: "1" } });
  node = await startGatewayNode(stage, { name: NAME });
});
test.afterAll(async () => {
  const found = await deadlocks(stage.sql);
  await node.stop();
  await stage.stop();
  expect(found).toBe(0);
});

const CALLS = count(20, 200);
const directory = () => join(stage.hub.dataDir, "spool");
const files = () => readdirSync(directory()).filter((file) => file.startsWith(`${NAME}@`));

async function many(key: string, model: string, mark: string): Promise<(Answer & { tag: string })[]> {
  return Promise.all(
    Array.from({ length: CALLS }, async (_, i) => {
      const tag = `${mark}-${i}`;
      return { ...(await call({ url: node.url, key, model, stream: i % 2 === 0, tag })), tag };
    }),
  );
}

test("the disk of the spool is full: calls are served and settled, and somebody is told", async () => {
  const model = await stage.model("trickle:interval=10,tokens=30", PRICE);
  const { orgId, key } = await stage.tenant("10");
  const [current = ""] = files();
  // the spool opens its next file where its own is gone: that one is on a disk without room
  const next = join(directory(), current.replace(/\.\d+\.jsonl$/, ".1.jsonl"));
  symlinkSync("/dev/full", next);
  rmSync(join(directory(), current));
  const answers = await many(key, model, "full");
  expect(answers.filter(({ isWhole }) => !isWhole)).toEqual([]);
  await expect.poll(() => openHolds(stage, [orgId])).toBe(0);
  expect(await expectExactBooks(stage, { orgId, creditNano: parseUsd("10"), answers })).toBe(CALLS);
  expect(node.output()).toContain("ENOSPC");
  expect(await stage.violations()).toEqual([]);

  // once there is room again and the process starts anew, all is as before
  rmSync(next);
  expect(await node.stop()).toBe(0);
  node = await startGatewayNode(stage, { name: NAME });
});

test("the database refuses one call's settlement: its neighbours settle, it is told, kept and charged later", async () => {
  test.setTimeout(120_000);
  const model = await stage.model("text:tokens=10", PRICE);
  const poison = await stage.model("text:tokens=15", PRICE);
  const { orgId, key } = await stage.tenant("10");
  const refuse = "alter table usage_event add constraint poison check (model_id <> '%' or outcome <> 'ok') not valid";
  await stage.sql.query(refuse.replace("%", poison));
  const [answers, [bad]] = await Promise.all([
    many(key, model, "neighbour"),
    Promise.all([call({ url: node.url, key, model: poison, tag: "poison" })]),
  ]);
  expect([...answers, bad].filter((answer) => !answer?.isWhole)).toEqual([]);
  await expect.poll(() => openHolds(stage, [orgId])).toBe(1);
  const kept = () => files().filter((file) => file.endsWith(".refused.jsonl"));
  await expect.poll(() => kept().length).toBe(1);
  expect(readFileSync(join(directory(), kept()[0] ?? ""), "utf8")).toContain(bad?.requestId);
  expect(node.output()).toContain("a settlement was refused");
  expect(await eventsOf(stage, orgId)).toHaveLength(CALLS);

  // nobody renews its hold any more: later the sweeper closes it
  await stage.sql.query("update hold set expires_at = hub_now() - interval '1 minute' where id = $1", [bad?.requestId]);
  await expect.poll(() => openHolds(stage, [orgId]), { timeout: 30_000, intervals: [250] }).toBe(0);
  await stage.sql.query("alter table usage_event drop constraint poison");
  expect(await node.stop()).toBe(0);
  node = await startGatewayNode(stage, { name: NAME });
  const adjusted = async () => (await eventsOf(stage, orgId)).filter(({ parent_id }) => parent_id === bad?.requestId);
  await expect.poll(async () => (await adjusted()).length, { timeout: 20_000 }).toBe(1);
  const all = [...answers, { ...(bad as Answer), tag: "poison" }];
  expect(await expectExactBooks(stage, { orgId, creditNano: parseUsd("10"), answers: all })).toBe(CALLS + 2);
  expect(kept()).toEqual([]);
  expect(await stage.violations()).toEqual([]);
});
