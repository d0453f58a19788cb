import { expect, test } from "@playwright/test";
import { fetch } from "undici";
import { parseUsd } from "@/lib/money";
import { expectExactBooks, openHolds, PRICE } from "./books";
import { type Answer, type Call, call } from "./calls";
import { isHealthy, type Node, startGatewayNode } from "./nodes";
import { count, deadlocks, freshConnections, pause, type Stage, setStage } from "./stage";

// A gateway that is asked to end ends nothing that runs.

test.describe.configure({ mode: "serial" });

let stage: Stage;
test.beforeAll(async () => {
  test.setTimeout(120_000);
  stage = await setStage({ env: { GATEWAY_WORKERS: "1" } });
});
test.afterAll(async () => {
  const found = await deadlocks(stage.sql);
  await stage.stop();
  expect(found).toBe(0);
});

const STREAMS = count(40, 200);

test(`SIGTERM with ${STREAMS} streams: they finish, are charged in full, and the process is gone`, async () => {
  test.setTimeout(120_000);
  const node = await startGatewayNode(stage, { name: "leaver" });
  const slow = await stage.model("trickle:interval=20,tokens=200", PRICE);
  const { orgId, key } = await stage.tenant("100");
  const streams = Array.from({ length: STREAMS }, async (_, i) => ({
    ...(await call({ url: node.url, key, model: slow, stream: true, tag: `leaver-${i}` })),
    tag: `leaver-${i}`,
  }));
  await expect.poll(() => openHolds(stage, [orgId]), { timeout: 20_000, intervals: [50] }).toBe(STREAMS);
  const code = node.stop();
  await expect.poll(() => isHealthy(node.url), { timeout: 10_000, intervals: [50] }).toBe(false);
  const answers = await Promise.all(streams);
  expect(await code).toBe(0);
  expect(answers.filter(({ isWhole }) => !isWhole)).toEqual([]);
  expect(await openHolds(stage, [orgId])).toBe(0);
  expect(await expectExactBooks(stage, { orgId, creditNano: parseUsd("100"), answers })).toBe(STREAMS);
  expect(await stage.violations()).toEqual([]);
});

const RATE = count(50, 200);
const SECONDS = count(8, 40);

test(`two gateways are replaced in turn under ${RATE} calls a second: no call fails`, async () => {
  test.setTimeout(180_000);
  const quick = await stage.model("trickle:interval=5,tokens=20", PRICE);
  const { orgId, key } = await stage.tenant("100");
  const names = ["rolling-1", "rolling-2"];
  const nodes = await Promise.all(names.map((name) => startGatewayNode(stage, { name })));
  const balancer = balance(nodes);
  const answers: Promise<Answer & { tag: string }>[] = [];
  const startedAt = performance.now();
  let isRolling = true;
  const traffic = (async () => {
    for (let n = 0; isRolling || performance.now() - startedAt < SECONDS * 1_000; n++) {
      const tag = `rolling-${n}`;
      answers.push(balancer.send({ key, model: quick, stream: n % 2 === 0, tag }).then((a) => ({ ...a, tag })));
      await pause(Math.max(0, startedAt + ((n + 1) * 1_000) / RATE - performance.now()));
    }
  })();
  for (const [i, name] of names.entries()) {
    await pause(1_000);
    const leaving = nodes[i] as Node;
    expect(await leaving.stop()).toBe(0);
    nodes[i] = await startGatewayNode(stage, { name });
    await expect.poll(() => balancer.knows(nodes[i] as Node), { timeout: 10_000, intervals: [50] }).toBe(true);
  }
  isRolling = false;
  await traffic;
  balancer.stop();
  const all = await Promise.all(answers);
  const failed = all.filter(({ isWhole }) => !isWhole);
  console.log(`${all.length} calls while two gateways were replaced: ${failed.length} failed`);
  expect(failed.map(({ status, text }) => ({ status, text }))).toEqual([]);
  await expect.poll(() => openHolds(stage, [orgId])).toBe(0);
  expect(await expectExactBooks(stage, { orgId, creditNano: parseUsd("100"), answers: all })).toBe(all.length);
  await Promise.all(nodes.map((node) => node.stop()));
  expect(await stage.violations()).toEqual([]);
});

/** As a load balancer does: asks each node four times a second whether it is ready, sends to those that say so, and goes
 *  to another one where nobody listens. */
function balance(nodes: readonly Node[]) {
  let ready: string[] = nodes.map(({ url }) => url);
  let turn = 0;
  let stopped = false;
  const isReady = async ({ url }: Node) => {
    try {
      const response = await fetch(`${url}/api/ready`, { dispatcher: freshConnections });
      await response.body?.cancel();
      return response.ok ? [url] : [];
    } catch {
      return [];
    }
  };
  const looking = (async () => {
    while (!stopped) {
      const found = (await Promise.all(nodes.map(isReady))).flat();
      // where all seem ill the balancer itself may be: it goes on as it was
      if (found.length > 0) ready = found;
      await pause(250);
    }
  })();
  return {
    send: async (options: Omit<Call, "url">) => {
      for (;;) {
        const url = ready[turn++ % Math.max(1, ready.length)];
        if (!url) throw new Error("no node is ready");
        const answer = await call({ ...options, url });
        if (!answer.isUnconnected) return answer;
        await pause(20);
      }
    },
    knows: ({ url }: Node) => ready.includes(url),
    stop: () => {
      stopped = true;
      return looking;
    },
  };
}
