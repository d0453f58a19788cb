import { expect, test } from "@playwright/test";
import { fetch } from "undici";
import { count, deadlocks, manyConnections, type Stage, setStage } from "./stage";

let stage: Stage;
test.beforeAll(async () => {
  test.setTimeout(120_000);
  stage = await setStage();
});
test.afterAll(() => stage.stop());

const CLIENTS = count(60, 5_000);
const AT_ONCE = 50;
const INTERVAL_MS = 20;
/** The hub waits this long for a usage report, then has a second to end the call. */
const GRACE_MS = 2_000;

/** Reads `chunks` packets and leaves. Resolves with when that was. */
async function leaveAfter(chunks: number, model: string, key: string, tag: string): Promise<number> {
  const leaving = new AbortController();
  const response = await fetch(`${stage.hub.url}/api/v1/chat/completions`, {
    method: "POST",
    dispatcher: manyConnections,
    signal: leaving.signal,
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model, messages: [{ role: "user", content: "hi" }], stream: true, user: tag }),
  });
  expect(response.status).toBe(200);
  let seen = 0;
  try {
    for await (const _packet of response.body ?? []) if (++seen >= chunks) leaving.abort();
  } catch (error) {
    if (!leaving.signal.aborted) throw error;
  }
  return Date.now();
}

test(`${CLIENTS} clients leave at a random token: upstream is aborted, what arrived is charged, no more`, async () => {
  test.setTimeout(count(120_000, 3_600_000));
  const model = await stage.model(`endless:interval=${INTERVAL_MS}`, { input: "1", output: "4" });
  const { orgId, key } = await stage.tenant("1000");
  const left = new Map<string, number>();
  let next = 0;
  const clients = async () => {
    for (let n = next++; n < CLIENTS; n = next++)
      left.set(`leaver-${n}`, await leaveAfter(1 + Math.floor(Math.random() * 40), model, key, `leaver-${n}`));
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, CLIENTS) }, clients));

  const open = "select count(*)::int as open from hold where org_id = $1 and state = 'open'";
  await expect.poll(async () => (await stage.sql.query(open, [orgId])).rows[0]?.open, { timeout: 20_000 }).toBe(0);
  await expect.poll(() => stage.upstream.truth.active, { timeout: 10_000 }).toBe(0);
  const { rows: events } = await stage.sql.query(
    "select upstream_id, outcome, input_tokens, output_tokens, price_nano from usage_event where org_id = $1",
    [orgId],
  );
  const byUpstreamId = new Map(events.map((event) => [event.upstream_id, event]));
  const lateMs: number[] = [];
  for (const [tag, at] of left) {
    const [truth, ...more] = stage.upstream.truth.byTag(tag);
    expect(more).toEqual([]);
    const event = byUpstreamId.get(truth?.id);
    expect(event, tag).toMatchObject({ outcome: "client_gone" });
    lateMs.push((truth?.endedAt ?? Number.POSITIVE_INFINITY) - at - GRACE_MS);
    // what the upstream wrote and the hub did not read any more is on its way: a few packets
    expect(event.output_tokens, tag).toBeLessThanOrEqual(truth?.tokens ?? 0);
    expect(event.output_tokens, tag).toBeGreaterThanOrEqual((truth?.tokens ?? 0) - 1_000 / INTERVAL_MS);
    expect(event.output_tokens, tag).toBeGreaterThan(0);
    expect(BigInt(event.price_nano)).toBe(BigInt(event.input_tokens) * 1_000n + BigInt(event.output_tokens) * 4_000n);
  }
  expect(events).toHaveLength(CLIENTS);
  console.log(`${CLIENTS} clients left; upstream aborted at most ${Math.max(...lateMs)} ms after the grace period`);
  expect(Math.max(...lateMs)).toBeLessThanOrEqual(1_000);
  expect(await deadlocks(stage.sql)).toBe(0);
  expect(await stage.violations()).toEqual([]);
});
