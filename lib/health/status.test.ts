import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type AdminHub, startAdminHub } from "@/e2e/support/admin-api";
import { makeModel, makeProvider, type ProviderRow } from "@/e2e/support/fixtures";
import { findStatus, STATUS_DAYS, type Status } from "@/lib/health/queries";
import { watchServices } from "@/lib/health/watch";
import { createPool } from "@/lib/pg";
import { generateSecretsKeyPair } from "@/lib/secrets";

let hub: AdminHub;
let worker: ReturnType<typeof createPool>;
let provider: ProviderRow;
let model: string;

beforeAll(async () => {
  hub = await startAdminHub();
  worker = createPool(hub.database.roleUrl("worker"), { max: 2, applicationName: "test-worker" });
  // the first answer of this process takes its time, and a page does not wait for it
  await hub.call("GET", "/health");
  const { publicKey } = await generateSecretsKeyPair();
  const secrets = { keyPepper: randomBytes(32).toString("hex"), secretsPublicKey: publicKey };
  provider = await makeProvider(hub.database.pool, secrets, { kind: "openai", baseUrl: "http://127.0.0.1:9/v1" });
  model = await makeModel(hub.database.pool, { offers: [{ provider, upstreamModel: "m" }] });
});
afterAll(async () => {
  await worker.end();
  await hub.close();
});

/** As a gateway tells it. */
async function tell(counts: Record<string, number>) {
  const { rows } = await hub.database.pool.query("select id from offer where model_id = $1", [model]);
  const histogram = (bucket: number) => Array.from({ length: 24 }, (_, index) => (index === bucket ? 10 : 0));
  const none = { ok: 0, failed: 0, limited: 0, refused: 0, neutral: 0, served: 0, unserved: 0 };
  const count = { ...none, ...counts, offer: rows[0].id, credential: provider.credentialIds[0], error: null };
  const sums = { output_tokens: 100, generation_ms: 1_000, latency: histogram(9), first_token: histogram(8) };
  await hub.database.pool.query("select note_routes($1, 'node')", [JSON.stringify([{ ...count, ...sums }])]);
}

/** Far enough apart that each is read anew. */
let later = Date.now();
async function statusOf(subject: "provider" | "model") {
  later += 60_000;
  const status = (await findStatus(later)) as Status;
  const id = subject === "model" ? model : provider.id;
  return { status, service: status.services.find((service) => service.id === id) };
}
const incidents = async () =>
  (
    await hub.database.pool.query(
      "select subject, state, ended_at is null as open from incident order by started_at, subject",
    )
  ).rows;

test("what nobody asked is unknown, without a single day", async () => {
  const { service } = await statusOf("model");
  expect(service).toMatchObject({ state: "unknown", firstTokenP50Ms: null });
  expect(service?.days).toEqual(Array.from({ length: STATUS_DAYS }, () => null));
});

test("calls give a state, the day's share and first tokens", async () => {
  await tell({ ok: 98, failed: 2, served: 100 });
  const { service } = await statusOf("model");
  expect(service).toMatchObject({ state: "up", firstTokenP50Ms: expect.any(Number) });
  expect(service?.days.at(-1)).toEqual({ ok: 100, failed: 0 });
  expect((await statusOf("provider")).service?.days.at(-1)).toEqual({ ok: 98, failed: 2 });
});

test("an incident begins once, keeps the worst, and ends", async () => {
  await watchServices(worker);
  expect(await incidents()).toEqual([]);
  await tell({ failed: 20, served: 20 });
  await watchServices(worker);
  await Promise.all([watchServices(worker), watchServices(worker)]);
  expect(await incidents()).toEqual([{ subject: "provider", state: "degraded", open: true }]);
  await hub.database.pool.query("update credential set status = 'disabled'");
  await watchServices(worker);
  expect(await incidents()).toEqual([
    { subject: "provider", state: "down", open: true },
    { subject: "model", state: "down", open: true },
  ]);
  await hub.database.pool.query("update incident set started_at = started_at - interval '5 minutes'");
  await hub.database.pool.query("update credential set status = 'active'");
  await hub.database.pool.query("delete from route_minute");
  await watchServices(worker);
  expect((await incidents()).map(({ open }) => open)).toEqual([false, false]);
  const { status } = await statusOf("model");
  expect(status.incidents).toHaveLength(2);
  expect(status.incidents[0]).toMatchObject({ state: "down", endedAt: expect.any(String) });
});

test("the operator sees what checks that were calls have cost", async () => {
  const cost = { input: "1", output: "2", perRequest: "0.001" };
  const priced = await makeModel(hub.database.pool, { offers: [{ provider, upstreamModel: "p", cost }] });
  const { rows } = await hub.database.pool.query("select id from offer where model_id = $1", [priced]);
  for (const offer of [rows[0].id, rows[0].id, "nobody's"])
    await hub.database.pool.query("select note_check_call($1, 8, 16)", [offer]);
  const { body } = await hub.call("GET", "/health");
  expect(body.checkCalls).toEqual({ calls: 3, costUsd: "0.00208", unpriced: 1 });
});

test("while the database does not answer the last status is told, with its age", async () => {
  const { status: seen } = await statusOf("model");
  await hub.database.pool.query("revoke execute on function services_now from hub_web");
  later += 60_000;
  const status = await findStatus(later);
  expect(status).toEqual(seen);
  expect(later - Date.parse(status?.at ?? "")).toBe(60_000);
});
