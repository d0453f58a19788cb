import { afterAll, beforeAll, expect, test } from "vitest";
import { type AdminHub, startAdminHub } from "@/e2e/support/admin-api";

let hub: AdminHub;
let made = 0;
beforeAll(async () => {
  hub = await startAdminHub();
});
afterAll(() => hub.close());

async function provider(credentials: object[] = [{}]): Promise<string> {
  const slug = `p${++made}`;
  expect((await hub.call("POST", "/providers", { slug, kind: "openai" })).status).toBe(201);
  for (const [index, more] of credentials.entries()) {
    const credential = { name: `c${index}`, apiKey: `sk-test-${index}`, ...more };
    expect((await hub.call("POST", `/providers/${slug}/credentials`, credential)).status).toBe(201);
  }
  return slug;
}

async function model(body: object): Promise<string> {
  const id = `test/route-${++made}`;
  const answer = await hub.call("PUT", `/models/${id}`, { type: "chat", price: { input: "1", output: "2" }, ...body });
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  return id;
}

const ask = async (question: object) => {
  const { status, body } = await hub.call("POST", "/route", question);
  expect(status, JSON.stringify(body)).toBe(200);
  return body;
};
const told = (row: { provider: string; credentialName: string; called: boolean; reason: string | null }) => [
  ...[row.provider, row.credentialName, row.called, row.reason],
];

test("tells the order with credentials, weights and health, and why the rest is passed over", async () => {
  const [blind, able, off] = [
    await provider(),
    await provider([{}, { weight: 0 }, { enabled: false }]),
    await provider(),
  ];
  await hub.call("PATCH", `/providers/${off}`, { enabled: false });
  const id = await model({
    capabilities: { input: ["text", "image"] },
    offers: [
      { provider: blind, upstreamModel: "a", capabilities: { input: ["text"] } },
      { provider: able, upstreamModel: "b", priority: 1, weight: 300 },
      { provider: off, upstreamModel: "c", priority: 2 },
    ],
  });
  const route = await ask({ model: id, needs: ["input:image"] });
  expect(route).toMatchObject({ model: id, order: "chance" });
  expect(route.candidates.map(told)).toEqual([
    [able, "c0", true, null],
    [blind, null, false, "lacks:input:image"],
    [able, "c1", false, "credential_drained"],
    [able, "c2", false, "credential_disabled"],
    [off, null, false, "provider_disabled"],
  ]);
  expect(route.candidates[0]).toMatchObject({ priority: 1, weight: 300, credentialWeight: 100, health: 1 });
  expect(JSON.stringify(route)).not.toContain("sk-test");
});

test("the same affinity has the same order", async () => {
  const provided = await provider([{}, {}, {}, {}]);
  const id = await model({ offers: [{ provider: provided, upstreamModel: "a" }] });
  const first = await ask({ model: id, affinity: "someone" });
  expect(first.order).toBe("affinity");
  for (let n = 0; n < 5; n++) expect(await ask({ model: id, affinity: "someone" })).toEqual(first);
});

test("fallbacks of an alias are part of its route; hints and an organisation's list of models bind", async () => {
  const [one, two] = [await provider(), await provider()];
  const spare = await model({ offers: [{ provider: two, upstreamModel: "s" }] });
  const alias = `alias-${made}`;
  const id = await model({
    offers: [
      { provider: one, upstreamModel: "a" },
      { provider: two, upstreamModel: "b", priority: 5 },
    ],
    aliases: [alias],
    fallbacks: { [alias]: [spare] },
  });
  const names = async (question: object) =>
    (await ask(question)).candidates.map((row: { model: string; provider: string; reason: string | null }) => [
      ...[row.model, row.provider, row.reason],
    ]);
  expect(await names({ model: id })).toEqual([
    [id, one, null],
    [id, two, null],
  ]);
  expect(await names({ model: alias, provider: { order: [two], ignore: [one] } })).toEqual([
    [id, two, null],
    [id, one, "ignored"],
    [spare, two, null],
  ]);
  const org = await hub.call("POST", "/orgs", { name: "Bound", allowedModels: [id] });
  expect(org.body.allowedModels).toEqual([id]);
  expect(await names({ model: alias, orgId: org.body.id })).toContainEqual([spare, null, "model_not_allowed"]);
  expect((await hub.call("GET", `/models/${id}`)).body).toMatchObject({ fallbacks: { [alias]: [spare] } });
});

test("a provider without the endpoint that a model's kind needs is passed over", async () => {
  const slug = "no-vectors";
  await hub.call("POST", "/providers", { slug, kind: "anthropic" });
  await hub.call("POST", `/providers/${slug}/credentials`, { name: "c0", apiKey: "sk-ant-none-0001" });
  const able = await provider();
  const offers = [slug, able].map((name) => ({ provider: name, upstreamModel: "v" }));
  const id = await model({ type: "embedding", offers });
  expect((await ask({ model: id })).candidates.map(told)).toEqual([
    [able, "c0", true, null],
    [slug, null, false, "endpoint_not_served"],
  ]);
});

test.each([
  [{ fallbacks: { nobody: ["x"] } }, "fallbacks"],
  [{ aliases: ["al-1"], fallbacks: { "al-1": ["no/such"] } }, "fallbacks.al-1"],
  [{ capabilities: { input: ["smell"] } }, "capabilities.input.0"],
  [{ offers: [{ provider: "p1", upstreamModel: "a", timeouts: { idleMs: 1 } }] }, "offers.0.timeouts.idleMs"],
])("%j is refused", async (body, param) => {
  const base = { type: "chat", offers: [], price: { input: "1", output: "2" } };
  const answer = await hub.call("PUT", "/models/test/refused", { ...base, ...body });
  expect([answer.status, answer.body.error.param]).toEqual([400, param]);
});

test("an unknown model is not found", async () => {
  expect((await hub.call("POST", "/route", { model: "no/such" })).status).toBe(404);
});
