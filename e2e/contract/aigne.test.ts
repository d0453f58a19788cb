import { AIGNEHubChatModel, AIGNEHubImageModel } from "@aigne/aigne-hub";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { toUsdNumber } from "@/lib/money";
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
const WEATHER = {
  type: "function" as const,
  function: {
    name: "get_weather",
    description: "The weather of a city",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};
const SCHEMA = { type: "object", properties: { celsius: { type: "string" } }, required: ["celsius"] };
const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

describe("the published client over HTTP, with only its address and key changed", () => {
  const options = (model: string) => ({
    baseURL: hub.origin("fast"),
    apiKey: tenant.key,
    model: `aignehub/${model}`,
  });
  const client = (model: string) => new AIGNEHubChatModel(options(model));

  test("an answer in one piece, and what it cost", async () => {
    const answer = await client(await hub.translatedModel("text")).invoke({ messages });
    expect(answer.text).toMatch(/^amber anchor apple/);
    await hub.quiet(tenant);
    const event = await hub.onlyCall(tenant);
    expect(event).toMatchObject({
      ...{ outcome: "ok", usageSource: "reported", route: "translate" },
      // the host's name, where the program has no id of its own
      client: expect.stringMatching(/^@aigne\/aigne-hub:/),
    });
    expect(answer.usage).toMatchObject({
      inputTokens: event.inputTokens,
      outputTokens: 12,
      aigneHubCredits: toUsdNumber(event.priceNano),
      creditPrefix: "$",
    });
  });

  test("a stream, read to its end", async () => {
    const stream = await client(await hub.translatedModel("text")).invoke({ messages }, { streaming: true });
    let text = "";
    let pieces = 0;
    for await (const chunk of stream) {
      const said = "delta" in chunk ? chunk.delta.text?.text : undefined;
      if (said) pieces++;
      text += said ?? "";
    }
    expect(text).toMatch(/^amber anchor apple/);
    expect(pieces).toBeGreaterThan(1);
  });

  test("tools in parallel, and their results in the next turn", async () => {
    const tools = [WEATHER];
    const asked = await client(await hub.translatedModel("tools-parallel")).invoke({ messages, tools });
    expect(asked.toolCalls?.map(({ function: called }) => called)).toEqual([
      { name: "get_weather", arguments: { city: "Paris" } },
      { name: "get_weather", arguments: { city: "Tokyo" } },
    ]);
    const results = (asked.toolCalls ?? []).map(({ id }, index) => ({
      role: "tool" as const,
      toolCallId: id,
      content: `sunny-${index}`,
    }));
    const turn = { role: "agent" as const, toolCalls: asked.toolCalls };
    const told = await client(await hub.translatedModel("text")).invoke({
      messages: [...messages, turn, ...results],
      tools,
    });
    expect(told.text).toMatch(/^amber/);
    expect(hub.anthropicTruth.last?.bodyText).toContain("sunny-1");
  });

  test.each([false, true])("JSON by a schema, streaming: %s", async (streaming) => {
    const responseFormat = { type: "json_schema" as const, jsonSchema: { name: "answer", schema: SCHEMA } };
    const model = client(await hub.sandboxModel("chat", {}));
    if (!streaming) {
      const answer = await model.invoke({ messages, responseFormat });
      expect(answer).toMatchObject({ json: { celsius: "example" } });
      expect(answer.text).toBeUndefined();
      return;
    }
    const json: unknown[] = [];
    for await (const chunk of await model.invoke({ messages, responseFormat }, { streaming: true }))
      if ("delta" in chunk) {
        expect(chunk.delta.text).toBeUndefined();
        if (chunk.delta.json?.json) json.push(chunk.delta.json.json);
      }
    expect(json).toContainEqual({ celsius: "example" });
  });

  test("an image", async () => {
    const model = await hub.relayModel("gpt-image-1", { type: "image", price: { perImage: "0.04" } });
    const answer = await new AIGNEHubImageModel(options(model)).invoke({ prompt: "a cat", outputFileType: "file" });
    expect(answer.images).toEqual([{ type: "file", data: expect.any(String), mimeType: "image/png" }]);
    expect(answer.usage?.aigneHubCredits).toBe(0.04);
  });

  test("an image made of another one", async () => {
    const model = await hub.relayModel("gpt-image-1", { type: "image", price: { perImage: "0.04" } });
    const image = { type: "file" as const, data: PNG, mimeType: "image/png" };
    const client = new AIGNEHubImageModel(options(model));
    const answer = await client.invoke({ prompt: "brighter", image: [image], outputFileType: "file" });
    expect(answer.images).toEqual([{ type: "file", data: expect.any(String), mimeType: "image/png" }]);
    expect(hub.openaiTruth.last).toMatchObject({
      path: "/v1/images/edits",
      body: { model: "gpt-image-1", prompt: "brighter", images: [{ image_url: `data:image/png;base64,${PNG}` }] },
    });
    expect(answer.usage?.aigneHubCredits).toBe(0.04);
  });

  test("the list of models, which the client checks entry by entry", async () => {
    const model = await hub.translatedModel("text");
    expect((await client(model).invoke({ messages })).text).toBeTruthy();
    vi.stubEnv("AIGNE_HUB_API_URL", hub.origin("fast"));
    const listed = await AIGNEHubChatModel.models().finally(() => vi.unstubAllEnvs());
    expect(listed.map((entry) => `${entry.provider}/${entry.model}`)).toContain(model);
  });

  test("a refusal is told once and in words", async () => {
    await expect(client("no/such-model").invoke({ messages })).rejects.toThrow(/no\/such-model/);
    const poor = await hub.tenant({ creditUsd: "0" });
    const refused = new AIGNEHubChatModel({ ...options(await hub.translatedModel("text")), apiKey: poor.key });
    await expect(refused.invoke({ messages })).rejects.toMatchObject({ type: "NOT_ENOUGH" });
  });
});

describe.each(DOORS)("%s door", (door) => {
  const post = (path: string, input: unknown, options = {}) =>
    hub.sendFromOrigin(door, path, {
      method: "POST",
      headers: { authorization: `Bearer ${tenant.key}`, "content-type": "application/json" },
      body: JSON.stringify({ agent: "$CHAT_MODEL", input, options }),
    });
  test.each([
    ["z1muQ3xqHQK2uiACHyChikobsiY5kLqtShA", true],
    ["<b>a program</b>", false],
    ["a".repeat(201), false],
  ])("a program's own name for itself is kept where it is one: %s", async (name, isKept) => {
    const model = await hub.relayModel("text");
    const response = await hub.send(door, "/chat/completions", {
      method: "POST",
      headers: { authorization: `Bearer ${tenant.key}`, "x-aigne-hub-client-did": name },
      body: JSON.stringify({ model, messages }),
    });
    await response.text();
    const { client } = await hub.settled(response.headers.get("x-request-id"));
    expect(client).toBe(isKept ? name : null);
  });

  const get = async (path: string, headers = {}) => {
    const response = await hub.sendFromOrigin(door, path, { headers });
    return { status: response.status, body: JSON.parse(await response.text()) };
  };

  test("where the client's routes begin, without a key", async () => {
    expect(await get("/__blocklet__.js?type=json")).toEqual({
      status: 200,
      body: { componentMountPoints: [{ did: "z8ia3xzq2tMq8CRHfaXj1BTYJyYnEcHbqP8cJ", mountPoint: "/" }] },
    });
  });

  test("a stream holds unnamed events only, and no [DONE]", async () => {
    const model = await hub.relayModel("text");
    const response = await post("/api/v2/chat", { messages, modelOptions: { model } }, { streaming: true });
    expect(response.headers.get("content-type")).toContain("text/event-stream");
    const lines = (await response.text()).split("\n").filter((line) => line !== "" && !line.startsWith(":"));
    const events = lines.map((line) => JSON.parse(line.replace(/^data: /, "")));
    expect(events[0]).toEqual({ delta: { text: { text: expect.any(String) } } });
    const event = await hub.settled(response.headers.get("x-request-id"));
    expect(events.at(-1).delta.json).toMatchObject({
      model,
      usage: { outputTokens: 12, aigneHubCredits: toUsdNumber(event.priceNano), creditPrefix: "$" },
    });
  });

  test("a failure after the status is an error event", async () => {
    const model = await hub.relayModel("cut:after=3");
    const response = await post("/api/v2/chat", { messages, modelOptions: { model } }, { streaming: true });
    expect(response.status).toBe(200);
    expect(await response.text()).toMatch(/\n\nevent: error\ndata: \{"message":"[^"]+"\}\n\n$/);
  });

  test("files and addresses reach the provider, paths of the client's disk are refused", async () => {
    const modelOptions = { model: await hub.translatedModel("text") };
    const ask = (part: object) => post("/api/v2/chat", { messages: [{ role: "user", content: [part] }], modelOptions });
    expect((await ask({ type: "file", data: PNG, mimeType: "image/png" })).status).toBe(200);
    expect(hub.anthropicTruth.last?.bodyText).toContain(PNG);
    const refused = await ask({ type: "local", path: "/etc/passwd" });
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ error: { param: "input.messages[0].content[0]" } });
    const image = await post("/api/v2/image", { prompt: "brighter", image: [{ type: "local", path: "/etc/passwd" }] });
    expect([image.status, await image.json()]).toMatchObject([400, { error: { param: "input.image[0]" } }]);
  });

  test("caches are asked for where the client wants them", async () => {
    const modelOptions = {
      model: await hub.translatedModel("text"),
      cacheConfig: { autoBreakpoints: { lastMessage: true } },
    };
    const asked = [{ role: "system", content: "be brief" }, ...messages];
    expect((await post("/api/v2/chat", { messages: asked, tools: [WEATHER], modelOptions })).status).toBe(200);
    const cache_control = { type: "ephemeral" };
    const body = {
      system: [{ cache_control }],
      messages: [{ content: [{ cache_control }] }],
      tools: [{ cache_control }],
    };
    expect(hub.anthropicTruth.last?.body).toMatchObject(body);
    const off = { ...modelOptions, cacheConfig: { enabled: false } };
    expect((await post("/api/v2/chat", { messages: asked, tools: [WEATHER], modelOptions: off })).status).toBe(200);
    expect(hub.anthropicTruth.last?.bodyText).not.toContain("cache_control");
  });

  test("no video model is served, and no default model that is not there", async () => {
    for (const path of ["/api/v2/video", "/api/v2/chat"]) {
      const response = await post(path, { messages, prompt: "a cat" });
      expect(response.status).toBe(404);
      expect(await response.json()).toMatchObject({ error: { type: "model_not_found" } });
    }
  });

  test("no credit names the place to get some", async () => {
    tenant = await hub.tenant({ creditUsd: "0" });
    const response = await post("/api/v2/chat", {
      messages,
      modelOptions: { model: await hub.translatedModel("text") },
    });
    expect(response.status).toBe(402);
    expect(await response.json()).toMatchObject({
      error: {
        type: "NOT_ENOUGH",
        message: expect.any(String),
        link: expect.stringMatching(/^https?:\/\/.+\/sign-in$/),
      },
    });
  });

  test("the models of a type, each in the exact shape that the client accepts", async () => {
    const model = await hub.translatedModel("text");
    const image = await hub.relayModel("gpt-image-1", { type: "image", price: { perImage: "0.04" } });
    // a look-up by name reads what the configuration has become
    for (const id of [model, image])
      expect((await get(`/api/v1/models/${id}`, { authorization: `Bearer ${tenant.key}` })).status).toBe(200);
    const { body } = await get("/api/ai/models?type=chat");
    const named = (list: { model: string }[], id: string) => list.find((entry) => id.endsWith(entry.model));
    expect(named(body, model)).toEqual({
      model: expect.any(String),
      type: "chat",
      provider: expect.any(String),
      providerDisplayName: expect.any(String),
      input_credits_per_token: "0.000001",
      output_credits_per_token: "0.000004",
      modelMetadata: null,
      status: { available: true },
    });
    expect(named(body, image)).toBeUndefined();
    expect(named((await get("/api/ai/models?type=image_generation")).body, image)).toMatchObject({ type: "image" });
    expect(await get("/api/ai/models?type=video")).toEqual({ status: 200, body: [] });
  });

  test("whom a key stands for and what is left", async () => {
    const { status, body } = await get("/api/user/info", { authorization: `Bearer ${tenant.key}` });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      user: { did: expect.any(String), fullName: expect.any(String) },
      enableCredit: true,
      creditBalance: { balance: expect.stringMatching(/^1000/), total: expect.stringMatching(/^1000/) },
      currency: "USD",
      creditPrefix: "$",
    });
    expect((await get("/api/user/info")).status).toBe(401);
  });
});
