import { APIError } from "openai";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type ContractHub, DOORS, startContractHub, type Tenant } from "./hub";

let hub: ContractHub;
let tenant: Tenant;

beforeAll(async () => {
  hub = await startContractHub();
});
beforeEach(async () => {
  tenant = await hub.tenant();
});
afterEach(() => hub.assertHealthy(tenant));
afterAll(() => hub.stop());

const messages = [{ role: "user" as const, content: "say some words" }];

describe.each(DOORS)("%s door", (door) => {
  const create = (model: string, options = {}) =>
    hub.openai(door, tenant.key, options).chat.completions.create({ model, messages });
  const refusal = async (call: Promise<unknown>): Promise<APIError> => {
    const error = await call.then(
      () => null,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(APIError);
    return error as APIError;
  };

  describe("429", () => {
    test("more requests in a minute than the key may make: which limit, how much is used, when to come back", async () => {
      await hub.limit(tenant, { rpm: 2 });
      const model = await hub.relayModel("text");
      await create(model);
      await create(model);
      const error = await refusal(create(model));
      expect(error).toMatchObject({ status: 429, code: "rate_limit_exceeded", type: "rate_limit_error" });
      expect(error.error).toMatchObject({ limit: { rule: "rpm", scope: "key", limit: 2, used: 2 } });
      expect(error.headers?.get("x-should-retry")).toBe("true");
      expect(Number(error.headers?.get("retry-after"))).toBeGreaterThan(50);
      expect(Number(error.headers?.get("retry-after"))).toBeLessThanOrEqual(61);
      await hub.quiet(tenant);
    });

    test("more calls at once than the key may run", async () => {
      await hub.limit(tenant, { maxConcurrency: 1 });
      const slow = await hub.relayModel("trickle:interval=20,tokens=20");
      const stream = await hub
        .openai(door, tenant.key)
        .chat.completions.create({ model: slow, messages, stream: true });
      const error = await refusal(create(slow));
      expect(error).toMatchObject({ status: 429, code: "concurrency_limit_exceeded" });
      expect(error.error).toMatchObject({ limit: { rule: "concurrency", scope: "key", limit: 1, used: 1 } });
      expect(error.headers?.get("retry-after")).toBe("1");
      for await (const _ of stream);
      await hub.quiet(tenant);
      await create(await hub.relayModel("text"));
      await hub.quiet(tenant);
    });

    test("one call larger than the token limit is told so, without a hint to come back", async () => {
      await hub.limit(tenant, { tpm: 10 });
      const error = await refusal(create(await hub.relayModel("text"), { maxRetries: 2 }));
      expect(error).toMatchObject({ status: 429, code: "tpm_too_large" });
      expect(error.headers?.get("x-should-retry")).toBe("false");
      expect(error.headers?.get("retry-after")).toBeNull();
      expect(hub.attempts(tenant.key)).toBe(1);
    });
  });

  test("starter credit pays for cheap models; a dear one waits for a purchase", async () => {
    const newcomer = await hub.tenant({ creditUsd: "0" });
    await hub.grant(newcomer, "starter", "0.5");
    const [cheap, dear] = await Promise.all([
      hub.relayModel("text", { price: { input: "1", output: "5" } }),
      hub.relayModel("text", { price: { input: "1", output: "5.01" } }),
    ]);
    const call = (model: string) =>
      hub.openai(door, newcomer.key).chat.completions.create({ model, messages, max_tokens: 20 });
    await call(cheap);
    const error = await refusal(call(dear));
    expect(error).toMatchObject({ status: 402, code: "insufficient_quota", type: "insufficient_quota" });
    expect(error.error).toMatchObject({ limit: { rule: "restricted_credits", scope: "org" } });
    expect(error.message).toContain("Buy credits on the Billing page, or call a cheaper model.");
    await hub.grant(newcomer, "paid", "5");
    await call(dear);
    await hub.assertHealthy(newcomer);
  });

  test("a key with rate limits hears in every answer how much is left", async () => {
    const model = await hub.relayModel("text");
    const ask = () => hub.post(door, "/chat/completions", tenant.key, { model, messages, max_tokens: 20 });
    expect((await ask()).headers.get("x-ratelimit-limit-requests")).toBeNull();
    await hub.limit(tenant, { rpm: 3, tpm: 10_000 });
    const seen = [];
    for (let i = 0; i < 4; i++) {
      const { status, headers } = await ask();
      seen.push([status, headers.get("x-ratelimit-remaining-requests")]);
      expect([headers.get("x-ratelimit-limit-requests"), headers.get("x-ratelimit-limit-tokens")]).toEqual([
        "3",
        "10000",
      ]);
      expect(headers.get("x-ratelimit-reset-requests")).toBe("1m0s");
      expect(Number(headers.get("x-ratelimit-remaining-tokens"))).toBeLessThan(10_000);
    }
    // the call before the limits was set counts for none of them
    expect(seen).toEqual([
      [200, "2"],
      [200, "1"],
      [200, "0"],
      [429, "0"],
    ]);
    await hub.quiet(tenant);
  });

  describe("402", () => {
    test("a spent budget names itself, and nothing goes upstream", async () => {
      await hub.limit(tenant, { day: 1_000 });
      const before = hub.openaiTruth.requests.length;
      const error = await refusal(create(await hub.relayModel("text"), { maxRetries: 2 }));
      expect(error).toMatchObject({ status: 402, code: "budget_exceeded", type: "insufficient_quota" });
      expect(error.error).toMatchObject({ limit: { rule: "budget", scope: "key", limit: "0.000001", used: "0" } });
      expect((error.error as { limit: { reset_at: string } }).limit.reset_at).toMatch(/T00:00:00/);
      expect(hub.openaiTruth.requests.length).toBe(before);
      expect(hub.attempts(tenant.key)).toBe(1);
    });
  });

  describe("403", () => {
    test("a frozen wallet", async () => {
      await hub.freeze(tenant, "admin");
      const error = await refusal(create(await hub.relayModel("text")));
      expect(error).toMatchObject({ status: 403, code: "wallet_frozen" });
    });
  });

  describe("how often the official SDK tries", () => {
    test.each([
      ["error:400", 1],
      ["error:401", 1],
      ["error:500", 1],
      ["html-502", 1],
      ["error-429-retry-after-ms=20", 3],
    ])("%s: %i times", async (upstream, attempts) => {
      await refusal(create(await hub.relayModel(upstream), { maxRetries: 2 }));
      expect(hub.attempts(tenant.key)).toBe(attempts);
      await hub.quiet(tenant);
    });
  });
});
