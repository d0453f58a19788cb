import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { formatUsd, toUsdNumber } from "@/lib/money";
import { type ContractHub, DOORS, startContractHub, type Tenant } from "./hub";

let hub: ContractHub;
let tenant: Tenant;
let relayed: string;
let translated: string;

beforeAll(async () => {
  hub = await startContractHub();
  relayed = await hub.relayModel("text");
  translated = await hub.translatedModel("text");
});
beforeEach(async () => {
  tenant = await hub.tenant();
});
afterEach(() => hub.assertHealthy(tenant));
afterAll(() => hub.stop());

type Data = Record<string, unknown>;

type Line = { class: string; units: number; usd_per_million: string; rated_as: string | null; exact_nano: string };
type Receipt = {
  price: { version: string; factor_bp: number; lines: Line[]; exact_nano: string; total_usd: string };
  held_usd: string;
  released_usd: string;
  reported_usage: Record<string, unknown>;
  attempts: object[];
};

/** A decimal as a whole number of its `places`-th part. */
function scaled(decimal: string, places: number): bigint {
  const [whole = "", fraction = ""] = decimal.split(".");
  return BigInt(whole + fraction.padEnd(places, "0"));
}

describe.each(DOORS)("%s door", (door) => {
  const get = async (path: string, key = tenant.key): Promise<{ response: Response; data: Data }> => {
    const response = await hub.send(door, path, { headers: { authorization: `Bearer ${key}` } });
    return { response, data: ((await response.json()) as { data: Data }).data };
  };
  const call = async (model: string) => {
    const { data, response } = await hub
      .openai(door, tenant.key)
      .chat.completions.create({ model, messages: [{ role: "user", content: "hi" }] })
      .withResponse();
    const requestId = response.headers.get("x-request-id") ?? "";
    return { requestId, bodyId: data.id, cost: (data.usage as { cost?: number } | undefined)?.cost };
  };

  test.each(["relayed", "translated"])(
    "the receipt of a %s call is found by either id and says its price",
    async (how) => {
      const { requestId, bodyId, cost } = await call(how === "relayed" ? relayed : translated);
      const settled = await hub.settled(requestId);
      for (const id of [requestId, bodyId]) {
        const { response, data } = await get(`/generation?id=${encodeURIComponent(id)}`);
        expect(response.status).toBe(200);
        expect(data).toMatchObject({
          id: requestId,
          model: how === "relayed" ? relayed : translated,
          streamed: false,
          finish_reason: "stop",
          tokens_prompt: settled.inputTokens + settled.cacheReadTokens + settled.cacheWriteTokens,
          tokens_completion: settled.outputTokens + settled.reasoningTokens,
          total_cost: cost,
          total_cost_usd: formatUsd(settled.priceNano),
          estimated: false,
          status: "ok",
        });
      }
      expect(cost).toBe(toUsdNumber(settled.priceNano));
    },
  );

  test("a receipt can be computed again: units times rates, the organisation's factor, rounded up once", async () => {
    const { requestId: plain } = await call(relayed);
    await hub.settled(plain);
    const before = (await get(`/generation?id=${plain}`)).data.receipt as Receipt;
    await hub.orgFactor(tenant, relayed, 8_333);
    // the gateway hears of new prices by notification
    await expect
      .poll(
        async () => {
          const { requestId } = await call(relayed);
          await hub.settled(requestId);
          return ((await get(`/generation?id=${requestId}`)).data.receipt as Receipt).price.factor_bp;
        },
        { timeout: 5_000, interval: 50 },
      )
      .toBe(8_333);
    const { requestId } = await call(relayed);
    const settled = await hub.settled(requestId);
    const { price, ...rest } = (await get(`/generation?id=${requestId}`)).data.receipt as Receipt;
    expect(Number(price.version)).toBeGreaterThan(Number(before.price.version));
    expect(price.lines.map(({ rated_as: _, exact_nano: __, ...line }) => line)).toEqual(
      before.price.lines.map(({ rated_as: _, exact_nano: __, ...line }) => line),
    );
    // tenths of a millionth of a nano, as whole numbers
    const parts = price.lines.reduce((sum, { exact_nano }) => sum + scaled(exact_nano, 6), 0n) * 8_333n;
    expect(scaled(price.exact_nano, 10)).toBe(parts);
    expect((parts + 10n ** 10n - 1n) / 10n ** 10n).toBe(settled.priceNano);
    expect(price.total_usd).toBe(formatUsd(settled.priceNano));
    expect(rest).toMatchObject({
      held_usd: formatUsd(settled.heldNano),
      released_usd: formatUsd(settled.heldNano - settled.priceNano),
      attempts: [{ status: "ok", http_status: 200, provider_name: expect.any(String), latency: expect.any(Number) }],
      reported_usage: { prompt_tokens: expect.any(Number) },
    });
    expect(JSON.stringify(rest)).not.toMatch(/cost/);
  });

  test("nobody finds another tenant's call, by whichever id", async () => {
    const { requestId, bodyId } = await call(relayed);
    await hub.settled(requestId);
    const other = await hub.tenant();
    for (const id of [requestId, bodyId, "req_nothing"]) {
      const { response } = await get(`/generation?id=${id}`, other.key);
      expect(response.status).toBe(404);
      expect(response.headers.get("retry-after")).toBeNull();
    }
    expect((await get("/generation")).response.status).toBe(400);
  });

  test("a call that is not settled yet is worth asking for again", async () => {
    const running = `req_running${door}`;
    await hub.holdOpen(tenant, running);
    const { response } = await get(`/generation?id=${running}`);
    expect([response.status, response.headers.get("retry-after")]).toEqual([404, "1"]);
    await hub.voidOpen(running);
  });

  test("a key reads its own limits and what it has spent", async () => {
    await hub.limit(tenant, { day: 2_000_000_000, total: 9_000_000_000, rpm: 60 });
    const { requestId } = await call(relayed);
    const { priceNano } = await hub.settled(requestId);
    const { data } = await get("/key");
    expect(data).toEqual({
      label: expect.any(String),
      usage: toUsdNumber(priceNano),
      limit: 2,
      limit_remaining: toUsdNumber(2_000_000_000n - priceNano),
      limit_reset: expect.stringMatching(/T00:00:00.000Z$/),
      rate_limit: { requests: 60, interval: "1m" },
      expires_at: null,
    });
    const bare = await get("/key", await hub.keyOf(tenant, {}));
    expect(bare.data).toMatchObject({ usage: 0, limit: null, limit_remaining: null, rate_limit: null });
  });

  test("credits are what was given less what was used", async () => {
    const { requestId } = await call(relayed);
    const { priceNano } = await hub.settled(requestId);
    expect((await get("/credits")).data).toEqual({
      total_credits: 1_000,
      total_usage: toUsdNumber(priceNano),
      balance_usd: formatUsd(1_000_000_000_000n - priceNano),
      held_usd: "0",
      available_usd: formatUsd(1_000_000_000_000n - priceNano),
    });
  });

  test("usage is this key's, by day, hour or model", async () => {
    const { requestId } = await call(relayed);
    const { priceNano } = await hub.settled(requestId);
    const other = await hub.keyOf(tenant, {});
    for (const [groupBy, name] of [
      ["day", /^\d{4}-\d\d-\d\d$/],
      ["hour", /^\d{4}-\d\d-\d\dT\d\d:00:00Z$/],
      ["model", new RegExp(`^${relayed}$`)],
    ] as const) {
      const { data } = await get(`/usage?group_by=${groupBy}`);
      expect(data).toMatchObject([{ requests: 1, cost: toUsdNumber(priceNano), cost_usd: formatUsd(priceNano) }]);
      expect((data as unknown as Data[])[0]?.[groupBy]).toMatch(name);
      expect((await get(`/usage?group_by=${groupBy}`, other)).data).toEqual([]);
    }
    expect((await get("/usage?start=2020-01-01&end=2020-02-01")).data).toEqual([]);
    expect((await get("/usage?group_by=year")).response.status).toBe(400);
    expect((await get("/usage?start=yesterday")).response.status).toBe(400);
    expect((await get("/usage?cursor=x")).response.status).toBe(400);
  });

  test.each(["/generation?id=req_1", "/key", "/credits", "/usage"])("%s needs a key", async (path) => {
    expect((await get(path, hub.unknownKey())).response.status).toBe(401);
    expect((await get(path, hub.managementKey())).response.status).toBe(401);
  });

  test("a stream's last chunk carries the price that is settled", async () => {
    for (const model of [relayed, translated]) {
      const { data: stream, response } = await hub
        .openai(door, tenant.key)
        .chat.completions.create({
          ...{ model, messages: [{ role: "user", content: "hi" }], stream: true },
          stream_options: { include_usage: true },
        })
        .withResponse();
      let last: { usage?: unknown } = {};
      for await (const chunk of stream as AsyncIterable<{ usage?: unknown }>) last = chunk;
      const { priceNano } = await hub.settled(response.headers.get("x-request-id"));
      expect(last.usage).toMatchObject({ cost: toUsdNumber(priceNano) });
    }
  });
});
