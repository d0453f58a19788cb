import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AdminHub, startAdminHub } from "@/e2e/support/admin-api";
import { assertHealthy } from "@/e2e/support/database";
import { newId } from "@/lib/ids";
import { formatUsd, parseUsd } from "@/lib/money";
import { mintScope } from "@/lib/orgs/scope";
import type { RequestRow, UsageRow } from "@/lib/usage/schema";

let hub: AdminHub;
let epoch: string;
const NODE = "test-node";

beforeAll(async () => {
  hub = await startAdminHub();
  const { rows } = await hub.database.pool.query("SELECT node_boot($1) AS epoch", [NODE]);
  epoch = rows[0].epoch;
});
afterAll(async () => {
  await assertHealthy(hub.database.pool);
  await hub.close();
});

type Tenant = { org: string; key: string; app: string };

async function tenant(): Promise<Tenant> {
  const { body: org } = await hub.call("POST", "/orgs", { name: "T" });
  await hub.call("POST", `/orgs/${org.id}/credits`, { amountUsd: 100, kind: "comp", reason: "test" });
  const { body: key } = await hub.call("POST", `/orgs/${org.id}/keys`, { name: "k", dailyCapUsd: null });
  return { org: org.id, key: key.id, app: key.appId };
}

type Call = {
  model?: string;
  price?: bigint | null;
  cost?: bigint;
  waste?: bigint;
  outcome?: string;
  usage?: object;
  priceVersion?: string;
  provider?: string;
  credential?: string;
};

/** What the provider of every call here says, in its own words. */
const REPORTED = { prompt_tokens: 13, completion_tokens: 5, cost: 0.0000007 };

/** One call through the functions that the gateway uses. */
async function settle({ org, key, app }: Tenant, call: Call = {}): Promise<string> {
  const {
    model = "m/a",
    price = 5n,
    cost = 2n,
    waste = 0n,
    outcome = "ok",
    usage = { input: 10, cacheRead: 3, output: 4, reasoning: 1 },
  } = call;
  const { provider = "p1", credential = "cred_1" } = call;
  const id = newId("req");
  const hold = {
    id,
    org,
    key,
    app,
    member: null,
    model,
    input_hash: "h",
    amount: "1000",
    min_amount: "1000",
    unit_rate: "0",
    price_version: price === null ? null : (call.priceVersion ?? null),
    tokens_estimate: 1,
    restricted_ok: true,
    ctx: { endpoint: "chat.completions", dialect: "openai-chat", stream: true },
  };
  const granted = await hub.database.pool.query(
    "SELECT * FROM authorize_batch($1::jsonb, $2, $3, interval '2 minutes')",
    [JSON.stringify([hold]), NODE, epoch],
  );
  expect(granted.rows[0]).toMatchObject({ granted: true });
  const attempt = {
    offer: "off_1",
    provider,
    upstream_model: "up",
    credential,
    outcome,
    http_status: 200,
    usage: { ...usage, reported: REPORTED, anomalies: ["prompt_not_counted"] },
    cost: cost.toString(),
    latency_ms: 12,
    first_token_ms: 3,
  };
  const failed = { ...attempt, provider: "p0", outcome: "server", http_status: 500, cost: waste.toString() };
  const done = {
    id,
    org,
    outcome,
    http_status: 200,
    price: price?.toString() ?? null,
    cost: cost.toString(),
    waste: waste.toString(),
    usage,
    usage_source: "reported",
    provider,
    upstream_model: "up",
    credential,
    route: "relay",
    upstream_id: "chatcmpl-1",
    finish_reason: "stop",
    latency_ms: 12,
    first_token_ms: 3,
    attempts: waste > 0n ? [failed, attempt] : [attempt],
  };
  const settled = await hub.database.pool.query("SELECT * FROM settle_batch($1::jsonb, $2, $3)", [
    JSON.stringify([done]),
    NODE,
    epoch,
  ]);
  expect(settled.rows[0]).toMatchObject({ applied: true });
  return id;
}

