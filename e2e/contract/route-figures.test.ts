import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { assertHealthy, type TestDatabase, testDatabase } from "@/e2e/support/database";
import { type HubSecrets, makeKey, makeModel, makeOrg, makeProvider } from "@/e2e/support/fixtures";
import { startOpenAISimulator } from "@/e2e/support/providers/openai";
import type { Simulator } from "@/e2e/support/providers/server";
import { LATENCY_BOUNDS_MS } from "@/lib/gateway/routing/route-counts";
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

/** Each node tells every two seconds. */
const soon = { timeout: 10_000, interval: 50 };

async function modelOf(upstreamModels: string[], caps: { rpm?: number; tpm?: number } = {}) {
  const provider = await makeProvider(database.pool, secrets, { kind: "openai", baseUrl: upstream.baseUrl });
  const org = await makeOrg(database.pool, { creditUsd: "10" });
  const { key } = await makeKey(database.pool, secrets, org);
  const offers = upstreamModels.map((upstreamModel, priority) => ({ provider, upstreamModel, priority }));
  const credentialId = provider.credentialIds[0] as string;
  await database.pool.query("update credential set rpm = $2, tpm = $3 where id = $1", [
    ...[credentialId, caps.rpm ?? null, caps.tpm ?? null],
  ]);
  // in one transaction, so that no gateway sees a model with some of its offers
  const client = await database.pool.connect();
  await client.query("begin");
  const model = await makeModel(client, { offers });
  await client.query("commit");
  client.release();
  const call = async (node: number, stream = false, messages: unknown = [{ role: "user", content: "hello" }]) => {
    const request = new Request("http://hub.test/api/v1/chat/completions", {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify({ model, messages, stream }),
    });
    const response = await answerWebRequest((nodes[node] as GatewayRuntime).gateway, request, "127.0.0.1");
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
  const figures = async () =>
    (
      await database.pool.query(
        `select offer.upstream_model as model, sum(ok)::int as ok, sum(failed)::int as failed, sum(neutral)::int as neutral,
           sum(served)::int as served, sum(unserved)::int as unserved, sum(output_tokens)::int as output,
           (select sum(n)::int from unnest(sum_histogram(first_token_histogram)) n) as streams
         from route_minute join offer on offer.id = offer_id where model_id = $1 group by 1, offer.priority order by offer.priority`,
        [model],
      )
    ).rows;
  const days = async () =>
    (
      await database.pool.query(
        "select subject, ok::int, failed::int from service_day where subject_id in ($1, $2) order by subject",
        [model, provider.id],
      )
    ).rows;
  return { call, figures, days, credentialId };
}

test("both gateways' attempts are added up by route; the day counts upstream trouble for the provider, calls for the model", async () => {
  const { call, figures, days, credentialId } = await modelOf(["error:500", "text"]);
  for (const [node, stream] of [[0, false] as const, [1, true] as const, [1, true] as const])
    expect((await call(node, stream)).status).toBe(200);
  await expect
    .poll(figures, soon)
    .toEqual([
      expect.objectContaining({ model: "error:500", ok: 0, failed: 3, served: 3, unserved: 0, output: 0, streams: 0 }),
      expect.objectContaining({ model: "text", ok: 3, failed: 0, served: 0, streams: 2 }),
    ]);
  expect((await figures())[1].output).toBeGreaterThan(0);
  expect(await days()).toEqual([
    { subject: "model", ok: 3, failed: 0 },
    { subject: "provider", ok: 3, failed: 3 },
  ]);
  const { rows } = await database.pool.query(
    "select last_used_at is not null as used, last_error_class as error from credential_health where credential_id = $1",
    [credentialId],
  );
  expect(rows).toEqual([{ used: true, error: "server" }]);
});

test("what the client got wrong counts for nobody", async () => {
  const { call, figures, days } = await modelOf(["content-policy"]);
  expect((await call(0)).status).toBe(400);
  await expect
    .poll(figures, soon)
    .toEqual([expect.objectContaining({ ok: 0, failed: 0, neutral: 1, served: 0, unserved: 0 })]);
  expect(await days()).toEqual([]);
});

test("a credential's cap holds over both gateways, and says when to come again", async () => {
  const { call } = await modelOf(["text"], { rpm: 6 });
  const statuses: number[] = [];
  for (let each = 0; each < 6; each++) statuses.push((await call(each % 2)).status);
  expect(statuses).toEqual([200, 200, 200, 200, 200, 200]);
  await expect.poll(async () => (await call(0)).status, soon).toBe(503);
  await expect.poll(async () => (await call(1)).status, soon).toBe(503);
  const refused = await call(0);
  expect(JSON.parse(refused.text).error.code).toBe("overloaded");
  expect(refused.headers.get("retry-after")).toBe("5");
});

test("the gateway's metrics tell attempts, first tokens, and the state, balance and last check of credentials", async () => {
  const { call, credentialId } = await modelOf(["text"]);
  await database.pool.query(
    "insert into credential_health (credential_id, balance, balance_unit) values ($1, '12.5', 'CNY')",
    [credentialId],
  );
  await database.pool.query(
    `insert into provider_probe (id, kind, provider_id, credential_id, state, ok, finished_at)
     select 'probe_metrics', 'test_credential', provider_id, id, 'done', true, clock_timestamp() from credential where id = $1`,
    [credentialId],
  );
  const metrics = createMetrics(nodes[0] as GatewayRuntime);
  expect((await call(0, true)).status).toBe(200);
  const { rows } = await database.pool.query(
    "select slug from provider join credential on provider_id = provider.id where credential.id = $1",
    [credentialId],
  );
  const labels = `provider="${rows[0].slug}"`;
  const text = await metrics.render();
  for (const line of [
    `hub_upstream_attempts_total{${labels},model="text",credential="key-1",verdict="ok"} 1`,
    `hub_upstream_first_token_seconds_count{${labels},model="text"} 1`,
    `hub_upstream_latency_seconds_count{${labels},model="text"} 1`,
    `hub_credential_state{${labels},credential="key-1",state="active"} 1`,
    `hub_credential_balance{${labels},credential="key-1",unit="CNY"} 12.5`,
    `hub_check_ok{${labels},credential="key-1"} 1`,
  ])
    expect(text).toContain(line);
});

test("the gateway counts latencies as the database does", async () => {
  const { rows } = await database.pool.query("select latency_bounds() as bounds");
  expect(rows[0].bounds).toEqual(LATENCY_BOUNDS_MS);
});
