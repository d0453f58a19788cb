import { randomBytes } from "node:crypto";
import type pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { assertHealthy, type TestDatabase, testDatabase } from "@/e2e/support/database";
import { type HubSecrets, makeKey, makeModel, makeOrg, makeProvider } from "@/e2e/support/fixtures";
import { startOpenAISimulator } from "@/e2e/support/providers/openai";
import type { Simulator } from "@/e2e/support/providers/server";
import { type GatewayRuntime, startGateway } from "@/lib/gateway/runtime";
import { answerWebRequest } from "@/lib/http/web-door";
import { logger } from "@/lib/log";
import { generateSecretsKeyPair } from "@/lib/secrets";
import { createMetrics } from "@/server/gateway/metrics";

let database: TestDatabase;
let upstream: Simulator;
let secrets: HubSecrets;
let nodes: GatewayRuntime[];

beforeAll(async () => {
  const keys = await generateSecretsKeyPair();
  [database, upstream] = await Promise.all([testDatabase(), startOpenAISimulator()]);
  secrets = { keyPepper: randomBytes(32).toString("hex"), secretsPublicKey: keys.publicKey };
  nodes = await Promise.all(
    ["one", "two"].map((node) =>
      startGateway({
        ...{ node, databaseUrl: database.roleUrl("gateway"), secretsKey: keys.secretKey, namedStatements: true },
        ...{ peppers: [secrets.keyPepper], spoolDirectory: null, log: logger("contract"), onFenced: () => {} },
      }),
    ),
  );
});
afterAll(async () => {
  for (const node of nodes) {
    await node.drain(5_000);
    await node.stop();
  }
  await upstream.stop();
  await assertHealthy(database.pool).finally(() => database.drop());
});

/** The product promises one second. */
const soon = { timeout: 1_000, interval: 10 };

/** So that no gateway sees a model with some of its offers. */
async function inTransaction<Result>(work: (client: pg.PoolClient) => Promise<Result>): Promise<Result> {
  const client = await database.pool.connect();
  try {
    await client.query("begin");
    const result = await work(client);
    await client.query("commit");
    return result;
  } finally {
    client.release();
  }
}

async function modelOf(offers: { upstreamModel: string; apiKey?: string }[]) {
  const rows = await Promise.all(
    offers.map(async ({ upstreamModel, apiKey = "sk-good" }, priority) => ({
      ...{ upstreamModel, priority },
      provider: await makeProvider(database.pool, secrets, {
        ...{ kind: "openai", baseUrl: upstream.baseUrl, apiKeys: [apiKey] },
      }),
    })),
  );
  const org = await makeOrg(database.pool, { creditUsd: "10" });
  const { key } = await makeKey(database.pool, secrets, org);
  const model = await inTransaction((client) => makeModel(client, { offers: rows }));
  const call = async (node: GatewayRuntime | undefined) => {
    const request = new Request("http://hub.test/api/v1/chat/completions", {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify({ model, messages: [{ role: "user", content: "hello" }] }),
    });
    const response = await answerWebRequest((node as GatewayRuntime).gateway, request, "127.0.0.1");
    const text = await response.text();
    return { status: response.status, attempts: response.headers.get("x-aigne-attempts"), text };
  };
  return { call, credentialIds: rows.map(({ provider }) => provider.credentialIds[0] as string) };
}

test("a breaker opened by one gateway is respected by the other within a second", async () => {
  const { call, credentialIds } = await modelOf([{ upstreamModel: "error:500" }, { upstreamModel: "text" }]);
  for (let failures = 0; failures < 5; failures++)
    expect(await call(nodes[0])).toMatchObject({ status: 200, attempts: "2" });
  const isKnown = () => nodes[1]?.health.states().some(({ target }) => target.endsWith(`/${credentialIds[0]}`));
  await expect.poll(isKnown, soon).toBe(true);
  expect(await call(nodes[1])).toMatchObject({ status: 200, attempts: "1" });
  expect(await call(nodes[0])).toMatchObject({ status: 200, attempts: "1" });
});

test("half-open, one call probes the route, whichever gateway it came to", async () => {
  const { call, credentialIds } = await modelOf([{ upstreamModel: "error:500" }, { upstreamModel: "text" }]);
  for (let failures = 0; failures < 5; failures++) await call(nodes[0]);
  const stateAt = (node: GatewayRuntime) =>
    node.health.states().find(({ target }) => target.endsWith(`/${credentialIds[0]}`))?.state;
  const states = () => nodes.map(stateAt);
  await expect.poll(states, soon).toEqual(["open", "open"]);
  const probes = () =>
    upstream.truth.requests.filter((request) => JSON.stringify(request.body).includes("error:500")).length;
  const before = probes();
  // its rest is over
  await database.pool.query("update breaker set until = clock_timestamp() where target like '%/' || $1", [
    credentialIds[0],
  ]);
  await database.pool.query("select pg_notify('hub_health', '')");
  await expect.poll(states, soon).toEqual(["half_open", "half_open"]);
  // its tier comes first, so that every call would like to begin there
  const answers = await Promise.all(Array.from({ length: 40 }, (_, index) => call(nodes[index % 2])));
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  expect(probes() - before).toBe(1);
  // the probe failed: it rests again, longer, everywhere
  await expect.poll(states, soon).toEqual(["open", "open"]);
});

test("the last route is called although its breaker is open", async () => {
  const { call } = await modelOf([{ upstreamModel: "error:500" }]);
  const seen = () => upstream.truth.requests.length;
  for (let failures = 0; failures < 5; failures++) expect((await call(nodes[0])).status).toBe(502);
  const before = seen();
  for (const node of nodes) expect((await call(node)).status).toBe(502);
  expect(seen() - before).toBe(2);
});

test("a credential that asked for a pause gets it from both", async () => {
  const { call, credentialIds } = await modelOf([{ upstreamModel: "error:429" }, { upstreamModel: "text" }]);
  expect(await call(nodes[0])).toMatchObject({ status: 200, attempts: "2" });
  const isKnown = () => nodes[1]?.health.states().some(({ target }) => target === credentialIds[0]);
  await expect.poll(isKnown, soon).toBe(true);
  expect(await call(nodes[1])).toMatchObject({ status: 200, attempts: "1" });
  expect(await createMetrics(nodes[1] as GatewayRuntime).render()).toMatch(
    new RegExp(`hub_route_rest_seconds\\{target="${credentialIds[0]}",state="resting"\\} [0-9.]+`),
  );
});

test("a refused credential is disabled, and gets no call from either", async () => {
  const { call, credentialIds } = await modelOf([{ upstreamModel: "text", apiKey: "sk-bad" }]);
  expect((await call(nodes[0])).status).toBe(503);
  const status = async () =>
    (await database.pool.query("select status from credential where id = $1", [credentialIds[0]])).rows[0]?.status;
  await expect.poll(status, soon).toBe("disabled");
  await expect.poll(async () => (await call(nodes[1])).text, soon).toContain("No provider serves the model");
  const seen = upstream.truth.requests.length;
  for (const node of nodes) expect((await call(node)).status).toBe(503);
  expect(upstream.truth.requests.length).toBe(seen);
});
