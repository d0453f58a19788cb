import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AdminHub, type Answer, startAdminHub } from "@/e2e/support/admin-api";
import { findFailedSync } from "@/lib/catalog/admin-sync";
import { COMPARE_TASK, compareOnSchedule } from "@/lib/catalog/comparison-schedule";
import type { SyncDetail } from "@/lib/catalog/import-schema";
import { mintStaffScope } from "@/lib/orgs/scope";
import { createPool } from "@/lib/pg";

let hub: AdminHub;
let origin: string;
let served = "";
let status = 200;
let made = 0;
const server = createServer((_, response) => response.writeHead(status).end(served));

beforeAll(async () => {
  hub = await startAdminHub();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.close();
  await hub.close();
});

/** The only provider that is switched on, so that other tests' providers have no part in a comparison. */
async function provider(kind = "xai"): Promise<string> {
  for (const { slug } of (await hub.call("GET", "/providers")).body.data)
    await hub.call("PATCH", `/providers/${slug}`, { enabled: false });
  const slug = `p${++made}`;
  expect((await hub.call("POST", "/providers", { slug, kind })).status).toBe(201);
  return slug;
}

type Costs = { input: number | string; output?: number | string; cacheRead?: number | string };
async function model(slug: string, upstreamModel: string, cost: Costs | null, more: object = { marginPercent: 20 }) {
  const id = `${slug}/${upstreamModel}`;
  const offers = [{ provider: slug, upstreamModel, ...(cost && { cost }) }];
  const answer = await hub.call("PUT", `/models/${id}`, { type: "chat", offers, ...more });
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  return { id, offerId: answer.body.offers[0].id as string };
}

/** models.dev's form: USD per million. */
const devFile = (models: Record<string, object | null>, kind = "xai") =>
  JSON.stringify({
    [kind]: {
      models: Object.fromEntries(
        Object.entries(models).map(([id, cost]) => [
          id,
          {
            id,
            name: id,
            limit: { context: 1000, output: 10 },
            modalities: { input: ["text"], output: ["text"] },
            ...(cost && { cost }),
          },
        ]),
      ),
    },
  });
const file = (content: string, name = "file.json") => ({ type: "file", name, content });
const compare = (...sources: object[]): Promise<Answer> => hub.call("POST", "/catalog/syncs", { sources });
async function compared(...sources: object[]): Promise<SyncDetail> {
  const { status: code, body } = await compare(...sources);
  expect(code, JSON.stringify(body)).toBe(201);
  return body;
}
const apply = (id: string, body: object) => hub.call("POST", `/catalog/syncs/${id}/apply`, body);
const undo = (id: string) => hub.call("POST", `/catalog/syncs/${id}/undo`, {});
const get = async (id: string) => (await hub.call("GET", `/models/${id}`)).body;
const keysOf = ({ rows }: SyncDetail, group: string) => rows.filter((row) => row.group === group).map(({ key }) => key);
async function versionsOf(subjectId: string) {
  const { rows } = await hub.database.pool.query(
    "SELECT source, source_ref, rates, effective_from FROM price_version WHERE subject_id = $1 ORDER BY id",
    [subjectId],
  );
  return rows;
}
async function auditsOf(id: string) {
  const { rows } = await hub.database.pool.query(
    "SELECT action, reason, after FROM audit_event WHERE target = $1 ORDER BY at, id",
    [`catalog_sync:${id}`],
  );
  return rows;
}

