import { expect, test } from "@/e2e/support/test";

// What scripts rely on, through the running product: a change made here binds there within seconds.

type Json = Record<string, unknown> & { id: string };
type Caller = { hub: { url: string; managementKey: string } };

async function admin<Answer = Json>({ hub }: Caller, method: string, path: string, body?: unknown): Promise<Answer> {
  const response = await fetch(`${hub.url}/api/admin/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${hub.managementKey}`, "content-type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await response.text();
  expect(response.ok, `${method} ${path}: ${text}`).toBe(true);
  return JSON.parse(text) as Answer;
}

let made = 0;

/** An organisation with credit and a key, and a model of its own served by the sandbox at `perRequest` USD. */
async function stage(caller: Caller, perRequest = "0.01") {
  const model = `e2e/admin-${process.pid}-${++made}`;
  const offers = [{ provider: "sandbox", upstreamModel: "chat", cost: { input: "0", output: "0" } }];
  await admin(caller, "PUT", `/models/${model}`, {
    type: "chat",
    contextWindow: 8000,
    maxOutputTokens: 100,
    offers,
    price: { perRequest },
  });
  const org = await admin(caller, "POST", "/orgs", { name: "Admin API" });
  await admin(caller, "POST", `/orgs/${org.id}/credits`, { amountUsd: "1", kind: "comp", reason: "test" });
  const key = await admin(caller, "POST", `/orgs/${org.id}/keys`, { name: "main" });
  const call = async (name = model) => {
    const response = await fetch(`${caller.hub.url}/api/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${key.key}`, "content-type": "application/json" },
      body: JSON.stringify({ model: name, messages: [{ role: "user", content: "Hello" }] }),
    });
    const body = await response.json();
    return { status: response.status, code: body.error?.code ?? null, requestId: response.headers.get("x-request-id") };
  };
  return { model, offers, org: org.id, key: key.id, call };
}

test("a call is held, charged, listed and summed exactly", async ({ hub }) => {
  const { org, model, call } = await stage({ hub });
  const { status, requestId } = await call();
  expect(status).toBe(200);
  await expect
    .poll(() => admin({ hub }, "GET", `/orgs/${org}/wallet`))
    .toMatchObject({ balanceUsd: "0.99", heldUsd: "0" });
  const receipt = await admin({ hub }, "GET", `/requests/${requestId}`);
  expect(receipt).toMatchObject({
    id: requestId,
    orgId: org,
    model,
    outcome: "ok",
    httpStatus: 200,
    priceUsd: "0.01",
    attempts: [{ provider: "sandbox" }],
  });
  const usage = await admin<{ data: unknown[] }>({ hub }, "GET", `/usage?orgId=${org}&groupBy=model`);
  expect(usage.data).toMatchObject([{ key: model, calls: 1, priceUsd: "0.01" }]);
});

test("a changed price binds the next calls", async ({ hub }) => {
  const { model, offers, org, call } = await stage({ hub });
  await admin({ hub }, "PUT", `/models/${model}`, { type: "chat", offers, price: { perRequest: "0.02" } });
  await expect
    .poll(async () => {
      const { requestId } = await call();
      const rows = await admin<{ data: Json[] }>({ hub }, "GET", `/requests?orgId=${org}`);
      return rows.data.find(({ id }) => id === requestId)?.priceUsd;
    })
    .toBe("0.02");
});

const refusals: [string, (s: Awaited<ReturnType<typeof stage>>) => [string, string, unknown?], number, string][] = [
  ["a revoked key", ({ key }) => ["DELETE", `/keys/${key}`], 401, "invalid_api_key"],
  [
    "an expired key",
    ({ key }) => ["PATCH", `/keys/${key}`, { expiresAt: "2001-01-01T00:00:00Z" }],
    401,
    "invalid_api_key",
  ],
  ["a disabled key", ({ key }) => ["PATCH", `/keys/${key}`, { enabled: false }], 403, "key_disabled"],
  [
    "a key for other models",
    ({ key }) => ["PATCH", `/keys/${key}`, { allowedModels: ["sandbox/*"] }],
    403,
    "model_not_allowed",
  ],
  [
    "a key for other addresses",
    ({ key }) => ["PATCH", `/keys/${key}`, { allowedIps: ["203.0.113.0/24"] }],
    403,
    "ip_not_allowed",
  ],
  ["a suspended organisation", ({ org }) => ["PATCH", `/orgs/${org}`, { status: "suspended" }], 403, "org_suspended"],
  ["a spent budget", ({ key }) => ["PATCH", `/keys/${key}`, { budgetUsd: "0.005" }], 402, "budget_exceeded"],
  [
    "no credit",
    ({ org }) => ["POST", `/orgs/${org}/credits`, { amountUsd: "-0.99", kind: "correction", reason: "test" }],
    402,
    "insufficient_quota",
  ],
  ["a deleted model", ({ model }) => ["DELETE", `/models/${model}`], 404, "model_not_found"],
];

for (const [name, change, status, code] of refusals) {
  test(`${name} is refused within seconds, and the refusal costs nothing`, async ({ hub }) => {
    const own = await stage({ hub });
    expect((await own.call()).status).toBe(200);
    await expect.poll(async () => (await admin({ hub }, "GET", `/orgs/${own.org}/wallet`)).balanceUsd).toBe("0.99");
    const [method, path, body] = change(own);
    await admin({ hub }, method, path, body);
    const changedAt = performance.now();
    await expect.poll(async () => (await own.call()).status, { intervals: [20] }).toBe(status);
    expect(performance.now() - changedAt).toBeLessThan(5_000);
    expect(await own.call()).toMatchObject({ status, code });
    const wallet = await admin({ hub }, "GET", `/orgs/${own.org}/wallet`);
    expect(wallet.heldUsd).toBe("0");
  });
}

test("a new model and a new key work at once", async ({ hub }) => {
  const { call } = await stage({ hub });
  expect((await call()).status).toBe(200);
});

test("the worker tests a credential that web cannot open", async ({ hub }) => {
  const slug = `e2e-self-${process.pid}-${++made}`;
  await admin({ hub }, "POST", "/providers", { slug, kind: "openai-compatible", baseUrl: `${hub.url}/api/v1` });
  const good = await admin({ hub }, "POST", `/providers/${slug}/credentials`, { name: "good", apiKey: hub.sandboxKey });
  const bad = await admin({ hub }, "POST", `/providers/${slug}/credentials`, {
    name: "bad",
    apiKey: "sk-not-a-key-0000",
  });
  expect(await admin({ hub }, "POST", `/credentials/${good.id}/test`)).toMatchObject({ ok: true });
  expect(await admin({ hub }, "POST", `/credentials/${bad.id}/test`)).toMatchObject({
    ok: false,
    error: expect.stringContaining("401"),
  });
  await admin({ hub }, "DELETE", `/credentials/${bad.id}`);
  const models = await admin<{ data: Json[] }>({ hub }, "GET", `/providers/${slug}/upstream-models`);
  expect(models.data.map(({ id }) => id)).toContain("sandbox/chat");
});

test("the description of the API is served", async ({ request }) => {
  const document = await (await request.get("/api/openapi.json")).json();
  expect(document.openapi).toBe("3.1.0");
  expect(Object.keys(document.paths)).toContain("/api/admin/v1/models/{id}");
});

test("the books balance", async ({ hub }) => {
  expect(await admin({ hub }, "GET", "/ledger/violations")).toEqual({ violations: [] });
});
