import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { PriceText } from "@/e2e/support/fixtures";
import { parseUsd, toUsdNumber } from "@/lib/money";
import { COST, type ContractHub, DOORS, PRICE, startContractHub, type Tenant } from "./hub";

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

const messages = [{ role: "user", content: "say some words" }];
const grammar = { type: "custom", name: "f", format: { type: "grammar", syntax: "lark", definition: "start: /a/" } };

/** Parameters that change an answer's shape, by endpoint. */
const LOUD: [string, string, Record<string, unknown>][] = [
  ["/chat/completions", "n", { messages, n: 2 }],
  ["/chat/completions", "logprobs", { messages, logprobs: true }],
  ["/chat/completions", "audio", { messages, audio: { voice: "alloy", format: "wav" } }],
  ["/chat/completions", "tools[0].type", { messages, tools: [{ type: "custom", custom: { name: "f" } }] }],
  ["/responses", "tools", { input: "hi", tools: [grammar] }],
  ["/responses", "include", { input: "hi", include: ["message.output_text.logprobs"] }],
  ["/responses", "input[1]", { input: [messages[0], { type: "local_shell_call_output", id: "c1", output: "ok" }] }],
  ["/completions", "echo", { prompt: "hi", echo: true }],
];

/** By protocol: how a search is asked for, and where its limit stands. */
const HOSTED = [
  {
    ...{ path: "/messages", kind: "anthropic", truth: () => hub.anthropicTruth },
    asking: { max_tokens: 100, messages, tools: [{ type: "web_search_20250305", name: "web_search", max_uses: 20 }] },
    limitOf: (max_uses: number) => ({ tools: [{ type: "web_search_20250305", name: "web_search", max_uses }] }),
  },
  {
    ...{ path: "/responses", kind: "openai", truth: () => hub.openaiTruth },
    asking: { max_output_tokens: 100, input: "say some words", tools: [{ type: "web_search" }] },
    limitOf: (max_tool_calls: number) => ({ max_tool_calls }),
  },
];