describe("a comparison", () => {
  test("shows what is new, changed, removed and suspicious, and changes nothing", async () => {
    const slug = await provider();
    const [same, risen, jumped, gone] = await Promise.all([
      model(slug, "same", { input: 1, output: 2 }),
      model(slug, "risen", { input: 1, output: 2 }),
      model(slug, "jumped", { input: 1, output: 2 }),
      model(slug, "gone", { input: 1, output: 2 }),
    ]);
    const cost = (input: number) => ({ input, output: 2 });
    const content = devFile({ same: cost(1), risen: cost(1.1), jumped: cost(9), fresh: cost(5), unknown: null });
    const sync = await compared(file(content));
    expect(keysOf(sync, "changed")).toEqual([`offer:${risen.offerId}`]);
    expect(keysOf(sync, "removed")).toEqual([`offer:${gone.offerId}`]);
    expect(keysOf(sync, "new")).toEqual([`new:${slug}:fresh`]);
    expect(keysOf(sync, "suspicious").sort()).toEqual([`new:${slug}:unknown`, `offer:${jumped.offerId}`].sort());
    expect(sync.counts).toEqual({ new: 1, changed: 1, removed: 1, suspicious: 2 });
    expect(sync.rows.filter(({ isPreselected }) => isPreselected).map(({ key }) => key)).toEqual(
      keysOf(sync, "changed"),
    );
    expect(sync).toMatchObject({ state: "ready", sources: [{ name: "file.json", format: "models.dev", models: 5 }] });
    expect((await get(risen.id)).offers[0].cost).toEqual({ input: "1", output: "2" });
    expect(await versionsOf(same.offerId)).toHaveLength(1);
    expect((await hub.call("GET", `/catalog/syncs/${sync.id}`)).body).toEqual(sync);
    const { rows: _rows, ...head } = sync;
    expect((await hub.call("GET", "/catalog/syncs?limit=1")).body.data).toEqual([head]);
    expect((await auditsOf(sync.id)).map(({ action }) => action)).toEqual(["catalog.compare"]);
  });

  test("leaves out what is locked, then and when it is applied", async () => {
    const slug = await provider();
    const [mine, late] = [await model(slug, "mine", { input: 1 }), await model(slug, "late", { input: 1 })];
    const lock = async (id: string, locked: boolean) => {
      const { offers } = await get(id);
      const kept = offers.map(({ id: _id, cost: _cost, ...offer }: Record<string, unknown>) => ({ ...offer, locked }));
      const answer = await hub.call("PUT", `/models/${id}`, { type: "chat", offers: kept, marginPercent: 20 });
      expect(answer.body.offers[0]).toMatchObject({ locked, cost: { input: "1" } });
    };
    await lock(mine.id, true);
    const sync = await compared(file(devFile({ mine: { input: 1.1 }, late: { input: 1.1 } })));
    expect([sync.locked, keysOf(sync, "changed")]).toEqual([1, [`offer:${late.offerId}`]]);
    await lock(late.id, true);
    const { body } = await apply(sync.id, { rows: [`offer:${late.offerId}`] });
    expect(body.result).toEqual({ applied: [], skipped: [`offer:${late.offerId}`] });
    expect((await get(late.id)).offers[0].cost).toEqual({ input: "1" });
  });

  test("reads an address, a compressed file and the bundled catalogue; two that differ are suspicious", async () => {
    const slug = await provider();
    const { offerId } = await model(slug, "m", { input: 1 });
    [served, status] = [
      JSON.stringify({ m: { litellm_provider: "xai", mode: "chat", input_cost_per_token: 1.1e-6 } }),
      200,
    ];
    const gzip = gzipSync(devFile({ m: { input: 1.2 } })).toString("base64");
    const sync = await compared(
      { type: "url", url: `${origin}/prices.json` },
      { type: "file", name: "dev.json", gzip },
      { type: "bundled" },
    );
    const row = sync.rows.find(({ key }) => key === `offer:${offerId}`);
    expect(row).toMatchObject({ group: "suspicious", after: { input: "1.1" }, source: `${origin}/prices.json` });
    expect(row?.reasons).toEqual([{ reason: "disputed", rates: ["input"] }]);
    expect(sync.sources.map(({ format }) => format)).toEqual(["litellm", "models.dev", "bundled"]);
    expect(keysOf(sync, "new")).toContain(`new:${slug}:grok-4.3`);
  });

  test("is made by itself where the settings say so, once in so many days, and changes nothing", async () => {
    const slug = await provider();
    const { id } = await model(slug, "m", { input: 1 });
    const worker = createPool(hub.database.roleUrl("worker"), { max: 1, applicationName: "test" });
    [served, status] = [devFile({ m: { input: 1.1 } }), 200];
    expect(await compareOnSchedule(worker)).toBeNull();
    const settings = { catalogueDays: 7, catalogueUrls: [`${origin}/prices.json`] };
    expect((await hub.call("PUT", "/settings", settings)).status).toBe(200);
    expect(await compareOnSchedule(worker)).toBeGreaterThan(0);
    expect(await compareOnSchedule(worker)).toBeNull();
    const [made] = (await hub.call("GET", "/catalog/syncs?limit=1")).body.data;
    const sources = [{ name: `${origin}/prices.json`, format: "models.dev", models: 1 }];
    expect(made).toMatchObject({ state: "ready", createdBy: "worker", sources });
    expect(await auditsOf(made.id)).toMatchObject([{ action: "catalog.compare", after: { sources } }]);
    expect((await get(id)).offers[0].cost).toEqual({ input: "1" });
    await hub.database.pool.query("UPDATE catalog_sync SET created_at = created_at - interval '7 days' WHERE id = $1", [
      made.id,
    ]);
    status = 500;
    await expect(compareOnSchedule(worker)).rejects.toThrow("HTTP 500");
    const actor = { type: "staff", id: "usr_1" } as const;
    const failed = () => findFailedSync(mintStaffScope({ actor, permissions: new Set(["models.read"] as const) }));
    expect(await failed()).toBeNull();
    await hub.database.pool.query("SELECT graphile_worker.add_job($1)", [COMPARE_TASK]);
    await hub.database.pool.query("UPDATE graphile_worker._private_jobs SET last_error = 'HTTP 500', attempts = 1");
    expect(await failed()).toBe("HTTP 500");
    expect((await hub.call("PUT", "/settings", { catalogueUrls: ["ftp://x"], catalogueDays: 91 })).status).toBe(400);
    await hub.call("PUT", "/settings", { catalogueDays: 0 });
    await worker.end();
  });

  test("takes a catalogue of several megabytes", async () => {
    await provider("ollama");
    const models = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`m${i}`, { input: 1, output: 2 }]));
    const content = devFile(models, "openai");
    expect(content.length).toBeGreaterThan(2_000_000);
    expect((await compared(file(content))).sources[0]?.models).toBe(20_000);
  });

  test.each([
    ["an address that must not be called", { type: "url", url: "http://169.254.169.254/x" }, 400, "sources.0.url"],
    ["no address", { type: "url", url: "prices" }, 400, "sources.0.url"],
    ["a file of another form", file('{"a":1}'), 400, "sources.0"],
    ["what is not compressed", { type: "file", name: "f", gzip: "aGVsbG8=" }, 400, "sources.0.gzip"],
    ["a file without content", { type: "file", name: "f" }, 400, "sources.0.content"],
    ["an unknown kind", { type: "ftp" }, 400, "sources.0.type"],
  ])("of %s is refused", async (_, source, code, param) => {
    const { status: got, body } = await compare(source);
    expect([got, body.error.param]).toEqual([code, param]);
  });

  test("of an address that fails is told", async () => {
    [served, status] = ["no", 503];
    const { status: code, body } = await compare({ type: "url", url: `${origin}/x` });
    expect([code, body.error.code, body.error.message]).toEqual([
      502,
      "upstream_error",
      expect.stringContaining("HTTP 503"),
    ]);
  });

  test("of a compressed bomb is cut off", async () => {
    const gzip = gzipSync(Buffer.alloc(30_000_000)).toString("base64");
    const { status: code, body } = await compare({ type: "file", name: "f", gzip });
    expect([code, body.error.message]).toEqual([400, expect.stringContaining("larger than 20 MB")]);
  });
});

