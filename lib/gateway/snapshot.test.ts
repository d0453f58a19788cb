import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type TestDatabase, testDatabase } from "@/e2e/support/database";
import { makeModel, makeOrg, makeProvider, type PriceText } from "@/e2e/support/fixtures";
import { makeHealth } from "@/e2e/support/gateway-values";
import { systemClock } from "@/lib/clock";
import { planRoute } from "@/lib/gateway/routing/candidates";
import { findModel, loadSnapshot, priceFor, readConfigVersion, type SnapshotModel } from "@/lib/gateway/snapshot";
import { createVault } from "@/lib/gateway/vault";
import { newId } from "@/lib/ids";
import { createPool } from "@/lib/pg";
import { generateSecretsKeyPair } from "@/lib/secrets";

let database: TestDatabase;
let keys: Awaited<ReturnType<typeof generateSecretsKeyPair>>;

beforeAll(async () => {
  database = await testDatabase();
  keys = await generateSecretsKeyPair();
});
afterAll(() => database.drop());

const run = (statement: string, ...values: unknown[]) => database.pool.query(statement, values);

const provider = (given: { baseUrl?: string; apiKeys?: string[]; kind?: string } = {}) =>
  makeProvider(
    database.pool,
    { keyPepper: "pepper", secretsPublicKey: keys.publicKey },
    { kind: "openai-compatible", baseUrl: "https://one.example/v1/", ...given },
  );

const simpleModel = async (price: PriceText | null) =>
  makeModel(database.pool, { offers: [{ provider: await provider(), upstreamModel: "x" }], price });

async function load(id: string): Promise<SnapshotModel> {
  const model = (await loadSnapshot(database.pool)).models.get(id);
  if (!model) throw new Error(`${id} is not in the snapshot`);
  return model;
}

/** A price version; `at` is an interval from now, such as "-1 hour". */
const price = (
  subjectId: string,
  rates: object,
  { orgId = null as string | null, factorBp = 10_000, at = "0", subject = "model" } = {},
) =>
  run(
    `insert into price_version (subject, subject_id, org_id, rates, factor_bp, content_hash, source, created_by, effective_from)
     values ($1, $2, $3, $4, $5, $6, 'api', 'test', clock_timestamp() + $7::interval)`,
    subject,
    subjectId,
    orgId,
    JSON.stringify(rates),
    factorBp,
    randomBytes(8).toString("hex"),
    at,
  );

describe("what a call needs is there", () => {
  test("model, offers with costs, provider and credentials", async () => {
    const one = await provider({ apiKeys: ["sk-a", "sk-b"] });
    const id = await makeModel(database.pool, {
      contextWindow: 1_000,
      maxOutputTokens: 100,
      price: { input: "1", output: "2" },
      offers: [
        { provider: one, upstreamModel: "second", priority: 5, cost: { input: "0.5" } },
        { provider: one, upstreamModel: "first", weight: 7 },
      ],
    });
    const model = await load(id);
    expect(model).toMatchObject({ id, type: "chat", contextWindow: 1_000, maxOutputTokens: 100 });
    expect(model.createdAt.getTime()).toBeGreaterThan(Date.now() - 60_000);
    expect(model.price).toMatchObject({ factorBp: 10_000, rates: { input: 1_000_000_000n, output: 2_000_000_000n } });
    expect(model.offers.map(({ upstreamModel, weight, priority }) => [upstreamModel, weight, priority])).toEqual([
      ["first", 7, 0],
      ["second", 100, 5],
    ]);
    expect(model.offers[1]?.cost?.rates).toEqual({ input: 500_000_000n });
    expect(model.offers[0]?.provider).toMatchObject({
      id: one.id,
      slug: one.slug,
      kind: "openai-compatible",
      baseUrl: "https://one.example/v1",
      sealingOrigin: "https://one.example",
    });
    expect(model.offers[0]?.provider.credentials?.map((credential) => credential.id)).toEqual(
      [...one.credentialIds].sort(),
    );
  });

  test("the role that runs the gateway may read it", async () => {
    const pool = createPool(database.roleUrl("gateway"), { max: 1, applicationName: "test" });
    try {
      expect((await loadSnapshot(pool)).version).toBe(await readConfigVersion(pool));
    } finally {
      await pool.end();
    }
  });

  test("a provider that needs no credential", async () => {
    const id = newId("prov");
    await run("insert into provider (id, slug, kind, display_name) values ($1, $1, 'sandbox', 'Sandbox')", id);
    const model = await makeModel(database.pool, {
      offers: [{ provider: { id, slug: id, credentialIds: [] }, upstreamModel: "chat" }],
    });
    expect((await load(model)).offers[0]?.provider).toMatchObject({
      credentials: null,
      baseUrl: "",
      sealingOrigin: "sandbox:",
    });
  });

  test("the mode, service unless the operator says enterprise", async () => {
    expect((await loadSnapshot(database.pool)).mode).toBe("service");
    await run(
      "insert into setting (key, value) values ('mode', '\"enterprise\"') on conflict (key) do update set value = excluded.value",
    );
    expect((await loadSnapshot(database.pool)).mode).toBe("enterprise");
    await run("delete from setting where key = 'mode'");
  });
});

