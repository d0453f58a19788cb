import { expect, test } from "@playwright/test";
import { parseUsd } from "@/lib/money";
import { eventsOf, expectExactBooks, openHolds, PRICE } from "./books";
import { call } from "./calls";
import { type Node, startGatewayNode, startWorkerNode } from "./nodes";
import { count, deadlocks, type Stage, setStage } from "./stage";

let stage: Stage;
let sleeper: Node;
let sweepers: Omit<Node, "url">[];
test.beforeAll(async () => {
  test.setTimeout(120_000);
  stage = await setStage({ env: { GATEWAY_WORKERS: "1" } });
  sleeper = await startGatewayNode(stage, { name: "sleeper" });
  sweepers = await Promise.all(["second", "third"].map((name) => startWorkerNode(stage, name)));
});
test.afterAll(async () => {
  const found = await deadlocks(stage.sql);
  await Promise.all([sleeper, ...sweepers].map((node) => node.stop()));
  await stage.stop();
  expect(found).toBe(0);
});

const STREAMS = count(20, 200);

test(`a gateway falls asleep with ${STREAMS} streams, three sweepers close their holds, it wakes: each is closed once and adjusted once at most`, async () => {
  test.setTimeout(180_000);
  const slow = await stage.model("trickle:interval=20,tokens=400", PRICE);
  const { orgId, key } = await stage.tenant("100");
  const streams = Array.from({ length: STREAMS }, async (_, i) => ({
    ...(await call({ url: sleeper.url, key, model: slow, stream: true, tag: `sleeper-${i}` })),
    tag: `sleeper-${i}`,
  }));
  const tokens = () =>
    Math.min(...Array.from({ length: STREAMS }, (_, i) => stage.upstream.truth.byTag(`sleeper-${i}`)[0]?.tokens ?? 0));
  await expect.poll(tokens, { timeout: 30_000, intervals: [50] }).toBeGreaterThan(60);

  sleeper.kill("SIGSTOP");
  // silent for 15 s, as a sweeper sees it that has reached the database for 20 s
  await expect.poll(() => openHolds(stage, [orgId]), { timeout: 60_000, intervals: [500] }).toBe(0);
  const closed = await eventsOf(stage, orgId);
  expect(closed.map(({ outcome }) => outcome)).toEqual(Array(STREAMS).fill("crashed"));
  for (const { output_tokens } of closed) expect(output_tokens).toBeGreaterThan(0);

  sleeper.kill("SIGCONT");
  const answers = await Promise.all(streams);
  const adjusted = async () => (await eventsOf(stage, orgId)).filter(({ kind }) => kind === "adjust").length;
  await expect.poll(adjusted, { timeout: 20_000, intervals: [200] }).toBe(STREAMS);
  const events = await eventsOf(stage, orgId);
  expect(new Set(events.map(({ parent_id, id }) => parent_id ?? id)).size).toBe(STREAMS);
  expect(await expectExactBooks(stage, { orgId, creditNano: parseUsd("100"), answers })).toBe(2 * STREAMS);
  const swept =
    "select count(*)::int as n, count(distinct id)::int as ids from hold where org_id = $1 and state = 'expired'";
  expect((await stage.sql.query(swept, [orgId])).rows[0]).toEqual({ n: STREAMS, ids: STREAMS });
  const again = await call({ url: sleeper.url, key, model: await stage.model("text", PRICE) });
  expect(again.status).toBe(200);
  await expect.poll(() => openHolds(stage, [orgId])).toBe(0);
  expect(await stage.violations()).toEqual([]);
});
