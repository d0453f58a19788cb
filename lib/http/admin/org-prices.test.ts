import { afterAll, beforeAll, expect, test } from "vitest";
import { type AdminHub, startAdminHub } from "@/e2e/support/admin-api";
import { priceUsage } from "@/lib/billing/pricing";
import { loadSnapshot, priceFor } from "@/lib/gateway/snapshot";

let hub: AdminHub;
let made = 0;
beforeAll(async () => {
  hub = await startAdminHub();
  await hub.call("POST", "/providers", { slug: "p", kind: "openai" });
});
afterAll(() => hub.close());

async function model(price: object, more: object = {}): Promise<string> {
  const id = `vendor/m${++made}`;
  const { status, body } = await hub.call("PUT", `/models/${id}`, {
    ...{ type: "chat", offers: [{ provider: "p", upstreamModel: id, cost: { input: 1, output: 2 } }], price },
    ...more,
  });
  expect(status, JSON.stringify(body)).toBe(200);
  return id;
}
const org = async () => (await hub.call("POST", "/orgs", { name: "T" })).body.id as string;
const agree = (id: string, body: object) => hub.call("PUT", `/orgs/${id}/prices`, body);
const reprice = (id: string, price: object, more: object = {}) =>
  hub.call("PUT", `/models/${id}`, {
    ...{ type: "chat", offers: [{ provider: "p", upstreamModel: id }], price },
    ...more,
  });

/** What a call of a million tokens each way costs the organisation, as the gateway would charge it now. */
async function charge(id: string, orgId: string) {
  const snapshot = await loadSnapshot(hub.database.pool);
  const found = snapshot.models.get(id);
  const price = found && priceFor(found, orgId);
  return price ? priceUsage({ input: 1_000_000, output: 1_000_000 }, price.rates, price.factorBp) : null;
}
const usd = (dollars: number) => BigInt(Math.round(dollars * 1e9));

test("an agreement for a model comes before the default, the default before the list price", async () => {
  const [id, customer, other] = [await model({ input: 1, output: 3 }), await org(), await org()];
  expect(await charge(id, customer)).toBe(usd(4));
  await agree(customer, { factorBp: 9_000, reason: "volume" });
  expect(await charge(id, customer)).toBe(usd(3.6));
  await agree(customer, { model: id, factorBp: 5_000 });
  expect(await charge(id, customer)).toBe(usd(2));
  await agree(customer, { model: id, price: { input: 7, output: 1 } });
  expect(await charge(id, customer)).toBe(usd(8));
  const { body } = await agree(customer, { model: id, remove: true });
  expect(await charge(id, customer)).toBe(usd(3.6));
  expect(body.data).toMatchObject([{ model: null, factorBp: 9_000, price: null, reason: "volume" }]);
  await agree(customer, { remove: true });
  expect(await charge(id, customer)).toBe(usd(4));
  expect(await charge(id, other)).toBe(usd(4));
});

test("a factor follows the list price, and models that come later", async () => {
  const [id, customer] = [await model({ input: 1, output: 3 }), await org()];
  await agree(customer, { factorBp: 5_000 });
  await reprice(id, { input: 2, output: 4 });
  expect(await charge(id, customer)).toBe(usd(3));
  expect(await charge(await model({ input: 10, output: 10 }), customer)).toBe(usd(10));
});

test("the pinned version holds the rates it was charged by, and the list version they came from", async () => {
  const [id, customer] = [await model({ input: 1, output: 3 }), await org()];
  await agree(customer, { model: id, factorBp: 3_333 });
  const { rows } = await hub.database.pool.query(
    "SELECT rates, factor_bp, source, source_ref FROM price_version WHERE org_id = $1 ORDER BY id DESC LIMIT 1",
    [customer],
  );
  expect(rows[0]).toMatchObject({ rates: { input: "1000000000" }, factor_bp: 3_333, source: "compiled" });
  const { rows: list } = await hub.database.pool.query(
    "SELECT id::text FROM price_version WHERE subject_id = $1 AND org_id IS NULL",
    [id],
  );
  expect(rows[0].source_ref).toBe(list[0].id);
});

test("a price announced for later binds later, for factors too", async () => {
  const [id, customer] = [await model({ input: 1, output: 3 }), await org()];
  await agree(customer, { model: id, factorBp: 5_000 });
  const tomorrow = new Date(Date.now() + 86_400_000);
  expect((await reprice(id, { input: 100, output: 100 }, { priceEffectiveFrom: tomorrow.toISOString() })).status).toBe(
    200,
  );
  expect(await charge(id, customer)).toBe(usd(2));
  expect(await charge(id, "org_other")).toBe(usd(4));
  const { rows } = await hub.database.pool.query(
    "SELECT org_id, rates ->> 'input' AS input FROM price_version WHERE subject_id = $1 AND effective_from > now()",
    [id],
  );
  expect(rows).toEqual(
    expect.arrayContaining([
      { org_id: null, input: "100000000000" },
      { org_id: customer, input: "100000000000" },
    ]),
  );
  const past = await reprice(id, { input: 5, output: 5 }, { priceEffectiveFrom: "2020-01-01T00:00:00Z" });
  expect([past.status, past.body.error.param]).toEqual([400, "priceEffectiveFrom"]);
});

test("images by size, service tiers and context tiers are kept as written", async () => {
  const price = {
    ...{ input: "5", output: "40", perImage: "0.04" },
    perImageVariant: { "1024x1024/high": "0.167", "512x512": "0.011" },
    serviceTiers: { flex: { input: "2.5", tiers: [{ aboveInputTokens: 200_000, input: "5" }] } },
  };
  const id = await model(price);
  expect((await hub.call("GET", `/models/${id}`)).body.price).toEqual(price);
});

test.each([
  [{}, 400],
  [{ factorBp: 8_000, remove: true }, 400],
  [{ price: { input: 1 } }, 400],
  [{ factorBp: -1 }, 400],
  [{ model: "no/such", factorBp: 8_000 }, 404],
  [{ factorBp: 8_000, effectiveFrom: "2020-01-01T00:00:00Z" }, 400],
])("%j is refused", async (body, status) => {
  expect((await agree(await org(), body)).status).toBe(status);
  expect((await agree("org_none", { factorBp: 8_000 })).status).toBe(404);
});

test("agreeing on prices needs the right to manage them, and is audited", async () => {
  const customer = await org();
  const key = await hub.keyWith(["models.read"]);
  const headers = { authorization: `Bearer ${key}` };
  expect((await hub.call("PUT", `/orgs/${customer}/prices`, { factorBp: 1 }, headers)).status).toBe(403);
  expect((await hub.call("GET", `/orgs/${customer}/prices`, undefined, headers)).body).toEqual({ data: [] });
  await agree(customer, { factorBp: 8_000, reason: "contract" });
  const { rows } = await hub.database.pool.query(
    "SELECT action, reason FROM audit_event WHERE target = $1 ORDER BY at DESC",
    [`org:${customer}`],
  );
  expect(rows[0]).toMatchObject({ action: "price.agree", reason: "contract" });
});
