import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { toUsdNumber } from "@/lib/money";
import { type ContractHub, DOORS, startContractHub, type Tenant } from "./hub";
import { schemaErrors, schemasAbsent } from "./schemas";

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

const prompt = "say some words";
const ROUTES = [
  { route: "relay", modelOf: (scenario: string) => hub.relayModel(scenario), truth: () => hub.openaiTruth },
  { route: "translate", modelOf: (scenario: string) => hub.translatedModel(scenario), truth: () => hub.anthropicTruth },
] as const;

describe.each(DOORS)("%s door", (door) => {
  const client = () => hub.openai(door, tenant.key);

  describe.each(ROUTES)("$route", ({ route, modelOf, truth }) => {
    test("plain, priced", async () => {
      const model = await modelOf("text:tokens=40");
      const { data, response } = await client().completions.create({ model, prompt, max_tokens: 100 }).withResponse();
      expect(data).toMatchObject({ object: "text_completion", choices: [{ index: 0, finish_reason: "stop" }] });
      expect(data.choices[0]?.text.split(" ")).toHaveLength(40);
      const event = await hub.settled(response.headers.get("x-request-id"));
      expect(event).toMatchObject({ outcome: "ok", usageSource: "reported", route, outputTokens: 40 });
      expect(event.priceNano).toBe(hub.priceOf(truth().last));
      expect((data.usage as { cost?: number }).cost).toBe(toUsdNumber(event.priceNano));
    });

    test.each([true, false])("a stream with include_usage: %s", async (asked) => {
      const model = await modelOf("text:tokens=40");
      const { data: stream, response } = await client()
        .completions.create({
          ...{ model, prompt, max_tokens: 100, stream: true },
          ...(asked && { stream_options: { include_usage: true } }),
        })
        .withResponse();
      let text = "";
      const reasons: unknown[] = [];
      const usages: unknown[] = [];
      for await (const chunk of stream) {
        text += chunk.choices[0]?.text ?? "";
        if (chunk.choices[0]?.finish_reason) reasons.push(chunk.choices[0].finish_reason);
        if (chunk.usage) usages.push((chunk.usage as { cost?: number }).cost);
      }
      expect(text.split(" ")).toHaveLength(40);
      expect(reasons).toEqual(["stop"]);
      const event = await hub.settled(response.headers.get("x-request-id"));
      expect(event).toMatchObject({ outcome: "ok", usageSource: "reported", route, outputTokens: 40 });
      expect(usages).toEqual(asked ? [toUsdNumber(event.priceNano)] : []);
    });

    test("cut by its limit, and broken off", async () => {
      const model = await modelOf("text:tokens=40");
      const short = await client().completions.create({ model, prompt, max_tokens: 20 });
      expect(short.choices[0]?.finish_reason).toBe("length");
      const broken = await modelOf("cut:after=7");
      const { data: stream, response } = await client()
        .completions.create({ model: broken, prompt, max_tokens: 100, stream: true })
        .withResponse();
      const read = async () => {
        for await (const _chunk of stream);
      };
      await expect(read()).rejects.toThrow(/broke off/);
      const event = await hub.settled(response.headers.get("x-request-id"));
      expect(event).toMatchObject({ outcome: "cut", outputTokens: 7 });
    });

    test.skipIf(schemasAbsent)("validates against the published schema", async () => {
      const answer = await hub.post(door, "/completions", tenant.key, { model: await modelOf("text"), prompt });
      const body = await answer.json();
      if (route === "translate") expect(schemaErrors("CreateCompletionResponse", body)).toEqual([]);
      expect(answer.status).toBe(200);
    });
  });

  test("several prompts and tokens go to an upstream that completes, and all are paid", async () => {
    const model = await hub.relayModel("text:tokens=10");
    const { data, response } = await client()
      .completions.create({ model, prompt: ["one", "two"], max_tokens: 50 })
      .withResponse();
    expect(data.choices.map(({ index }) => index)).toEqual([0, 1]);
    expect(await hub.settled(response.headers.get("x-request-id"))).toMatchObject({ outputTokens: 20 });
    await client().completions.create({ model, prompt: [1, 2, 3], suffix: "end", max_tokens: 50 });
    expect(hub.openaiTruth.last?.body).toMatchObject({ prompt: [1, 2, 3], suffix: "end" });
  });

  test.each([
    ["prompt", { prompt: [1, 2] }],
    ["prompt", { prompt: ["a", "b"] }],
    ["suffix", { suffix: "end" }],
    ["echo", { echo: true }],
    ["logprobs", { logprobs: 2 }],
  ])("%s is refused by name where only chat can answer", async (param, part) => {
    const model = await hub.translatedModel("text");
    const answer = await hub.post(door, "/completions", tenant.key, { model, prompt, ...part });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { param, code: "unsupported_parameter" } });
  });

  test.each([
    ["prompt", { prompt: undefined }],
    ["prompt", { prompt: [] }],
    ["n", { n: 0 }],
    ["max_tokens", { max_tokens: -5 }],
  ])("%s must make sense: %o", async (param, part) => {
    const answer = await hub.post(door, "/completions", tenant.key, { model: "m", prompt, ...part });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { param } });
  });
});
