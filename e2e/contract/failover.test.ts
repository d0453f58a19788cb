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
  const call = async (model: string, stream: boolean) => {
    const response = await hub.post(door, "/chat/completions", tenant.key, { model, messages, stream });
    const text = await response.text();
    return { response, text, event: await hub.settled(response.headers.get("x-request-id")) };
  };

  test.each([
    ["error:500", false],
    ["error:500", true],
    ["error:503", true],
    ["error:429", true],
    ["error:401", true],
    ["html-502", true],
    ["reset:after=0", true],
    ["cut:after=0", true],
    ["error-midstream:after=0", true],
    ["invalid-json", false],
  ])(
    "before the first content, %s (stream: %s) is taken over by the next offer; one attempt is paid",
    async (upstream, stream) => {
      const model = await hub.relayModel([upstream, "text:tokens=20"]);
      const { response, text, event } = await call(model, stream);
      expect(response.status, text).toBe(200);
      expect(response.headers.get("x-aigne-attempts")).toBe("2");
      if (stream) expect(text).toContain("[DONE]");
      expect(event).toMatchObject({ outcome: "ok", outputTokens: 20, upstreamModel: "text:tokens=20" });
      expect(event.priceNano).toBe(hub.priceOf(hub.openaiTruth.last));
      expect(event.attempts.map(({ upstreamModel, outcome }) => [upstreamModel, outcome === "ok"])).toEqual([
        [upstream, false],
        ["text:tokens=20", true],
      ]);
    },
  );

  test("the client's own mistake is not tried elsewhere", async () => {
    const model = await hub.relayModel(["error:400", "text"]);
    const { response, event } = await call(model, false);
    expect(response.status).toBe(400);
    expect(event.attempts).toHaveLength(1);
  });

  test("a wrong credential: the next credential of the same offer answers", async () => {
    const provider = await hub.provider(["sk-bad-1", "sk-good-1", "sk-bad-2"]);
    const model = await hub.relayModel("text", { provider });
    const { response, event } = await call(model, false);
    expect(response.status).toBe(200);
    expect(event.credentialId).toBe(provider.credentialIds[1]);
  });

  test("after the first content there is no second attempt", async () => {
    const model = await hub.relayModel(["cut:after=3", "text"]);
    const { text, event } = await call(model, true);
    expect(text).not.toContain("[DONE]");
    expect(event).toMatchObject({ outcome: "cut", outputTokens: 3 });
    expect(event.attempts).toHaveLength(1);
  });

  test("at most three attempts, then the last failure, with x-should-retry false", async () => {
    const model = await hub.relayModel(["error:500,a", "error:500,b", "error:500,c", "error:500,d"]);
    const { response, event } = await call(model, false);
    expect(response.status).toBe(502);
    expect(response.headers.get("x-should-retry")).toBe("false");
    expect(event.attempts.length).toBeLessThanOrEqual(3);
    expect(event.priceNano).toBe(0n);
  });

  test("capacity alone invites a retry, a real failure among the attempts does not", async () => {
    const busy = await call(await hub.relayModel(["error:503", "error:529"]), false);
    expect([busy.response.status, busy.response.headers.get("x-should-retry")]).toEqual([503, "true"]);
    const mixed = await call(await hub.relayModel(["error:500", "error:503"]), false);
    expect(mixed.response.headers.get("x-should-retry")).toBe("false");
  });

  test("lower priority numbers go first, weight 0 is drained", async () => {
    const model = await hub.relayModel([
      { upstreamModel: "text:tokens=1", priority: 1 },
      { upstreamModel: "text:tokens=2", priority: 0, weight: 0 },
      { upstreamModel: "text:tokens=3", priority: 0 },
    ]);
    for (let i = 0; i < 5; i++) expect((await call(model, false)).event.upstreamModel).toBe("text:tokens=3");
  });

  test("weights share the calls", async () => {
    const model = await hub.relayModel([
      { upstreamModel: "text:tokens=1", weight: 300 },
      { upstreamModel: "text:tokens=2", weight: 100 },
    ]);
    const upstreams = await Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        const response = await hub.post(door, "/chat/completions", tenant.key, {
          model,
          messages: [{ role: "user", content: `question ${i}` }],
        });
        await response.text();
        return response.status;
      }),
    );
    expect(new Set(upstreams)).toEqual(new Set([200]));
    await hub.quiet(tenant);
    const first = hub.openaiTruth.requests.slice(-200).filter((record) => record.model === "text:tokens=1").length;
    // 150 expected, σ = 6.1: five of them either way
    expect(first).toBeGreaterThan(119);
    expect(first).toBeLessThan(181);
  });

  test("a slow second upstream is waited for", async () => {
    const model = await hub.relayModel(["error:500", "first-byte:ms=300"]);
    const { response, event } = await call(model, true);
    expect(response.status).toBe(200);
    expect(event.firstTokenMs).toBeGreaterThanOrEqual(250);
  });
});
