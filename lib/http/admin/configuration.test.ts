import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AdminHub, startAdminHub } from "@/e2e/support/admin-api";
import { createCredential } from "@/lib/catalog/admin-credentials";
import { STAFF_ROLES } from "@/lib/orgs/permissions";
import { mintStaffScope } from "@/lib/orgs/scope";
import { openSecret, SecretError } from "@/lib/secrets";

let hub: AdminHub;
let made = 0;
beforeAll(async () => {
  hub = await startAdminHub();
});
afterAll(() => hub.close());

async function provider(more: object = {}): Promise<string> {
  const slug = `p${++made}`;
  const answer = await hub.call("POST", "/providers", { slug, kind: "openai", ...more });
  expect(answer.status, JSON.stringify(answer.body)).toBe(201);
  return slug;
}

const refusal = (answer: { status: number; body: { error: unknown } }) => [answer.status, answer.body.error];

describe("providers", () => {
  test("several of one kind; the address is kept, the default is not written", async () => {
    const one = await provider();
    const two = await provider({ baseUrl: "http://127.0.0.1:9999/v1/", displayName: "Two" });
    expect((await hub.call("GET", `/providers/${one}`)).body).toMatchObject({
      kind: "openai",
      displayName: "OpenAI",
      baseUrl: null,
      enabled: true,
    });
    expect((await hub.call("GET", `/providers/${two}`)).body).toMatchObject({
      displayName: "Two",
      baseUrl: "http://127.0.0.1:9999/v1",
    });
    const list = await hub.call("GET", "/providers");
    expect(list.body.data.map(({ slug }: { slug: string }) => slug)).toEqual(expect.arrayContaining([one, two]));
    expect(list.body.nextCursor).toBeNull();
  });

  test("lists are paged without gaps or repeats", async () => {
    await provider();
    await provider();
    const all = (await hub.call("GET", "/providers")).body.data.map(({ slug }: { slug: string }) => slug);
    const seen: string[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const page: Awaited<ReturnType<AdminHub["call"]>> = await hub.call(
        "GET",
        `/providers?limit=1${cursor && `&cursor=${cursor}`}`,
      );
      seen.push(...page.body.data.map(({ slug }: { slug: string }) => slug));
      cursor = page.body.nextCursor;
    }
    expect(seen).toEqual(all);
  });

  test.each([
    [{ slug: "x1", kind: "nope" }, 400, "kind", "must be one of"],
    [{ slug: "x1", kind: "openai-compatible" }, 400, "baseUrl", "required"],
    [{ slug: "x1", kind: "openai", baseUrl: "http://169.254.169.254/" }, 400, "baseUrl", "never called"],
    [{ slug: "x1", kind: "openai", baseUrl: "http://8.8.8.8/v1" }, 400, "baseUrl", "https"],
    [{ slug: "x1", kind: "openai", baseUrl: "ftp://example.com" }, 400, "baseUrl", "https://"],
    [{ slug: "x1", kind: "openai", baseUrl: "https://u:p@example.com" }, 400, "baseUrl", "password"],
    [{ slug: "x1", kind: "openai", baseUrl: "https://example.com/?a=1" }, 400, "baseUrl", "query"],
    [{ slug: "X 1", kind: "openai" }, 400, "slug", "lower-case"],
  ])("%j is refused", async (body, status, param, message) => {
    const answer = await hub.call("POST", "/providers", body);
    expect(refusal(answer)).toEqual([
      status,
      expect.objectContaining({ param, message: expect.stringContaining(message) }),
    ]);
  });

  test("a slug is taken once", async () => {
    const slug = await provider();
    expect((await hub.call("POST", "/providers", { slug, kind: "openai" })).status).toBe(409);
  });

  test("of ten who want the same slug at once one gets it", async () => {
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => hub.call("POST", "/providers", { slug: "wanted", kind: "openai" })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(9).fill(409)]);
  });

  test("a needed address cannot be taken away", async () => {
    const slug = await provider({ kind: "openai-compatible", baseUrl: "http://127.0.0.1:1/v1" });
    expect((await hub.call("PATCH", `/providers/${slug}`, { baseUrl: null })).status).toBe(400);
  });

  test("404 for what is not there", async () => {
    for (const [method, path] of [
      ["GET", "/providers/none"],
      ["PATCH", "/providers/none"],
      ["DELETE", "/providers/none"],
      ["GET", "/providers/none/credentials"],
      ["PATCH", "/credentials/none"],
      ["DELETE", "/credentials/none"],
      ["POST", "/credentials/none/test"],
      ["GET", "/models/none"],
      ["DELETE", "/models/none/x"],
    ] as const) {
      expect([path, (await hub.call(method, path, method === "GET" ? undefined : {})).status]).toEqual([path, 404]);
    }
  });
});