async function refuse({ org, key, app }: Tenant, model = "m/a"): Promise<string> {
  const id = newId("req");
  const item = {
    id,
    org,
    app,
    key,
    model,
    endpoint: "chat.completions",
    dialect: "openai-chat",
    stream: false,
    http_status: 429,
    rule: "rpm",
  };
  await hub.database.pool.query("SELECT log_refusals($1::jsonb, $2)", [JSON.stringify([item]), NODE]);
  return id;
}

const usage = async (query: string): Promise<UsageRow[]> => {
  const answer = await hub.call("GET", `/usage?${query}`);
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  return answer.body.data;
};
const requests = async (query: string): Promise<RequestRow[]> => {
  const answer = await hub.call("GET", `/requests?${query}`);
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  return answer.body.data;
};

describe("requests", () => {
  test("a row names what the contract names", async () => {
    const own = await tenant();
    const id = await settle(own, { price: 1500n, cost: 700n, waste: 40n });
    const [row] = await requests(`orgId=${own.org}`);
    expect(row).toEqual({
      id,
      orgId: own.org,
      appId: own.app,
      keyId: own.key,
      memberId: null,
      endpoint: "chat.completions",
      dialect: "openai-chat",
      route: "relay",
      model: "m/a",
      provider: "p1",
      upstreamModel: "up",
      credentialId: "cred_1",
      startedAt: expect.any(String),
      settledAt: expect.any(String),
      stream: true,
      outcome: "ok",
      httpStatus: 200,
      client: null,
      refusedBy: null,
      inputTokens: 13,
      outputTokens: 5,
      cacheReadTokens: 3,
      cacheWriteTokens: 0,
      reasoningTokens: 1,
      usageSource: "reported",
      priceUsd: "0.0000015",
      costUsd: "0.0000007",
      wasteUsd: "0.00000004",
      latencyMs: 12,
      firstTokenMs: 3,
      attempts: [
        {
          provider: "p0",
          upstreamModel: "up",
          credentialId: "cred_1",
          outcome: "server",
          httpStatus: 500,
          costUsd: "0.00000004",
          latencyMs: 12,
          firstTokenMs: 3,
          reason: null,
        },
        {
          provider: "p1",
          upstreamModel: "up",
          credentialId: "cred_1",
          outcome: "ok",
          httpStatus: 200,
          costUsd: "0.0000007",
          latencyMs: 12,
          firstTokenMs: 3,
          reason: null,
        },
      ],
      anomalies: ["prompt_not_counted"],
    });
    const receipt = await hub.call("GET", `/requests/${id}`);
    expect(receipt.body).toMatchObject({
      ...row,
      finishReason: "stop",
      upstreamId: "chatcmpl-1",
      heldUsd: "0.000001",
      promoUsd: "0.0000015",
      marginUsd: "0.00000076",
      reportedUsage: REPORTED,
      usage: { input: 10, cacheRead: 3, output: 4, reasoning: 1 },
    });
    expect((await hub.call("GET", "/requests/req_none")).status).toBe(404);
  });

  test("the receipt's arithmetic adds up to the price", async () => {
    const own = await tenant();
    await hub.call("PUT", "/models/receipt", {
      type: "chat",
      offers: [],
      price: { input: "0.25", output: "2", cacheRead: "0.025", perRequest: "0.001" },
    });
    const { rows } = await hub.database.pool.query("SELECT id FROM price_version WHERE subject_id = 'receipt'");
    const units = { input: 1001, cacheRead: 7, output: 13, requests: 1 };
    const nano = 1001n * 250n + 7n * 25n + 13n * 2000n + 1_000_000n;
    const id = await settle(own, { model: "receipt", price: nano, usage: units, priceVersion: rows[0].id });
    const { body } = await hub.call("GET", `/requests/${id}`);
    expect(body.price).toEqual({
      versionId: rows[0].id,
      effectiveFrom: expect.any(String),
      factorBp: 10_000,
      exactNano: "1276425",
      totalUsd: "0.001276425",
      lines: [
        { class: "input", ratedAs: null, units: 1001, usdPerMillion: "0.25", exactNano: "250250" },
        { class: "cacheRead", ratedAs: null, units: 7, usdPerMillion: "0.025", exactNano: "175" },
        { class: "output", ratedAs: null, units: 13, usdPerMillion: "2", exactNano: "26000" },
        { class: "perRequest", ratedAs: null, units: 1, usdPerMillion: "1000", exactNano: "1000000" },
      ],
    });
    expect(body.priceUsd).toBe(formatUsd(nano));
  });

  test("refused calls are listed at price 0, and only where they fit the filter", async () => {
    const own = await tenant();
    const served = await settle(own);
    const refused = await refuse(own);
    expect((await requests(`orgId=${own.org}`)).map(({ id }) => id)).toEqual([refused, served]);
    expect(await requests(`orgId=${own.org}&outcome=refused`)).toMatchObject([
      {
        id: refused,
        outcome: "refused",
        refusedBy: "rpm",
        httpStatus: 429,
        priceUsd: "0",
        costUsd: "0",
        attempts: [],
        provider: null,
      },
    ]);
    expect((await requests(`orgId=${own.org}&outcome=ok`)).map(({ id }) => id)).toEqual([served]);
    expect((await requests(`orgId=${own.org}&provider=p1`)).map(({ id }) => id)).toEqual([served]);
    expect((await hub.call("GET", `/requests/${refused}`)).body).toMatchObject({
      id: refused,
      outcome: "refused",
      price: null,
    });
  });

  test("pages hold every call once, newest first", async () => {
    const own = await tenant();
    const made: string[] = [];
    for (let n = 0; n < 7; n++) made.push(n % 3 === 2 ? await refuse(own) : await settle(own));
    const seen: RequestRow[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const page: { body: { data: RequestRow[]; nextCursor: string | null } } = await hub.call(
        "GET",
        `/requests?orgId=${own.org}&limit=2${cursor && `&cursor=${cursor}`}`,
      );
      expect(page.body.data.length).toBeLessThanOrEqual(2);
      seen.push(...page.body.data);
      cursor = page.body.nextCursor;
    }
    expect(seen.map(({ id }) => id).sort()).toEqual(made.sort());
    const times = seen.map(({ settledAt }) => settledAt);
    expect(times).toEqual(times.toSorted().reverse());
  });

  test("filters", async () => {
    const [a, b] = [await tenant(), await tenant()];
    const one = await settle(a, { model: "m/x", provider: "px", credential: "cred_x" });
    await settle(b, { model: "m/x" });
    for (const query of [
      `keyId=${a.key}`,
      `appId=${a.app}`,
      "provider=px",
      "credentialId=cred_x",
      `model=m/x&orgId=${a.org}`,
    ]) {
      expect(
        (await requests(query)).map(({ id }) => id),
        query,
      ).toEqual([one]);
    }
    const future = new Date(Date.now() + 60_000).toISOString();
    expect(await requests(`orgId=${a.org}&from=${future}`)).toEqual([]);
    expect(await requests(`orgId=${a.org}&to=${future}`)).toHaveLength(1);
    expect((await hub.call("GET", "/requests?from=yesterday")).body.error.param).toBe("from");
    expect((await hub.call("GET", "/requests?limit=1001")).body.error.param).toBe("limit");
  });

  test("an unpriced call has no price", async () => {
    const own = await tenant();
    const id = await settle(own, { price: null });
    expect((await hub.call("GET", `/requests/${id}`)).body).toMatchObject({ priceUsd: null, price: null });
  });
});

