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
});