describe("credentials", () => {
  test("a form that is sent again, or twice at once, makes one", async () => {
    const slug = await provider();
    const scope = mintStaffScope({ actor: { type: "staff", id: "usr_1" }, permissions: new Set(STAFF_ROLES.owner) });
    const form = randomUUID();
    const add = (apiKey: string, name = "main", of = slug) => createCredential(scope, of, { name, apiKey }, form);
    const [first, twin] = await Promise.all([add("sk-first-1111111111"), add("sk-first-1111111111")]);
    const second = await add("sk-second-2222222222", "renamed");
    expect([twin.id, second.id]).toEqual([first.id, first.id]);
    const { data } = (await hub.call("GET", `/providers/${slug}/credentials`)).body;
    expect(data).toMatchObject([{ id: first.id, name: "renamed", last4: "2222" }]);
    await expect(add("sk-third-3333333333", "main", await provider())).rejects.toMatchObject({ code: "conflict" });
  });

  test("the secret goes in and never comes out; this process cannot open it", async () => {
    const slug = await provider();
    const apiKey = "sk-very-secret-value-1234";
    const created = await hub.call("POST", `/providers/${slug}/credentials`, { name: "main", apiKey });
    expect(created.status).toBe(201);
    expect(created.body).toMatchObject({
      name: "main",
      last4: "1234",
      weight: 100,
      status: "active",
      enabled: true,
      provider: slug,
    });
    expect(JSON.stringify(created.body)).not.toContain("very-secret");
    const { rows } = await hub.database.pool.query("SELECT * FROM credential WHERE id = $1", [created.body.id]);
    expect(JSON.stringify(rows)).not.toContain("very-secret");
    const audit = await hub.database.pool.query("SELECT after FROM audit_event WHERE target = $1", [
      `credential:${created.body.id}`,
    ]);
    expect(JSON.stringify(audit.rows)).not.toContain("very-secret");

    const binding = {
      table: "credential",
      row: created.body.id,
      org: "platform",
      column: "sealed",
      origin: "https://api.openai.com",
    };
    const { env } = await import("@/lib/env");
    expect(env().secretsKey).toBeUndefined();
    await expect(openSecret(env().secretsPublicKey as string, rows[0].sealed, binding)).rejects.toThrow(SecretError);
    expect(await openSecret(hub.secretsKey, rows[0].sealed, binding)).toBe(JSON.stringify({ apiKey }));
    await expect(
      openSecret(hub.secretsKey, rows[0].sealed, { ...binding, origin: "https://evil.example" }),
    ).rejects.toThrow(SecretError);
  });

  test("weight, state and a new secret change in place", async () => {
    const slug = await provider();
    const { body } = await hub.call("POST", `/providers/${slug}/credentials`, {
      name: "a",
      apiKey: "sk-aaaaaaaa0001",
      weight: 0,
    });
    expect(body.weight).toBe(0);
    const changed = await hub.call("PATCH", `/credentials/${body.id}`, { weight: 10_000, enabled: false });
    expect(changed.body).toMatchObject({ weight: 10_000, enabled: false, status: "disabled", last4: "0001" });
    await hub.database.pool.query("UPDATE credential SET status = 'disabled', status_reason = 'auth' WHERE id = $1", [
      body.id,
    ]);
    const renewed = await hub.call("PATCH", `/credentials/${body.id}`, { apiKey: "sk-bbbbbbbb0002", enabled: true });
    expect(renewed.body).toMatchObject({ last4: "0002", status: "active", statusReason: null });
    expect(renewed.body.fingerprint).not.toBe(body.fingerprint);
    expect((await hub.call("DELETE", `/credentials/${body.id}`)).body).toEqual({ id: body.id, deleted: true });
    expect((await hub.call("GET", `/providers/${slug}/credentials`)).body.data).toEqual([]);
  });

  test("a new address makes stored secrets wait until they are entered again; the old one makes them good again", async () => {
    const slug = await provider();
    const { body } = await hub.call("POST", `/providers/${slug}/credentials`, { name: "a", apiKey: "sk-aaaaaaaa0001" });
    const status = async () => (await hub.call("GET", `/providers/${slug}/credentials`)).body.data[0].status;
    await hub.call("PATCH", `/providers/${slug}`, { baseUrl: "https://api.openai.com/v2" });
    expect(await status()).toBe("active");
    await hub.call("PATCH", `/providers/${slug}`, { baseUrl: "http://127.0.0.1:1/v1" });
    expect(await status()).toBe("needs_secret");
    await hub.call("PATCH", `/providers/${slug}`, { baseUrl: null });
    expect(await status()).toBe("active");
    await hub.call("PATCH", `/providers/${slug}`, { baseUrl: "http://127.0.0.1:1/v1" });
    await hub.call("PATCH", `/credentials/${body.id}`, { apiKey: "sk-aaaaaaaa0001" });
    expect(await status()).toBe("active");
  });

  test.each([
    [{ name: "n" }, "apiKey"],
    [{ name: "n", apiKey: "" }, "apiKey"],
    [{ name: "n", apiKey: "a b" }, "apiKey"],
    [{ name: "n", apiKey: "sk\r\nx-evil: 1" }, "apiKey"],
    [{ name: "n", apiKey: "日本" }, "apiKey"],
    [{ name: "n", accessKeyId: "AKIA", secretAccessKey: "s", region: "eu-west-1" }, "accessKeyId"],
    [{ name: "n", apiKey: "k", weight: -1 }, "weight"],
    [{ name: "n", apiKey: "k", weight: 10_001 }, "weight"],
    [{ name: "n", apiKey: "k", weight: 1.5 }, "weight"],
    [{ name: "n", apiKey: "k", sealed: "h1.1.a.b" }, "sealed"],
    [{ apiKey: "k" }, "name"],
  ])("%j is refused", async (body, param) => {
    const answer = await hub.call("POST", `/providers/${await provider()}/credentials`, body);
    expect([answer.status, answer.body.error.param]).toEqual([400, param]);
  });

  describe("Bedrock", () => {
    const bedrock = async () => {
      const slug = `bedrock-${++made}`;
      await hub.call("POST", "/providers", { slug, kind: "bedrock" });
      return slug;
    };
    const pair = { accessKeyId: "AKIAEXAMPLE000000001", secretAccessKey: "very/secret+key", region: "eu-west-1" };

    test.each([
      ["a key pair and a region", pair, "0001"],
      ["temporary credentials", { ...pair, sessionToken: "token" }, "0001"],
      ["an API key", { apiKey: "bedrock-api-key-0002" }, "0002"],
      ["an API key of a region", { apiKey: "bedrock-api-key-0002", region: "us-west-2" }, "0002"],
    ])("takes %s, seals all of it and shows four characters", async (_title, secret, last4) => {
      const { status, body } = await hub.call("POST", `/providers/${await bedrock()}/credentials`, {
        name: "main",
        ...secret,
      });
      expect([status, body.last4]).toEqual([201, last4]);
      expect(body.region).toBe("region" in secret ? secret.region : null);
      const { rows } = await hub.database.pool.query("select sealed from credential where id = $1", [body.id]);
      const binding = {
        table: "credential",
        row: body.id,
        org: "platform",
        column: "sealed",
        origin: "*.amazonaws.com",
      };
      expect(JSON.parse(await openSecret(hub.secretsKey, rows[0].sealed, binding))).toEqual(secret);
    });

    test.each([
      [{ accessKeyId: "AKIA" }, "secretAccessKey"],
      [{ secretAccessKey: "s", region: "eu-west-1" }, "accessKeyId"],
      [{ accessKeyId: "AKIA", secretAccessKey: "s" }, "region"],
      [{ accessKeyId: "AKIA", secretAccessKey: "s", region: "EU West" }, "region"],
      [{ sessionToken: "t" }, "accessKeyId"],
      [{ ...pair, apiKey: "k" }, "accessKeyId"],
      [{}, "apiKey"],
    ])("refuses %j", async (secret, param) => {
      const answer = await hub.call("POST", `/providers/${await bedrock()}/credentials`, { name: "n", ...secret });
      expect([answer.status, answer.body.error.param]).toEqual([400, param]);
    });
  });

  test("names are unique within a provider", async () => {
    const slug = await provider();
    await hub.call("POST", `/providers/${slug}/credentials`, { name: "a", apiKey: "sk-aaaaaaaa0001" });
    expect((await hub.call("POST", `/providers/${slug}/credentials`, { name: "a", apiKey: "sk-x" })).status).toBe(409);
  });
});

