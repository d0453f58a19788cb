import { expect, test } from "@playwright/test";
import { eventsOf, openHolds } from "./books";
import { call } from "./calls";
import { type Node, startGatewayNode } from "./nodes";
import { count, deadlocks, type Stage, setStage } from "./stage";

// What is changed while calls run binds the next one within a second, on every gateway, and no call that runs.

test.describe.configure({ mode: "serial" });

let stage: Stage;
let second: Node;
test.beforeAll(async () => {
  test.setTimeout(120_000);
  stage = await setStage({ env: { GATEWAY_WORKERS: "1" } });
  second = await startGatewayNode(stage, { name: "second" });
});
test.afterAll(async () => {
  const found = await deadlocks(stage.sql);
  await second.stop();
  await stage.stop();
  expect(found).toBe(0);
});

const BINDS_WITHIN_MS = 1_000;
const ROUNDS = count(2, 20);

test("a revoked key makes no new call after a second, and its running streams end", async () => {
  test.setTimeout(180_000);
  const quick = await stage.model("text:tokens=5", { input: "1", output: "4" });
  const slow = await stage.model("trickle:interval=20,tokens=80", { input: "1", output: "4" });
  const late: number[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    const { orgId, key, keyId } = await stage.tenant("10");
    const gateways = [stage.hub.url, second.url];
    const served = await Promise.all(gateways.map((url) => call({ url, key, model: quick })));
    expect(served.map(({ status }) => status)).toEqual([200, 200]);
    await expect.poll(() => openHolds(stage, [orgId]), { intervals: [20] }).toBe(0);
    const streams = gateways.map((url) => call({ url, key, model: slow, stream: true }));
    await expect.poll(() => openHolds(stage, [orgId]), { intervals: [20] }).toBe(2);
    await stage.admin("DELETE", `/keys/${keyId}`);
    const revokedAt = performance.now();
    for (const url of gateways) {
      const status = async () => (await call({ url, key, model: quick })).status;
      await expect.poll(status, { intervals: [10] }).toBe(401);
      late.push(performance.now() - revokedAt);
    }
    expect((await Promise.all(streams)).filter(({ isWhole }) => !isWhole)).toEqual([]);
    await expect.poll(() => openHolds(stage, [orgId])).toBe(0);
  }
  console.log(`revoked ${ROUNDS} keys on two gateways: refused after at most ${Math.round(Math.max(...late))} ms`);
  expect(Math.max(...late)).toBeLessThanOrEqual(BINDS_WITHIN_MS);
  expect(await stage.violations()).toEqual([]);
});

test("a price that changes under a stream binds the next call, and the stream pays what was agreed", async () => {
  test.setTimeout(180_000);
  for (let round = 1; round <= ROUNDS; round++) {
    const scenario = "trickle:interval=20,tokens=100";
    const model = await stage.model(scenario, { input: "1", output: "4" });
    const { orgId, key } = await stage.tenant("10");
    const gateways = [stage.hub.url, second.url];
    const streams = gateways.map((url) => call({ url, key, model, stream: true }));
    await expect.poll(() => openHolds(stage, [orgId]), { intervals: [20] }).toBe(2);
    const offers = [{ provider: "simulated", upstreamModel: scenario, cost: { input: "0.5", output: "2" } }];
    await stage.admin("PUT", `/models/${model}`, { type: "chat", offers, price: { input: "3", output: "12" } });
    const changedAt = performance.now();
    await expect.poll(() => performance.now() - changedAt, { intervals: [50] }).toBeGreaterThan(BINDS_WITHIN_MS);
    const next = await Promise.all(gateways.map((url) => call({ url, key, model, stream: true })));
    const before = await Promise.all(streams);
    await expect.poll(() => openHolds(stage, [orgId])).toBe(0);
    const events = new Map((await eventsOf(stage, orgId)).map((event) => [event.id, event]));
    expect(events.size).toBe(4);
    for (const [answers, factor] of [
      [before, 1n],
      [next, 3n],
    ] as const)
      for (const { requestId, isWhole } of answers) {
        expect(isWhole).toBe(true);
        const event = events.get(requestId);
        const listed = BigInt(event?.input_tokens ?? 0) * 1_000n + 100n * 4_000n;
        expect(event, requestId).toMatchObject({ outcome: "ok", price_nano: String(listed * factor) });
      }
  }
  expect(await stage.violations()).toEqual([]);
});