describe.each(DOORS)("%s door", (door) => {
  /** The first choice would be translated to, the second is relayed to. */
  const mixed = () =>
    hub.relayModel([{ upstreamModel: "text", provider: hub.anthropicProvider }, "text"], {
      provider: hub.openaiProvider,
    });

  test.each(LOUD)("%s with %s goes to a provider that can serve it", async (path, _param, body) => {
    hub.openaiTruth.clear();
    const response = await hub.post(door, path, tenant.key, { model: await mixed(), ...body });
    await response.text();
    expect([response.status, response.headers.get("x-aigne-attempts")]).toEqual([200, "1"]);
    expect(hub.openaiTruth.requests).toHaveLength(1);
    expect(await hub.settled(response.headers.get("x-request-id"))).toMatchObject({ route: "relay", outcome: "ok" });
  });

  test.each(LOUD)("%s with %s is refused by name where none can", async (path, param, body) => {
    const model = await hub.translatedModel("text");
    const response = await hub.post(door, path, tenant.key, { model, ...body });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { param, code: "unsupported_parameter" } });
  });

  test.each([
    ["/chat/completions", "stop", { messages }],
    ["/messages", "stop_sequences", { messages, max_tokens: 50 }],
  ])("%s: %s that Gemini takes reach it, one more is refused by name", async (path, param, body) => {
    const model = await hub.modelOf("google", "text");
    const stops = ["1", "2", "3", "4", "5"];
    const served = await hub.post(door, path, tenant.key, { model, ...body, [param]: stops });
    expect(served.status).toBe(200);
    const { last } = await hub.truthOf("google");
    expect(last?.body).toMatchObject({ generationConfig: { stopSequences: stops } });
    const refused = await hub.post(door, path, tenant.key, { model, ...body, [param]: [...stops, "6"] });
    expect([refused.status, await refused.text()]).toEqual([400, expect.stringContaining(`\\"${param}\\"`)]);
  });

  test.each([true, false])("what only tunes is left out and named, stream: %s", async (stream) => {
    const model = await hub.translatedModel("text");
    const body = { model, messages, stream, seed: 7, presence_penalty: 1, logit_bias: { 1: 5 }, temperature: 0.5 };
    const response = await hub.post(door, "/chat/completions", tenant.key, body);
    await response.text();
    expect(response.headers.get("x-aigne-warnings")).toBe("logit_bias, presence_penalty, seed");
    expect(hub.anthropicTruth.last?.body).toMatchObject({ temperature: 0.5 });
  });

  test("without such parameters the first choice serves", async () => {
    const response = await hub.post(door, "/chat/completions", tenant.key, { model: await mixed(), messages, n: 1 });
    await response.text();
    expect(await hub.settled(response.headers.get("x-request-id"))).toMatchObject({ route: "translate" });
  });

  describe.each(HOSTED)("a search that the provider of $path runs", ({ path, kind, truth, asking, limitOf }) => {
    /** Its first offer has no cost for a search, and its second one does. */
    const searching = (scenario: string, cost: PriceText = { ...COST, perToolCall: { web_search: "0.01" } }) =>
      hub.relayModel(["text:tokens=1", { upstreamModel: scenario, cost, priority: 1 }], {
        provider: kind === "anthropic" ? hub.anthropicProvider : hub.openaiProvider,
        price: { ...PRICE, perToolCall: { web_search: "0.02" } },
        ...{ contextWindow: 10_000, maxOutputTokens: 500 },
      });
    const ask = (model: string, more: Record<string, unknown> = {}) =>
      hub.post(door, path, tenant.key, { model, ...asking, ...more });

    test.each([true, false])("goes where it is priced, clamped to what is held for, stream: %s", async (stream) => {
      const response = await ask(await searching("text:searches=9"), { stream });
      const text = await response.text();
      const { last } = truth();
      expect([response.status, response.headers.get("x-aigne-warnings")]).toEqual([200, null]);
      expect(last?.body).toMatchObject({ tools: asking.tools, ...limitOf(5) });
      const event = await hub.settled(response.headers.get("x-request-id"));
      expect(event).toMatchObject({ usageSource: "reported", route: "relay", toolCalls: { web_search: 5 } });
      expect(event.attempts).toHaveLength(1);
      expect(event.attempts[0]?.routing?.map(({ reason }) => reason)).toEqual([null, "lacks:hosted_tools"]);
      expect(event.priceNano).toBe(hub.priceOf(last) + 5n * parseUsd("0.02"));
      expect(event.costNano).toBe(hub.costOf(last) + 5n * parseUsd("0.01"));
      // six windows of input, five searches, and the answer once, or once a turn
      const answers = kind === "anthropic" ? 6n : 1n;
      expect(event.heldNano).toBe(6n * 10_000n * 1_250n + answers * 100n * 4_000n + 5n * parseUsd("0.02"));
      expect(text).toContain(`"cost":${toUsdNumber(event.priceNano)}`);
    });

    test("fewer where the client says so, and all that the provider ran", async () => {
      const served = await ask(await searching("text:searches=9"), limitOf(2));
      await served.text();
      expect(await hub.settled(served.headers.get("x-request-id"))).toMatchObject({ toolCalls: { web_search: 2 } });
      const overrun = await ask(await searching("text:searches=7,overrun"), { stream: true });
      await overrun.text();
      const event = await hub.settled(overrun.headers.get("x-request-id"));
      expect(event.priceNano).toBe(hub.priceOf(truth().last) + 7n * parseUsd("0.02"));
    });

    test("is paid where the answer breaks off behind it", async () => {
      const response = await ask(await searching("cut:searches=3,after=4"), { stream: true });
      await response.text();
      const event = await hub.settled(response.headers.get("x-request-id"));
      expect(event).toMatchObject({ outcome: "cut", usageSource: "estimated", toolCalls: { web_search: 3 } });
      expect(event.priceNano).toBeGreaterThan(3n * parseUsd("0.02"));
    });

    test("is left out and named where only its price is known, refused where it is forced", async () => {
      const model = await searching("text:searches=9", COST);
      const response = await ask(model);
      await response.text();
      expect(response.headers.get("x-aigne-warnings")).toBe(`tools.${asking.tools[0]?.type}`);
      expect(truth().last?.bodyText).not.toContain("web_search");
      const event = await hub.settled(response.headers.get("x-request-id"));
      expect(event).toMatchObject({ toolCalls: null, upstreamModel: "text:tokens=1" });
      const forced = await ask(model, {
        tool_choice: { type: kind === "anthropic" ? "tool" : "web_search", name: "web_search" },
      });
      expect([forced.status, await forced.text()]).toEqual([400, expect.stringContaining("tool_choice")]);
    });

    test("never begins where credit does not cover all of it, nor on starter credit", async () => {
      const model = await searching("text:searches=9");
      truth().clear();
      const poor = await hub.tenant({ creditUsd: "0.15" });
      expect((await hub.post(door, path, poor.key, { model, ...asking })).status).toBe(402);
      expect((await hub.post(door, path, poor.key, { model, ...asking, tools: [] })).status).toBe(200);
      const starter = await hub.tenant({ creditUsd: "0" });
      await hub.grant(starter, "starter", "5");
      expect((await hub.post(door, path, starter.key, { model, ...asking })).status).toBe(402);
      expect(truth().requests).toHaveLength(1);
      await Promise.all([hub.assertHealthy(poor), hub.assertHealthy(starter)]);
    });
  });

  describe.each([
    ["/chat/completions", { messages, max_tokens: 100 }],
    ["/responses", { input: "say some words", max_output_tokens: 100 }],
  ])("a service tier on %s", (path, asking) => {
    // half as much, and twice as much
    const serviceTiers = { flex: { input: "0.5", output: "2" }, priority: { input: "2", output: "8" } };
    const tiered = (scenario: string, cost: PriceText = { ...PRICE, serviceTiers }) =>
      hub.relayModel(["text:tokens=1", { upstreamModel: scenario, cost, priority: 1 }], {
        ...{ price: { ...PRICE, serviceTiers }, contextWindow: 10_000, maxOutputTokens: 500 },
      });

    test.each([
      ["flex", "text", 1n, 2n, true],
      ["priority", "text", 2n, 1n, false],
      ["priority", "text:downgrade", 1n, 1n, true],
    ])(
      "%s by %s is charged as confirmed and held for at the dearest",
      async (service_tier, scenario, times, part, stream) => {
        const model = await tiered(scenario);
        const response = await hub.post(door, path, tenant.key, { model, ...asking, service_tier, stream });
        const text = await response.text();
        expect([response.status, response.headers.get("x-aigne-warnings")]).toEqual([200, null]);
        const { last } = hub.openaiTruth;
        expect(last?.body).toMatchObject({ service_tier });
        const event = await hub.settled(response.headers.get("x-request-id"));
        expect(event.priceNano).toBe((hub.priceOf(last) * times) / part);
        expect(event.costNano).toBe(event.priceNano);
        const most = service_tier === "priority" ? 8_000n : 4_000n;
        expect(event.heldNano).toBeGreaterThan(100n * most);
        if (path === "/responses") expect(text).toContain(`"cost":${toUsdNumber(event.priceNano)}`);
      },
    );

    test("is left out and named where only its price is known", async () => {
      const model = await tiered("text", COST);
      const response = await hub.post(door, path, tenant.key, { model, ...asking, service_tier: "flex" });
      await response.text();
      expect(response.headers.get("x-aigne-warnings")).toBe("service_tier");
      expect(hub.openaiTruth.last?.body).not.toHaveProperty("service_tier");
      const event = await hub.settled(response.headers.get("x-request-id"));
      expect(event.priceNano).toBe(hub.priceOf(hub.openaiTruth.last));
    });
  });
});