describe("models", () => {
  const versions = async (subject: string, id: string) =>
    (
      await hub.database.pool.query(
        "SELECT rates, source FROM price_version WHERE subject = $1 AND subject_id = $2 ORDER BY id",
        [subject, id],
      )
    ).rows;

  test("an id may hold slashes; price, cost and aliases read back as written", async () => {
    const slug = await provider();
    const input = {
      type: "chat",
      contextWindow: 400_000,
      maxOutputTokens: 128_000,
      offers: [{ provider: slug, upstreamModel: "gpt-5-mini", cost: { input: "0.25", output: 2, cacheRead: "0.025" } }],
      price: {
        input: "0.3",
        output: "2.4",
        perRequest: "0.0001",
        tiers: [{ aboveInputTokens: 200_000, input: "0.6" }],
      },
      aliases: ["mini", "team/mini"],
    };
    const put = await hub.call("PUT", "/models/openai/gpt-5-mini", input);
    expect(put.status, JSON.stringify(put.body)).toBe(200);
    expect(put.body).toMatchObject({
      id: "openai/gpt-5-mini",
      type: "chat",
      contextWindow: 400_000,
      maxOutputTokens: 128_000,
      enabled: true,
      marginPercent: null,
      offers: [
        {
          provider: slug,
          upstreamModel: "gpt-5-mini",
          priority: 0,
          weight: 100,
          enabled: true,
          cost: { input: "0.25", output: "2", cacheRead: "0.025" },
        },
      ],
      price: {
        input: "0.3",
        output: "2.4",
        perRequest: "0.0001",
        tiers: [{ aboveInputTokens: 200_000, input: "0.6" }],
      },
      aliases: ["mini", "team/mini"],
    });
    expect((await hub.call("GET", "/models/openai%2Fgpt-5-mini")).body).toEqual(put.body);
    expect((await hub.call("GET", "/models")).body.data).toContainEqual(put.body);
  });

  test("a PUT that changes nothing writes no version and keeps offer ids", async () => {
    const slug = await provider();
    const input = {
      type: "chat",
      offers: [{ provider: slug, upstreamModel: "m", cost: { input: "1", output: "2" } }],
      price: { input: "1", output: "2" },
    };
    const first = await hub.call("PUT", "/models/m-idem", input);
    const second = await hub.call("PUT", "/models/m-idem", { ...input, price: { output: 2, input: "1.00" } });
    expect(second.body.offers).toEqual(first.body.offers);
    expect(await versions("model", "m-idem")).toHaveLength(1);
    expect(await versions("offer", first.body.offers[0].id)).toHaveLength(1);
    await hub.call("PUT", "/models/m-idem", { ...input, price: { input: "1.1", output: "2" } });
    expect(await versions("model", "m-idem")).toEqual([
      { rates: { input: "1000000000", output: "2000000000" }, source: "api" },
      { rates: { input: "1100000000", output: "2000000000" }, source: "api" },
    ]);
  });

  test("a margin is compiled against the enabled offer that is tried first, and again when its cost changes", async () => {
    const slug = await provider();
    const offers = (input: string) => [
      { provider: slug, upstreamModel: "backup", priority: 1, cost: { input: "9", output: "9" } },
      { provider: slug, upstreamModel: "off", priority: 0, enabled: false, cost: { input: "7", output: "7" } },
      { provider: slug, upstreamModel: "first", priority: 0, cost: { input, output: "4" } },
    ];
    const put = await hub.call("PUT", "/models/m-margin", { type: "chat", offers: offers("1"), marginPercent: 25 });
    expect(put.body).toMatchObject({ marginPercent: "25", price: { input: "1.25", output: "5" } });
    const again = await hub.call("PUT", "/models/m-margin", {
      type: "chat",
      offers: offers("2"),
      marginPercent: "25.5",
    });
    expect(again.body.price).toEqual({ input: "2.51", output: "5.02" });
    expect((await versions("model", "m-margin")).map(({ source }) => source)).toEqual(["margin", "margin"]);
  });

  test("offers that are left out go, others keep their cost", async () => {
    const slug = await provider();
    await hub.call("PUT", "/models/m-offers", {
      type: "chat",
      offers: [
        { provider: slug, upstreamModel: "a", cost: { input: 1 } },
        { provider: slug, upstreamModel: "b" },
      ],
      price: { input: 1 },
    });
    const put = await hub.call("PUT", "/models/m-offers", {
      type: "chat",
      offers: [{ provider: slug, upstreamModel: "a", weight: 0 }],
    });
    expect(put.body).toMatchObject({
      offers: [{ upstreamModel: "a", weight: 0, cost: { input: "1" } }],
      price: { input: "1" },
    });
    expect(put.body.offers).toHaveLength(1);
  });

  test.each([
    [{ type: "nope", offers: [] }, "type"],
    [{ offers: [] }, "type"],
    [{ type: "chat" }, "offers"],
    [{ type: "chat", offers: [{ provider: "none", upstreamModel: "x" }] }, "offers.0.provider"],
    [{ type: "chat", offers: [], price: { input: "-1" } }, "price.input"],
    [{ type: "chat", offers: [], price: { input: "1e-3" } }, "price.input"],
    [{ type: "chat", offers: [], price: { input: "0.1234567891" } }, "price.input"],
    [{ type: "chat", offers: [], price: { input: "NaN" } }, "price.input"],
    [{ type: "chat", offers: [], price: { prompt: "1" } }, "price.prompt"],
    [{ type: "chat", offers: [], price: { input: 1 }, marginPercent: 5 }, "marginPercent"],
    [{ type: "chat", offers: [], marginPercent: 5 }, "marginPercent"],
    [{ type: "chat", offers: [], marginPercent: -100 }, "marginPercent"],
    [{ type: "chat", offers: [], marginPercent: "1e3" }, "marginPercent"],
    [{ type: "chat", offers: [], contextWindow: 0 }, "contextWindow"],
    [{ type: "chat", offers: [], aliases: ["no spaces"] }, "aliases.0"],
  ])("%j is refused", async (body, param) => {
    const answer = await hub.call("PUT", "/models/m-bad", body);
    expect([answer.status, answer.body.error.param]).toEqual([400, param]);
    expect((await hub.call("GET", "/models/m-bad")).status).toBe(404);
  });

  test("names are unique over models and aliases", async () => {
    await hub.call("PUT", "/models/m-name", { type: "chat", offers: [], aliases: ["nick"] });
    expect((await hub.call("PUT", "/models/m-other", { type: "chat", offers: [], aliases: ["nick"] })).status).toBe(
      409,
    );
    expect((await hub.call("PUT", "/models/m-other", { type: "chat", offers: [], aliases: ["m-name"] })).status).toBe(
      409,
    );
    expect((await hub.call("PUT", "/models/nick", { type: "chat", offers: [] })).status).toBe(409);
    expect(
      (await hub.call("PUT", "/models/m-name", { type: "chat", offers: [], aliases: ["m-name", "nick"] })).body.aliases,
    ).toEqual(["nick"]);
  });

  test("two writers of one model take turns", async () => {
    const slug = await provider();
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        hub.call("PUT", "/models/m-race", {
          type: "chat",
          offers: [{ provider: slug, upstreamModel: "x", cost: { input: n } }],
          price: { input: n },
        }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200));
    expect((await hub.call("GET", "/models/m-race")).body.offers).toHaveLength(1);
  });

  test("a deleted model is gone, its prices stay; its provider can go then", async () => {
    const slug = await provider();
    await hub.call("PUT", "/models/m-gone", {
      type: "chat",
      offers: [{ provider: slug, upstreamModel: "x" }],
      price: { input: 1 },
    });
    expect((await hub.call("DELETE", `/providers/${slug}`)).status).toBe(409);
    expect((await hub.call("DELETE", "/models/m-gone")).body).toEqual({ id: "m-gone", deleted: true });
    expect((await hub.call("GET", "/models/m-gone")).status).toBe(404);
    expect(await versions("model", "m-gone")).toHaveLength(1);
    expect((await hub.call("DELETE", `/providers/${slug}`)).status).toBe(200);
  });
});