describe("applying", () => {
  test("writes versions of cost and of the price that follows it, once, with an audit row", async () => {
    const slug = await provider();
    const { id, offerId } = await model(slug, "m", { input: "1", output: "2", cacheRead: "0.1" });
    const sync = await compared(file(devFile({ m: { input: 1.25, output: 2, cache_read: 0.1 } })));
    const key = `offer:${offerId}`;
    const { status: code, body } = await apply(sync.id, { rows: [key], reason: "new list" });
    expect(code, JSON.stringify(body)).toBe(200);
    expect(body).toMatchObject({ state: "applied", result: { applied: [key], skipped: [] }, effectiveFrom: null });
    const saved = await get(id);
    expect(saved.offers[0].cost).toEqual({ input: "1.25", output: "2", cacheRead: "0.1" });
    expect(saved.price).toEqual({ input: "1.5", output: "2.4", cacheRead: "0.12" });
    expect((await versionsOf(offerId)).map(({ source, source_ref }) => [source, source_ref])).toEqual([
      ["api", null],
      ["import", sync.id],
    ]);
    expect((await auditsOf(sync.id)).at(-1)).toMatchObject({ action: "catalog.apply", reason: "new list" });
    expect((await apply(sync.id, { rows: [key] })).status).toBe(409);
    expect(await versionsOf(offerId)).toHaveLength(2);
  });

  test("and undoing is a new version with the old rates", async () => {
    const slug = await provider();
    const { id, offerId } = await model(slug, "m", { input: 1, output: 2 });
    const before = await get(id);
    const sync = await compared(file(devFile({ m: { input: 1.25, output: 2 }, fresh: { input: 3, output: 4 } })));
    const rows = [`offer:${offerId}`, `new:${slug}:fresh`];
    await apply(sync.id, { rows, marginPercent: 20 });
    expect((await get("xai/fresh")).price).toEqual({ input: "3.6", output: "4.8" });
    const { status: code, body } = await undo(sync.id);
    expect(code, JSON.stringify(body)).toBe(200);
    expect(body).toMatchObject({ state: "undone", undoResult: { skipped: [] } });
    const after = await get(id);
    expect([after.offers[0].cost, after.price]).toEqual([before.offers[0].cost, before.price]);
    expect(await versionsOf(offerId)).toHaveLength(3);
    expect((await hub.call("GET", "/models/xai/fresh")).status).toBe(404);
    expect((await undo(sync.id)).status).toBe(409);
    expect((await auditsOf(sync.id)).map(({ action }) => action)).toEqual([
      ...["catalog.compare", "catalog.apply", "catalog.undo"],
    ]);
  });

  test("from a later moment on binds from then on, and can be undone before it comes", async () => {
    const slug = await provider();
    const { id, offerId } = await model(slug, "m", { input: 1 });
    const effectiveFrom = new Date(Date.now() + 3_600_000).toISOString();
    const sync = await compared(file(devFile({ m: { input: 1.25 } })));
    await apply(sync.id, { rows: [`offer:${offerId}`], effectiveFrom });
    expect((await get(id)).offers[0].cost).toEqual({ input: "1" });
    const at = async (subject: string) => {
      const { rows } = await hub.database.pool.query(
        `SELECT rates FROM price_version WHERE subject_id = $1 AND effective_from <= $2
         ORDER BY effective_from DESC, id DESC LIMIT 1`,
        [subject, effectiveFrom],
      );
      return rows[0].rates;
    };
    expect([await at(offerId), await at(id)]).toEqual([{ input: "1250000000" }, { input: "1500000000" }]);
    await undo(sync.id);
    expect([await at(offerId), await at(id)]).toEqual([{ input: "1000000000" }, { input: "1200000000" }]);
    const past = await compared(file(devFile({ m: { input: 1.25 } })));
    const late = await apply(past.id, { rows: [`offer:${offerId}`], effectiveFrom: "2020-01-01T00:00:00Z" });
    expect([late.status, late.body.error.param]).toEqual([400, "effectiveFrom"]);
  });

  test("skips what somebody changed meanwhile, and undoing leaves what was changed since", async () => {
    const slug = await provider();
    const [one, two] = [await model(slug, "one", { input: 1 }), await model(slug, "two", { input: 1 })];
    const sync = await compared(file(devFile({ one: { input: 1.25 }, two: { input: 1.25 } })));
    await model(slug, "one", { input: 7 });
    const rows = [`offer:${one.offerId}`, `offer:${two.offerId}`];
    const { body } = await apply(sync.id, { rows });
    expect(body.result).toEqual({ applied: [rows[1]], skipped: [rows[0]] });
    await model(slug, "two", { input: 8 });
    const { body: undone } = await undo(sync.id);
    expect(undone.undoResult.skipped).toContain(rows[1]);
    expect([(await get(one.id)).offers[0].cost, (await get(two.id)).offers[0].cost]).toEqual([
      { input: "7" },
      { input: "8" },
    ]);
  });

  test("switches off an offer that is gone, and undoing switches it on", async () => {
    const slug = await provider();
    const { id, offerId } = await model(slug, "gone", { input: 1 });
    const sync = await compared(file(devFile({ other: { input: 1 } })));
    await apply(sync.id, { rows: [`offer:${offerId}`] });
    expect((await get(id)).offers[0].enabled).toBe(false);
    await undo(sync.id);
    expect((await get(id)).offers[0].enabled).toBe(true);
  });

  test("a new model needs a margin; one without a cost is saved switched off", async () => {
    const slug = await provider();
    const sync = await compared(file(devFile({ dark: null })));
    const rows = [`new:${slug}:dark`];
    const refused = await apply(sync.id, { rows });
    expect([refused.status, refused.body.error.param]).toEqual([400, "marginPercent"]);
    expect((await apply(sync.id, { rows, marginPercent: 10 })).status).toBe(200);
    expect(await get("xai/dark")).toMatchObject({ enabled: false, price: null, offers: [{ cost: null }] });
  });

  test("a price of one's own does not follow the cost", async () => {
    const slug = await provider();
    const { id, offerId } = await model(slug, "m", { input: 1 }, { price: { input: 2 } });
    const sync = await compared(file(devFile({ m: { input: 1.25 } })));
    await apply(sync.id, { rows: [`offer:${offerId}`] });
    expect((await get(id)).price).toEqual({ input: "2" });
  });

  test("of ten clicks at once one applies", async () => {
    const slug = await provider();
    const { offerId } = await model(slug, "m", { input: 1 });
    const sync = await compared(file(devFile({ m: { input: 1.25 } })));
    const answers = await Promise.all(Array.from({ length: 10 }, () => apply(sync.id, { rows: [`offer:${offerId}`] })));
    expect(answers.map(({ status: code }) => code).sort()).toEqual([200, ...Array(9).fill(409)]);
    expect(await versionsOf(offerId)).toHaveLength(2);
  });

  test("unknown rows and comparisons, and who may", async () => {
    await provider();
    const sync = await compared(file(devFile({ m: { input: 1 } })));
    const unknown = await apply(sync.id, { rows: ["offer:none"] });
    expect([unknown.status, unknown.body.error.param]).toEqual([400, "rows"]);
    for (const path of ["/catalog/syncs/none/apply", "/catalog/syncs/none/undo"])
      expect((await hub.call("POST", path, { rows: ["x"] })).status).toBe(404);
    const authorization = `Bearer ${await hub.keyWith(["models.read"])}`;
    const denied = await hub.call("POST", "/catalog/syncs", { sources: [{ type: "bundled" }] }, { authorization });
    expect(denied.status).toBe(403);
    expect((await hub.call("GET", `/catalog/syncs/${sync.id}`, undefined, { authorization })).status).toBe(200);
  });
});