describe("usage", () => {
  test("the sum equals the settled requests, refused ones left out", async () => {
    const own = await tenant();
    for (const price of [1n, 20n, 300n]) await settle(own, { price, cost: price / 2n, waste: 1n });
    await refuse(own);
    const [sum] = await usage(`orgId=${own.org}`);
    expect(sum).toEqual({
      key: null,
      calls: 3,
      inputTokens: 39,
      outputTokens: 15,
      cacheReadTokens: 9,
      cacheWriteTokens: 0,
      reasoningTokens: 3,
      priceUsd: "0.000000321",
      costUsd: "0.00000016",
      wasteUsd: "0.000000003",
      unpricedCalls: 0,
    });
    await settle(own, { price: null });
    expect(await usage(`orgId=${own.org}`)).toMatchObject([{ calls: 4, unpricedCalls: 1, priceUsd: "0.000000321" }]);
    const rows = await requests(`orgId=${own.org}&outcome=ok`);
    const total = rows.reduce((nano, row) => nano + parseUsd(row.priceUsd ?? "0"), 0n);
    expect(formatUsd(total)).toBe(sum?.priceUsd);
    const wallet = (await hub.call("GET", `/orgs/${own.org}/wallet`)).body;
    expect(wallet).toMatchObject({ balanceUsd: formatUsd(parseUsd("100") - total), heldUsd: "0" });
  });

  test.each([
    ["org", (own: Tenant) => own.org],
    ["app", (own: Tenant) => own.app],
    ["key", (own: Tenant) => own.key],
    ["model", () => "m/a"],
    ["provider", () => "p1"],
    ["credential", () => "cred_1"],
    ["endpoint", () => "chat.completions"],
    ["status", () => "ok"],
    ["day", () => new Date().toISOString().slice(0, 10)],
    ["hour", () => `${new Date().toISOString().slice(0, 13)}:00:00Z`],
  ])("by %s", async (dimension, key) => {
    const own = await tenant();
    await settle(own);
    expect(await usage(`orgId=${own.org}&groupBy=${dimension}`)).toMatchObject([{ key: key(own), calls: 1 }]);
  });

  test("by several, with a member that is not there", async () => {
    const own = await tenant();
    await settle(own, { model: "m/a" });
    await settle(own, { model: "m/b", outcome: "client_gone" });
    expect(await usage(`orgId=${own.org}&groupBy=model,status,member`)).toMatchObject([
      { key: { model: "m/a", status: "ok", member: null }, calls: 1 },
      { key: { model: "m/b", status: "client_gone", member: null }, calls: 1 },
    ]);
    expect(await usage(`orgId=${own.org}&groupBy=model&groupBy=status`)).toHaveLength(2);
    expect(await usage(`orgId=${own.org}&groupBy=model&outcome=ok`)).toMatchObject([{ key: "m/a" }]);
    expect(await usage(`orgId=${own.org}&groupBy=member`)).toMatchObject([{ key: null, calls: 2 }]);
  });

  test("a range that cuts a bucket counts exactly the calls inside it", async () => {
    const own = await tenant();
    const ids: string[] = [];
    for (let n = 0; n < 4; n++) {
      ids.push(await settle(own, { price: BigInt(10 ** n) }));
      await hub.database.pool.query("SELECT pg_sleep(0.005)");
    }
    const at = async (id: string | undefined) => (await hub.call("GET", `/requests/${id}`)).body.settledAt;
    const [from, to] = [await at(ids[1]), await at(ids[3])];
    expect(await usage(`orgId=${own.org}&from=${from}&to=${to}`)).toMatchObject([{ calls: 2, priceUsd: "0.00000011" }]);
    expect(await usage(`orgId=${own.org}&from=${from}`)).toMatchObject([{ calls: 3, priceUsd: "0.00000111" }]);
    expect(await usage(`orgId=${own.org}&to=${to}`)).toMatchObject([{ calls: 3, priceUsd: "0.000000111" }]);
    const before = new Date(Date.now() - 86_400_000).toISOString();
    const after = new Date(Date.now() + 86_400_000).toISOString();
    expect(await usage(`orgId=${own.org}&from=${before}&to=${after}`)).toMatchObject([
      { calls: 4, priceUsd: "0.000001111" },
    ]);
  });

  test("days begin where the time zone says", async () => {
    const own = await tenant();
    await settle(own);
    const day = (timeZone: string) => new Intl.DateTimeFormat("en-CA", { timeZone }).format(new Date());
    for (const zone of ["Pacific/Kiritimati", "Pacific/Pago_Pago"]) {
      expect(await usage(`orgId=${own.org}&groupBy=day&timeZone=${zone}`)).toMatchObject([{ key: day(zone) }]);
    }
  });

  test("an organisation without usage, a wrong dimension", async () => {
    expect(await usage("orgId=org_none")).toMatchObject([{ calls: 0, priceUsd: "0" }]);
    expect(await usage("orgId=org_none&groupBy=model")).toEqual([]);
    expect((await hub.call("GET", "/usage?groupBy=colour")).body.error.param).toMatch(/^groupBy/);
    expect((await hub.call("GET", "/usage?timeZone=Mars")).body.error.param).toBe("timeZone");
    expect((await hub.call("GET", "/usage?groupBy=org;drop")).status).toBe(400);
  });
});