describe("settings", () => {
  test("a PUT merges and is audited with what changed", async () => {
    expect((await hub.call("GET", "/settings")).body).toMatchObject({
      mode: "service",
      starterCreditUsd: "0.5",
      instanceName: "AIGNE Hub",
    });
    const put = await hub.call("PUT", "/settings", { starterCreditUsd: 1.25, instanceName: "Ours" });
    expect(put.body).toMatchObject({
      mode: "service",
      starterCreditUsd: "1.25",
      instanceName: "Ours",
      signUpPolicy: "open",
    });
    expect((await hub.call("GET", "/settings")).body).toEqual(put.body);
    const { rows } = await hub.database.pool.query(
      "SELECT before, after FROM audit_event WHERE action = 'settings.update'",
    );
    expect(rows).toEqual([
      {
        before: { starterCreditUsd: "0.5", instanceName: "AIGNE Hub" },
        after: { starterCreditUsd: "1.25", instanceName: "Ours" },
      },
    ]);
    await hub.call("PUT", "/settings", { instanceName: "Ours" });
    expect((await hub.call("GET", "/audit?action=settings.update")).body.data).toHaveLength(1);
  });

  test.each([
    [{ mode: "free" }, "mode"],
    [{ starterCreditUsd: "6" }, "starterCreditUsd"],
    [{ starterCreditUsd: -1 }, "starterCreditUsd"],
    [{ signUpPolicy: "all" }, "signUpPolicy"],
    [{ instanceName: "" }, "instanceName"],
    [{ stripeKey: "x" }, "stripeKey"],
  ])("%j is refused", async (body, param) => {
    const answer = await hub.call("PUT", "/settings", body);
    expect([answer.status, answer.body.error.param]).toEqual([400, param]);
  });
});

test("every change is in the audit log, with who and which request", async () => {
  const slug = await provider();
  const { body } = await hub.call("GET", `/audit?target=provider:${slug}`);
  expect(body.data).toHaveLength(1);
  expect(body.data[0]).toMatchObject({
    action: "provider.create",
    actorType: "key",
    outcome: "ok",
    requestId: expect.stringMatching(/^req_/),
    after: { slug, kind: "openai" },
  });
});