describe("what is disabled is left out", () => {
  test("a model, an offer, a provider, a credential and one that needs its secret again", async () => {
    const [good, off] = [await provider({ apiKeys: ["a", "b", "c"] }), await provider()];
    const id = await makeModel(database.pool, {
      offers: [
        { provider: good, upstreamModel: "good" },
        { provider: good, upstreamModel: "off" },
        { provider: off, upstreamModel: "of a provider that is off" },
      ],
    });
    const hidden = await makeModel(database.pool, {
      offers: [{ provider: good, upstreamModel: "x" }],
      aliases: [`alias-of-${id}`],
    });
    await run("update offer set enabled = false where model_id = $1 and upstream_model = 'off'", id);
    await run("update provider set enabled = false where id = $1", off.id);
    await run("update credential set enabled = false where id = $1", good.credentialIds[0]);
    await run("update credential set status = 'needs_secret' where id = $1", good.credentialIds[1]);
    await run("update model set enabled = false where id = $1", hidden);

    const snapshot = await loadSnapshot(database.pool);
    const model = snapshot.models.get(id);
    expect(model?.offers.map(({ upstreamModel }) => upstreamModel)).toEqual(["good"]);
    expect(model?.offers[0]?.provider.credentials?.map((credential) => credential.id)).toEqual([good.credentialIds[2]]);
    expect(findModel(snapshot, hidden)).toBeNull();
    expect(findModel(snapshot, `alias-of-${id}`)).toBeNull();
  });
});

test("a model is found by id, alias, either case, and behind models/", async () => {
  const one = await provider();
  const id = `Test/Chat-${randomBytes(4).toString("hex")}`;
  await makeModel(database.pool, { id, offers: [{ provider: one, upstreamModel: "x" }], aliases: [`Alias-${id}`] });
  const other = await makeModel(database.pool, {
    offers: [{ provider: one, upstreamModel: "y" }],
    aliases: [id.toLowerCase()],
  });
  const snapshot = await loadSnapshot(database.pool);
  for (const name of [id, ` ${id} `, `models/${id}`, id.toUpperCase(), `Alias-${id}`, `alias-${id}`])
    expect(findModel(snapshot, name)?.id, name).toBe(id);
  // an exact alias comes before an id in other letters
  expect(findModel(snapshot, id.toLowerCase())?.id).toBe(other);
  for (const name of ["", "models/", `${id}x`, "constructor", "__proto__"])
    expect(findModel(snapshot, name)).toBeNull();
});