test("an organisation's own receipt says nothing of costs and margins", async () => {
  const own = await tenant();
  const id = await settle(own, { price: 1500n, cost: 700n, waste: 40n });
  const { getOrgReceipt } = await import("@/lib/usage/queries");
  const actor = { type: "user" as const, id: "user_1" };
  const scope = mintScope({ orgId: own.org, actor, permissions: new Set(["usage.read"] as const) });
  const text = JSON.stringify(await getOrgReceipt(scope, id));
  expect(text).toContain('"reportedUsage":{"prompt_tokens":13,"completion_tokens":5}');
  expect(text).not.toMatch(/cost|waste|margin|credential|anomal/i);
});

test("what pricing calls again has found is listed, newest run first", async () => {
  const difference = { id: "req_1", orgId: "org_1", why: "other_price", chargedNano: "5", expectedNano: "6" };
  await hub.database.pool.query(
    `INSERT INTO rerate_run (since, until, share_bp, checked, differing, differences)
     VALUES (now() - interval '1 day', now(), 100, 7, 0, '[]'), (now() - interval '1 day', now(), 10000, 700, 1, $1)`,
    [JSON.stringify([difference])],
  );
  const { rerates } = (await hub.call("GET", "/ledger/rerates")).body;
  expect(rerates).toMatchObject([
    {
      ...{ sharePercent: 100, checked: 700, differing: 1 },
      differences: [{ requestId: "req_1", why: "other_price", chargedUsd: "0.000000005", expectedUsd: "0.000000006" }],
    },
    { sharePercent: 1, checked: 7, differing: 0, differences: [] },
  ]);
});

