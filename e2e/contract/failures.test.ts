import { APIError } from "openai";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type ContractHub, DOORS, startContractHub, type Tenant } from "./hub";
import { schemaErrors, schemasAbsent } from "./schemas";

let hub: ContractHub;
let tenant: Tenant;

beforeAll(async () => {
  hub = await startContractHub();
  if (schemasAbsent) console.log(schemasAbsent);
});
beforeEach(async () => {
  tenant = await hub.tenant();
});
afterEach(() => hub.assertHealthy(tenant));
afterAll(() => hub.stop());

const messages = [{ role: "user" as const, content: "say some words" }];

describe.each(DOORS)("%s door", (door) => {
  const create = (model: string, key = tenant.key) =>
    hub.openai(door, key).chat.completions.create({ model, messages });
  const failure = async (model: string, stream = false): Promise<APIError> => {
    const error = await hub
      .openai(door, tenant.key)
      .chat.completions.create({ model, messages, stream })
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(APIError);
    return error as APIError;
  };

  /** What the contract says of every error of an upstream that had produced nothing. */
  describe.each([false, true])("upstream failures, stream: %s", (stream) => {
    test.each([
      ["error:400", 400, "invalid_request_error", "false"],
      ["context-length", 400, "invalid_request_error", "false"],
      ["content-policy", 400, "invalid_request_error", "false"],
      ["error:401", 503, "server_error", "false"],
      ["error:402", 503, "server_error", "false"],
      ["error:403", 503, "server_error", "false"],
      ["quota", 503, "server_error", "false"],
      ["error:429", 503, "server_error", "true"],
      ["error-429-retry-after=2", 503, "server_error", "true"],
      ["error:503", 503, "server_error", "true"],
      ["error:529", 503, "server_error", "true"],
      ["error:500", 502, "server_error", "false"],
      ["html-502", 502, "server_error", "false"],
      ["reset:after=0", 502, "server_error", "false"],
      ["drop:after=0", 502, "server_error", "false"],
      ["error-midstream:after=0", 502, "server_error", "false"],
    ])("%s is %i %s, x-should-retry %s, and costs nothing", async (upstream, status, type, retry) => {
      const error = await failure(await hub.relayModel(upstream), stream);
      expect(error.status).toBe(status);
      expect(error.type).toBe(type);
      expect(error.headers?.get("x-should-retry")).toBe(retry);
      expect(error.requestID).toMatch(/^req_/);
      expect(JSON.stringify(error.error)).not.toMatch(/sk-sim|api\.openai|platform\.openai|127\.0\.0\.1/);
      if (upstream === "context-length") expect(error.message).toContain("maximum context length");
      if (retry === "true") expect(Number(error.headers?.get("retry-after"))).toBeGreaterThan(0);
      if (upstream.endsWith("=2")) expect(Number(error.headers?.get("retry-after"))).toBeLessThanOrEqual(2);
      expect(await hub.settled(error.requestID ?? "")).toMatchObject({ priceNano: 0n });
    });
  });

  test("a broken body is 502 and free", async () => {
    const error = await failure(await hub.relayModel("invalid-json"));
    expect(error).toMatchObject({ status: 502, code: "upstream_error" });
    expect(await hub.settled(error.requestID ?? "")).toMatchObject({ priceNano: 0n, outcome: "upstream_error" });
  });

  test.each([
    ["cut:after=7", 7],
    ["drop:after=7", 7],
    ["reset:after=3", 3],
    ["error-midstream:after=3", 3],
  ])("%s: the client gets an error frame, no [DONE], and pays input and %i tokens", async (upstream, tokens) => {
    const model = await hub.relayModel(upstream);
    hub.openaiTruth.clear();
    const response = await hub.post(door, "/chat/completions", tenant.key, { model, messages, stream: true });
    expect(response.status).toBe(200);
    const text = await response.text();
    expect(text).not.toContain("[DONE]");
    const frames = text.split("\n\n").filter((frame) => frame.startsWith("data: "));
    const last = JSON.parse((frames.at(-1) ?? "").slice(6)) as { error: unknown; choices: unknown };
    expect(last.choices).toMatchObject([{ index: 0, delta: {}, finish_reason: "error" }]);
    expect(last.error).toMatchObject({
      message: expect.any(String),
      type: "server_error",
      param: null,
      code: expect.any(String),
    });
    const truth = hub.openaiTruth.last;
    expect(truth?.tokens).toBe(tokens);
    const event = await hub.settled(response.headers.get("x-request-id"));
    expect(event).toMatchObject({ outcome: "cut", usageSource: "estimated", outputTokens: tokens });
    expect(event.inputTokens).toBeGreaterThan(0);
    expect(event.priceNano).toBe(BigInt(event.inputTokens) * 1_000n + BigInt(tokens) * 4_000n);
  });

  describe("401", () => {
    test.each([
      ["no key", undefined],
      ["an empty bearer", ""],
      ["another vendor's key", "sk-proj-1234567890"],
      ["a malformed key", "aigne_sk_short"],
    ])("%s", async (_, key) => {
      const headers: Record<string, string> = key === undefined ? {} : { authorization: `Bearer ${key}` };
      const response = await hub.send(door, "/chat/completions", {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: "{}",
      });
      await expectError(response, 401, "invalid_request_error", "invalid_api_key");
    });

    test("unknown, revoked, expired and management keys are told apart in the message only", async () => {
      const unknown = await hub.unknownKey();
      const revoked = await hub.keyOf(tenant, { status: "revoked" });
      const expired = await hub.keyOf(tenant, { expiresAt: new Date(Date.now() - 1_000) });
      const model = await hub.relayModel("text");
      const texts = new Set<string>();
      for (const key of [unknown, revoked, expired, hub.managementKey()]) {
        const error = await create(model, key).catch((thrown: APIError) => thrown);
        expect(error).toMatchObject({ status: 401, code: "invalid_api_key" });
        texts.add((error as APIError).message);
      }
      expect(texts.size).toBe(4);
    });

    test("a key revoked a moment ago is refused", async () => {
      const model = await hub.relayModel("text");
      const key = await hub.keyOf(tenant, {});
      await create(model, key);
      await hub.revoke(key);
      await expect
        .poll(
          () =>
            create(model, key).then(
              () => 200,
              (error: APIError) => error.status,
            ),
          { timeout: 5_000 },
        )
        .toBe(401);
      await hub.quiet(tenant);
    });

    test("a key in the address is refused with the header to use", async () => {
      const response = await hub.send(door, `/models?key=${tenant.key}`, {});
      const { message } = await expectError(response, 401, "invalid_request_error", "invalid_api_key");
      expect(message).toMatch(/authorization/i);
    });

    test("two different keys of ours are 400", async () => {
      const headers = { authorization: `Bearer ${tenant.key}`, "x-api-key": hub.unknownKey() };
      await expectError(await hub.send(door, "/models", { headers }), 400, "invalid_request_error");
    });

    test("the key may come in other headers", async () => {
      const body = JSON.stringify({ model: await hub.relayModel("text"), messages });
      const ways: Record<string, string>[] = [
        { "x-api-key": tenant.key },
        { "api-key": tenant.key },
        { authorization: `bearer  ${tenant.key} ` },
        { authorization: "Bearer sk-other", "x-api-key": tenant.key },
      ];
      for (const headers of ways) {
        const response = await hub.send(door, "/chat/completions", {
          method: "POST",
          headers: { "content-type": "application/json", ...headers },
          body,
        });
        expect(response.status, JSON.stringify(headers)).toBe(200);
        await response.text();
      }
      await hub.quiet(tenant);
    });
  });

  describe("403", () => {
    test("a disabled key and a model the key may not use", async () => {
      const model = await hub.relayModel("text");
      await expect(create(model, await hub.keyOf(tenant, { status: "disabled" }))).rejects.toMatchObject({
        status: 403,
        code: "key_disabled",
      });
      await expect(create(model, await hub.keyOf(tenant, { allowedModels: ["other/*"] }))).rejects.toMatchObject({
        status: 403,
        code: "model_not_allowed",
      });
    });
  });

  describe("402", () => {
    test("an empty wallet: insufficient_quota, tried once, nothing sent upstream", async () => {
      const poor = await hub.tenant({ creditUsd: "0" });
      const model = await hub.relayModel("text");
      const before = hub.openaiTruth.requests.length;
      const error = await hub
        .openai(door, poor.key, { maxRetries: 2 })
        .chat.completions.create({ model, messages })
        .catch((thrown: APIError) => thrown);
      expect(error).toMatchObject({ status: 402, code: "insufficient_quota", type: "insufficient_quota" });
      const { error: body, headers } = error as APIError;
      expect(headers?.get("x-should-retry")).toBe("false");
      expect(body).toMatchObject({
        limit: {
          rule: expect.any(String),
          scope: expect.any(String),
          limit: expect.anything(),
          used: expect.anything(),
        },
      });
      expect(hub.openaiTruth.requests.length).toBe(before);
      expect(hub.attempts(poor.key)).toBe(1);
    });
  });

  describe("404 and 405", () => {
    test("an unknown model", async () => {
      await expect(create("no/such-model")).rejects.toMatchObject({ status: 404, code: "model_not_found" });
    });

    test.each(["/nothing", "/chat", "/v1/chat/completions", "/api/v1/chat/completions"])(
      "an unknown route %s is JSON",
      async (path) => {
        const refused = await hub.post(door, path, tenant.key, {});
        const { message } = await expectError(refused, 404, "invalid_request_error", "unknown_url");
        if (path.endsWith("/chat/completions")) expect(message).toContain("/api/v1/chat/completions");
      },
    );

    test.each([
      ["GET", "/chat/completions", "POST"],
      ["DELETE", "/chat/completions", "POST"],
      ["PUT", "/models", "GET"],
    ])("%s %s", async (method, path, allowed) => {
      const response = await hub.send(door, path, { method, headers: { authorization: `Bearer ${tenant.key}` } });
      expect(response.headers.get("allow")).toContain(allowed);
      await expectError(response, 405, "invalid_request_error", "method_not_allowed");
    });

    test("one trailing slash is the same route", async () => {
      const response = await hub.post(door, "/chat/completions/", tenant.key, {
        model: await hub.relayModel("text"),
        messages,
      });
      expect(response.status).toBe(200);
      await response.text();
      await hub.quiet(tenant);
    });
  });

  describe("400", () => {
    test.each([
      ["broken JSON", '{"model": "x", '],
      ["not an object", "[1,2]"],
      ["an empty body", ""],
      ["text", "hello"],
    ])("%s", async (_, body) => {
      const response = await hub.send(door, "/chat/completions", {
        method: "POST",
        headers: { authorization: `Bearer ${tenant.key}`, "content-type": "application/json" },
        body,
      });
      await expectError(response, 400, "invalid_request_error");
    });

    test.each([
      [{ messages }, "model"],
      [{ model: "MODEL" }, "messages"],
      [{ model: "MODEL", messages: "hello" }, "messages"],
      [{ model: "MODEL", messages: [] }, "messages"],
      [{ model: "MODEL", messages, max_tokens: -7 }, "max_tokens"],
    ])("%j names the parameter %s", async (body, param) => {
      const model = await hub.relayModel("text");
      const response = await hub.post(door, "/chat/completions", tenant.key, {
        ...body,
        ...("model" in body && { model }),
      });
      const error = await expectError(response, 400, "invalid_request_error");
      expect(error.param).toBe(param);
    });

    test("a body is JSON whatever its content type says, with or without a byte order mark", async () => {
      const body = JSON.stringify({ model: await hub.relayModel("text"), messages });
      for (const [type, text] of [
        ["text/plain", body],
        ["application/json; charset=utf-8", body],
        ["application/json", `\uFEFF${body}`],
      ]) {
        const response = await hub.send(door, "/chat/completions", {
          method: "POST",
          headers: { authorization: `Bearer ${tenant.key}`, "content-type": type as string },
          body: text,
        });
        expect(response.status).toBe(200);
        await response.text();
      }
      await hub.quiet(tenant);
    });
  });

  describe("413 and 415", () => {
    test("more than 20 MB", async () => {
      const body = JSON.stringify({ model: "m", messages: [{ role: "user", content: "x".repeat(21 * 1024 * 1024) }] });
      const response = await hub.send(door, "/chat/completions", {
        method: "POST",
        headers: { authorization: `Bearer ${tenant.key}`, "content-type": "application/json" },
        body,
      });
      await expectError(response, 413, "invalid_request_error", "request_too_large");
    });

    test("19 MB are served", async () => {
      const model = await hub.relayModel("text");
      const response = await hub.post(door, "/chat/completions", tenant.key, {
        model,
        messages,
        padding: "x".repeat(19_000_000),
      });
      expect(response.status).toBe(200);
      await response.text();
      expect(hub.openaiTruth.last?.bodyText.length).toBeGreaterThan(19_000_000);
      hub.openaiTruth.clear();
      await hub.quiet(tenant);
    });

    test("an encoding nobody knows", async () => {
      const response = await hub.send(door, "/chat/completions", {
        method: "POST",
        headers: {
          authorization: `Bearer ${tenant.key}`,
          "content-type": "application/json",
          "content-encoding": "lzma",
        },
        body: "{}",
      });
      await expectError(response, 415, "invalid_request_error", "unsupported_media_type");
    });

    test.each(["gzip", "deflate", "br", "zstd"])("a body in %s is read", async (encoding) => {
      const body = hub.compress(encoding, JSON.stringify({ model: await hub.relayModel("text"), messages }));
      const response = await hub.send(door, "/chat/completions", {
        method: "POST",
        headers: {
          authorization: `Bearer ${tenant.key}`,
          "content-type": "application/json",
          "content-encoding": encoding,
        },
        body,
      });
      expect(response.status).toBe(200);
      await response.text();
      await hub.quiet(tenant);
    });

    test("a small body that expands beyond reason is refused", async () => {
      const body = hub.compress(
        "gzip",
        JSON.stringify({ model: "m", messages: [{ role: "user", content: "x".repeat(30 * 1024 * 1024) }] }),
      );
      const response = await hub.send(door, "/chat/completions", {
        method: "POST",
        headers: {
          authorization: `Bearer ${tenant.key}`,
          "content-type": "application/json",
          "content-encoding": "gzip",
        },
        body,
      });
      await expectError(response, 413, "invalid_request_error", "request_too_large");
    });
  });

  describe("headers", () => {
    test("a browser may call: preflight and exposed headers, on errors too", async () => {
      const preflight = await hub.send(door, "/chat/completions", {
        method: "OPTIONS",
        headers: {
          origin: "https://app.example",
          "access-control-request-method": "POST",
          "access-control-request-headers": "authorization, x-stainless-lang",
        },
      });
      expect(preflight.status).toBe(204);
      expect(preflight.headers.get("access-control-allow-origin")).toBe("*");
      expect(preflight.headers.get("access-control-allow-headers")).toBe("authorization, x-stainless-lang");
      expect(preflight.headers.get("access-control-allow-methods")).toContain("POST");
      expect(preflight.headers.get("access-control-max-age")).toBe("86400");
      expect(preflight.headers.get("access-control-allow-credentials")).toBeNull();

      const refused = await hub.send(door, "/chat/completions", {
        method: "POST",
        headers: { origin: "https://app.example" },
        body: "{}",
      });
      expect(refused.status).toBe(401);
      expect(refused.headers.get("access-control-allow-origin")).toBe("*");
      const exposed = refused.headers.get("access-control-expose-headers") ?? "";
      for (const name of [
        "x-request-id",
        "request-id",
        "retry-after",
        "retry-after-ms",
        "x-should-retry",
        "x-ratelimit-remaining-requests",
      ])
        expect(exposed).toContain(name);
    });

    test("a client's own request id is echoed, never taken for ours", async () => {
      const response = await hub.send(door, "/models", {
        headers: { authorization: `Bearer ${tenant.key}`, "x-client-request-id": "mine-1" },
      });
      expect(response.headers.get("x-client-request-id")).toBe("mine-1");
      expect(response.headers.get("x-request-id")).toMatch(/^req_/);
      await response.text();
    });
  });
});

async function expectError(response: Response, status: number, type: string, code?: string) {
  const text = await response.text();
  expect(response.status, text).toBe(status);
  expect(response.headers.get("content-type")).toMatch(/^application\/json/);
  expect(response.headers.get("x-request-id")).toMatch(/^req_/);
  expect(response.headers.get("x-should-retry")).toMatch(/^(true|false)$/);
  const body = JSON.parse(text) as {
    error: { message: string; type: string; param: string | null; code: string | null };
  };
  expect(Object.keys(body.error)).toEqual(expect.arrayContaining(["message", "type", "param", "code"]));
  expect(body.error.type).toBe(type);
  if (code !== undefined) expect(body.error.code).toBe(code);
  if (!schemasAbsent) expect(schemaErrors("ErrorResponse", body)).toEqual([]);
  return body.error;
}
