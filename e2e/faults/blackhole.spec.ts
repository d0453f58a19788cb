import { expect, test } from "@playwright/test";
import { parseUsd } from "@/lib/money";
import { type Blackhole, startBlackhole } from "./blackhole";
import { expectExactBooks, openHolds, PRICE } from "./books";
import { type Answer, call } from "./calls";
import { isHealthy, type Node, startGatewayNode } from "./nodes";
import { count, deadlocks, pause, type Stage, setStage } from "./stage";

let stage: Stage;
let blackhole: Blackhole;
let node: Node;
test.beforeAll(async () => {
  test.setTimeout(120_000);
  stage = await setStage();
  const { rows } = await stage.sql.query<{ port: string }>("select current_setting('port') as port");
  blackhole = await startBlackhole({ host: "127.0.0.1", port: Number(rows[0]?.port) });
  node = await startGatewayNode(stage, { name: "far", through: blackhole });
});
test.afterAll(async () => {
  const found = await deadlocks(stage.sql);
  await node.stop();
  blackhole.stop();
  await stage.stop();
  expect(found).toBe(0);
});

const STREAMS = count(30, 200);
const INTERVAL_MS = count(10, 25);
/** More than one slice of 1,024, so that each stream needs the database while it is away. */
const TOKENS = 1_300;
const AWAY_MS = 10_000;

test(`the database falls silent for ${AWAY_MS / 1000} s under ${STREAMS} streams: they wait and finish, new calls are refused quickly, nothing is lost`, async () => {
  test.setTimeout(180_000);
  const slow = await stage.model(`trickle:interval=${INTERVAL_MS},tokens=${TOKENS}`, PRICE);
  const quick = await stage.model("text:tokens=10", PRICE);
  const { orgId, key } = await stage.tenant("100");
  const tagged = async (tag: string, model: string, stream: boolean) => ({
    ...(await call({ url: node.url, key, model, stream, tag })),
    tag,
  });
  const streams = Array.from({ length: STREAMS }, (_, i) => tagged(`stream-${i}`, slow, true));
  const tokens = () =>
    Array.from({ length: STREAMS }, (_, i) => stage.upstream.truth.byTag(`stream-${i}`)[0]?.tokens ?? 0);
  // before 70 % of the slice: the extension is asked for while nobody answers
  await expect.poll(() => Math.min(...tokens()), { timeout: 60_000, intervals: [50] }).toBeGreaterThan(300);
  expect(Math.max(...tokens())).toBeLessThan(1_024);

  blackhole.swallow();
  const silentAt = performance.now();
  const refused: (Answer & { tag: string })[] = [];
  const lag = watchLag();
  for (let n = 0; performance.now() - silentAt < AWAY_MS - 2_500; n++)
    refused.push(...(await Promise.all([0, 1, 2].map((i) => tagged(`new-${n}-${i}`, quick, i === 0)))));
  await pause(AWAY_MS - (performance.now() - silentAt));
  const paused = tokens();
  const lagMs = await lag.stop();
  blackhole.release();
  const backAt = performance.now();

  const slowest = Math.max(...refused.map(({ ms }) => ms));
  for (const { status, text, headers } of refused) {
    expect(status).toBe(503);
    expect(JSON.parse(text).error).toMatchObject({ type: "server_error", code: "unavailable" });
    expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
  }
  // beside what a busy machine takes for an answer that asks nobody
  expect(slowest - lagMs, `with ${Math.round(lagMs)} ms of lag`).toBeLessThanOrEqual(2_500);
  expect(Math.min(...paused), "no stream has ended by then").toBeLessThan(TOKENS);

  const again: (Answer & { tag: string })[] = [];
  const isServed = async () => again[again.push(await tagged(`again-${again.length}`, quick, false)) - 1]?.status;
  await expect.poll(isServed, { timeout: 10_000, intervals: [50] }).toBe(200);
  const recoveredMs = performance.now() - backAt;
  const ended = await Promise.all(streams);
  expect(ended.filter(({ isWhole }) => !isWhole)).toEqual([]);
  console.log(
    `${STREAMS} streams finished; ${refused.length} new calls refused, the slowest after ${Math.round(slowest)} ms (lag ${Math.round(lagMs)} ms); served again after ${Math.round(recoveredMs)} ms`,
  );
  expect(recoveredMs).toBeLessThanOrEqual(5_000);

  await expect.poll(() => openHolds(stage, [orgId]), { timeout: 20_000 }).toBe(0);
  const answers = [...ended, ...refused, ...again];
  const served = answers.filter(({ status }) => status === 200).length;
  expect(await expectExactBooks(stage, { orgId, creditNano: parseUsd("100"), answers })).toBe(served);
  const given = "select id, state from hold where id = any ($1) and state <> 'voided'";
  const { rows: kept } = await stage.sql.query(given, [refused.map(({ requestId }) => requestId)]);
  expect(kept).toEqual([]);
  expect(stage.upstream.truth.requests.filter(({ tag }) => tag?.startsWith("new-"))).toEqual([]);
  expect(await stage.violations()).toEqual([]);
});

/** How long the node takes at worst for what needs no database. */
function watchLag() {
  let worst = 0;
  let stopped = false;
  const watching = (async () => {
    while (!stopped) {
      const askedAt = performance.now();
      await isHealthy(node.url);
      worst = Math.max(worst, performance.now() - askedAt);
      await pause(20);
    }
  })();
  return {
    stop: async () => {
      stopped = true;
      await watching;
      return worst;
    },
  };
}