test("a provider's bill stands beside what all attempts of its credential were counted at, and a far one shows", async () => {
  await hub.call("POST", "/providers", { slug: "billed", kind: "openai", displayName: "Billed" });
  const { body: credential } = await hub.call("POST", "/providers/billed/credentials", {
    name: "main",
    apiKey: "sk-0123456789",
  });
  const own = await tenant();
  // two answered, and one failed attempt of the same credential before the first
  await settle(own, { cost: parseUsd("150"), waste: parseUsd("50"), credential: credential.id });
  await settle(own, { cost: parseUsd("0.5"), credential: credential.id });
  const day = new Date().toISOString().slice(0, 10);
  const bill = (billedUsd: string, more: object = {}) =>
    hub.call("PUT", "/ledger/provider-bills", { credentialId: credential.id, day, billedUsd, ...more });
  expect((await bill("201.5")).body).toMatchObject({
    ...{ provider: "billed", credential: "main", day, billedUsd: "201.5", countedUsd: "200.5" },
    ...{ differenceUsd: "1", isConspicuous: false, attempts: 3, unpriced: 0 },
  });
  expect((await bill("201.6")).body).toMatchObject({ differenceUsd: "1.1", isConspicuous: true });
  expect((await hub.call("GET", "/health")).body.conspicuousBills).toBe(1);
  expect((await hub.call("GET", "/ledger/provider-bills")).body.bills).toMatchObject([{ billedUsd: "201.6" }]);
  expect((await bill("1", { credentialId: "none" })).status).toBe(404);
  expect((await bill("1", { day: "2999-01-01" })).status).toBe(400);
});

test("the books balance, and a fault shows", async () => {
  const own = await tenant();
  await settle(own);
  expect((await hub.call("GET", "/ledger/violations")).body).toEqual({ violations: [] });
  await hub.database.pool.query("UPDATE wallet SET posted = posted + 1 WHERE org_id = $1", [own.org]);
  const { violations } = (await hub.call("GET", "/ledger/violations")).body;
  expect(violations).toContainEqual({
    rule: "I1",
    orgId: own.org,
    ref: own.org,
    detail: expect.stringContaining("posted"),
  });
  await hub.database.pool.query("UPDATE wallet SET posted = posted - 1 WHERE org_id = $1", [own.org]);
});