describe("models of what a provider offers", () => {
  const take = (slug: string, body: object, headers = {}) =>
    hub.call("POST", `/providers/${slug}/upstream-models`, body, headers);

  test("come with limits and cost of the catalogue, and a price by the margin", async () => {
    const slug = await provider("anthropic");
    const answer = await take(slug, { marginPercent: 20, models: [{ upstreamModel: "claude-opus-4-8" }] });
    expect(answer.status, JSON.stringify(answer.body)).toBe(201);
    expect(answer.body.data).toMatchObject([
      {
        ...{ id: "anthropic/claude-opus-4-8", type: "chat", displayName: "Claude Opus 4.8", enabled: true },
        ...{ contextWindow: 1_000_000, maxOutputTokens: 128_000, marginPercent: "20" },
        offers: [{ provider: slug, cost: { input: "5", output: "25", cacheWrite1h: "10" } }],
        price: { input: "6", output: "30", cacheRead: "0.6", cacheWrite: "7.5", cacheWrite1h: "12" },
      },
    ]);
    const [version] = await versionsOf(answer.body.data[0].offers[0].id);
    expect(version).toMatchObject({ source: "import", source_ref: "LiteLLM 2026-07-24" });
    const again = await take(slug, { marginPercent: 20, models: [{ upstreamModel: "claude-opus-4-8" }] });
    expect([again.status, again.body.error.param]).toEqual([409, "models.0.upstreamModel"]);
  });

  test("without a known cost are saved switched off, with one that is given they are served", async () => {
    const own = `c${++made}`;
    await hub.call("POST", "/providers", { slug: own, kind: "openai-compatible", baseUrl: "http://127.0.0.1:9/v1" });
    const { body } = await take(own, {
      marginPercent: 50,
      models: [
        { upstreamModel: "a b/c" },
        { upstreamModel: "priced", id: "mine", contextWindow: 99, cost: { input: "2", output: "4" } },
      ],
    });
    expect(body.data).toMatchObject([
      { id: `${own}/a-b/c`, enabled: false, price: null, offers: [{ upstreamModel: "a b/c", cost: null }] },
      { id: "mine", enabled: true, contextWindow: 99, price: { input: "3", output: "6" } },
    ]);
  });

  test("that exist get the provider as their last resort and keep their price", async () => {
    const first = await provider("deepseek");
    const [upstreamModel, marginPercent] = ["deepseek-v4-pro", 10];
    await take(first, { marginPercent, models: [{ upstreamModel }] });
    const before = await get("deepseek/deepseek-v4-pro");
    const second = await provider("deepseek");
    await hub.call("PATCH", `/providers/${first}`, { enabled: true });
    const { body } = await take(second, { marginPercent: 90, models: [{ upstreamModel }] });
    expect(body.data[0]).toMatchObject({
      ...{ id: before.id, price: before.price, marginPercent: "10" },
      offers: [
        { provider: first, priority: 0 },
        { provider: second, priority: 1 },
      ],
    });
  });

  test("are made all or none, once per Idempotency-Key", async () => {
    const slug = await provider("deepseek");
    const models = [
      { upstreamModel: "x-new", id: "x/new" },
      { upstreamModel: "y", id: "x//bad" },
    ];
    expect((await take(slug, { marginPercent: 0, models })).status).toBe(400);
    await hub.call("PUT", "/models/x/taken", { type: "chat", offers: [], aliases: ["x/alias"] });
    const clash = [
      { upstreamModel: "x-new", id: "x/new" },
      { upstreamModel: "y", id: "x/alias" },
    ];
    expect((await take(slug, { marginPercent: 0, models: clash })).status).toBe(409);
    expect((await hub.call("GET", "/models/x/new")).status).toBe(404);
    const key = { "idempotency-key": `k${made}` };
    const body = { marginPercent: 0, models: [{ upstreamModel: "z", id: "x/z", cost: { input: 1 } }] };
    const [one, two] = [await take(slug, body, key), await take(slug, body, key)];
    expect([one.status, two.status, two.headers.get("x-aigne-replayed")]).toEqual([201, 201, "true"]);
    expect(two.body).toEqual(one.body);
  });
});

test("the bundled catalogue can be read, whole or for one kind", async () => {
  const all = (await hub.call("GET", "/catalog/models")).body.data;
  const { body } = await hub.call("GET", "/catalog/models?kind=anthropic");
  expect(all.length).toBeGreaterThan(800);
  expect(new Set(body.data.map(({ kind }: { kind: string }) => kind))).toEqual(new Set(["anthropic"]));
  expect(body.data[0]).toMatchObject({ sources: { cost: { name: expect.any(String), date: expect.any(String) } } });
});