describe("prices in force", () => {
  test("the latest that has begun; a later one waits and is announced", async () => {
    const id = await simpleModel(null);
    expect(priceFor(await load(id), "org_1")).toBeNull();
    await price(id, { input: "1" }, { at: "-2 hours" });
    await price(id, { input: "3" }, { at: "-1 hour" });
    await price(id, { input: "2" }, { at: "-90 minutes" });
    await price(id, { input: "9" }, { at: "1 hour" });
    expect((await load(id)).price?.rates).toEqual({ input: 3n });
    const { nextPriceInMs } = await loadSnapshot(database.pool);
    expect(nextPriceInMs).toBeGreaterThan(3_590_000);
    expect(nextPriceInMs).toBeLessThanOrEqual(3_600_000);
  });

  test("of two of the same moment the one made later", async () => {
    const id = await simpleModel(null);
    await run(
      `insert into price_version (subject, subject_id, rates, content_hash, source, created_by, effective_from)
       values ('model', $1, '{"input":"1"}', 'a', 'api', 'test', now()), ('model', $1, '{"input":"2"}', 'b', 'api', 'test', now())`,
      id,
    );
    expect((await load(id)).price?.rates).toEqual({ input: 2n });
  });

  test("an organisation's own: rates with a factor; nobody else's", async () => {
    const id = await simpleModel({ input: "1", output: "2" });
    const [full, factor, none] = await Promise.all([1, 2, 3].map(() => makeOrg(database.pool, { creditUsd: "0" })));
    await price(id, { input: "7" }, { orgId: full?.id as string });
    await price(id, { input: "1", output: "2" }, { orgId: factor?.id as string, factorBp: 8_000 });
    const model = await load(id);
    expect(priceFor(model, full?.id as string)).toMatchObject({ rates: { input: 7n }, factorBp: 10_000 });
    expect(priceFor(model, factor?.id as string)).toMatchObject({ rates: { input: 1n, output: 2n }, factorBp: 8_000 });
    expect(priceFor(model, none?.id as string)).toBe(model.price);
    expect(priceFor(model, factor?.id as string)?.versionId).not.toBe(model.price?.versionId);
  });

  test("an agreement without rates has ended: the list price holds, and none where there is none", async () => {
    const [id, unpriced] = [await simpleModel({ input: "1", output: "2" }), await simpleModel(null)];
    const org = await makeOrg(database.pool, { creditUsd: "0" });
    for (const model of [id, unpriced]) await price(model, {}, { orgId: org.id });
    const model = await load(id);
    expect(priceFor(model, org.id)).toBe(model.price);
    expect(priceFor(await load(unpriced), org.id)).toBeNull();
  });
});

describe("a credential", () => {
  const route = async (id: string) =>
    planRoute(await load(id), { affinity: null, random: Math.random, health: makeHealth() });

  test("opens for the address it was sealed to", async () => {
    const id = await makeModel(database.pool, {
      offers: [{ provider: await provider({ apiKeys: ["sk-secret"] }), upstreamModel: "x" }],
    });
    const candidate = (await route(id))[0]?.[0];
    const vault = createVault({
      secretsKey: keys.secretKey,
      clock: systemClock,
      onError: () => {},
    });
    expect(candidate && (await vault.secretFor(candidate))).toEqual({ apiKey: "sk-secret" });
    vault.stop();
  });

  test("is of no use once the base URL leads elsewhere, even if the database says it was sealed there", async () => {
    const one = await provider({ apiKeys: ["sk-secret"] });
    const id = await makeModel(database.pool, { offers: [{ provider: one, upstreamModel: "x" }] });
    await run("update provider set base_url = 'https://evil.example/v1' where id = $1", one.id);
    expect(await route(id)).toEqual([]);

    await run("update credential set sealed_origin = 'https://evil.example' where provider_id = $1", one.id);
    const candidate = (await route(id))[0]?.[0];
    const errors: unknown[] = [];
    const vault = createVault({
      secretsKey: keys.secretKey,
      clock: systemClock,
      onError: (error) => errors.push(error),
    });
    expect(candidate && (await vault.secretFor(candidate))).toBeNull();
    expect(errors).toHaveLength(1);
    vault.stop();
  });
});
