import Anthropic from "@anthropic-ai/sdk";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { countPromptTokens } from "@/e2e/support/providers/words";
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
const tools: Anthropic.Tool[] = [
  {
    name: "get_weather",
    description: "The weather of a city",
    input_schema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
  { name: "get_time", input_schema: { type: "object", properties: {} } },
];
const cost = (usage: unknown) => (usage as { cost?: number }).cost;

/** Served by the upstream that speaks Messages itself, and by the SDK module of one that speaks something else. */
const ROUTES = [
  { route: "relay", modelOf: (scenario: string) => hub.translatedModel(scenario), truth: () => hub.anthropicTruth },
  { route: "translate", modelOf: (scenario: string) => hub.compatibleModel(scenario), truth: () => hub.openaiTruth },
] as const;

describe.each(DOORS)("%s door", (door) => {
  const client = () => hub.anthropic(door, tenant.key);

  describe.each(ROUTES)("$route", ({ route, modelOf, truth }) => {
    test("a plain answer, priced", async () => {
      const model = await modelOf("text:tokens=40");
      const { data, response } = await client().messages.create({ model, max_tokens: 100, messages }).withResponse();
      expect(data).toMatchObject({ type: "message", role: "assistant", stop_reason: "end_turn", stop_sequence: null });
      expect(data.id).toMatch(/^msg_/);
      const [block] = data.content;
      expect(block?.type === "text" && block.text.split(" ")).toHaveLength(40);
      const event = await hub.settled(response.headers.get("x-request-id"));
      expect(event).toMatchObject({ outcome: "ok", usageSource: "reported", route, stream: false, outputTokens: 40 });
      expect(event.priceNano).toBe(hub.priceOf(truth().last));
      expect(data.usage).toMatchObject({ input_tokens: event.inputTokens, output_tokens: 40 });
      expect(cost(data.usage)).toBe(toUsdNumber(event.priceNano));
    });

    test("a stream ends in the message that the helper puts together", async () => {
      const model = await modelOf("text:tokens=40");
      const stream = client().messages.stream({ model, max_tokens: 100, messages });
      const { response } = await stream.withResponse();
      let paid: number | undefined;
      stream.on("streamEvent", (event) => {
        // the helper keeps only the fields it knows
        if (event.type === "message_delta") paid = cost(event.usage);
      });
      const message = await stream.finalMessage();
      expect(message.stop_reason).toBe("end_turn");
      expect(await stream.finalText()).toSatisfy((text: string) => text.split(" ").length === 40);
      const event = await hub.settled(response.headers.get("x-request-id"));
      expect(event).toMatchObject({ outcome: "ok", usageSource: "reported", route, stream: true, outputTokens: 40 });
      expect(message.usage).toMatchObject({ input_tokens: event.inputTokens, output_tokens: 40 });
      expect(paid).toBe(toUsdNumber(event.priceNano));
      expect(event.priceNano).toBe(hub.priceOf(truth().last));
    });

    test.each([
      ["tool", [["get_weather", { city: "Paris" }]]],
      [
        "tools-parallel",
        [
          ["get_weather", { city: "Paris" }],
          ["get_weather", { city: "Tokyo" }],
        ],
      ],
      ["tool-no-args", [["get_time", {}]]],
    ] as const)("%s, plain and streamed, are the same calls", async (scenario, expected) => {
      const model = await modelOf(scenario);
      const body = { model, max_tokens: 100, messages, tools };
      const whole = await client().messages.create(body);
      const streamed = await client().messages.stream(body).finalMessage();
      for (const message of [whole, streamed]) {
        expect(message.stop_reason).toBe("tool_use");
        const calls = message.content.filter((block) => block.type === "tool_use");
        expect(calls.map(({ name, input }) => [name, input])).toEqual(expected);
        expect(new Set(calls.map(({ id }) => id)).size).toBe(calls.length);
      }
    });

    test("a tool loop goes round: call, result, answer", async () => {
      const calling = await modelOf("text-then-tool");
      const first = await client().messages.create({ model: calling, max_tokens: 100, messages, tools });
      const call = first.content.find((block) => block.type === "tool_use");
      expect(call).toBeDefined();
      const answering = await modelOf("text");
      const second = await client().messages.create({
        model: answering,
        max_tokens: 100,
        tools,
        system: [{ type: "text", text: "be brief", cache_control: { type: "ephemeral" } }],
        messages: [
          ...messages,
          { role: "assistant", content: first.content },
          { role: "user", content: [{ type: "tool_result", tool_use_id: call?.id ?? "", content: "18 °C" }] },
        ],
      });
      expect(second.stop_reason).toBe("end_turn");
      expect(JSON.stringify(truth().last?.body?.messages)).toContain("18 °C");
    });

    test("thoughts come as blocks before the answer, and go back in the next turn without offence", async () => {
      const model = await modelOf("reasoning");
      const body = { model, max_tokens: 3_000, messages, thinking: { type: "enabled" as const, budget_tokens: 1_024 } };
      const whole = await client().messages.create(body);
      const streamed = await client().messages.stream(body).finalMessage();
      for (const { content } of [whole, streamed]) {
        expect(content.map(({ type }) => type)).toEqual(["thinking", "text"]);
        expect(content[0]?.type === "thinking" && content[0].thinking).toContain("think");
        expect(content[0]?.type === "thinking" && content[0].signature).not.toBe("");
      }
      const again = [...messages, { role: "assistant" as const, content: whole.content }, ...messages];
      expect((await client().messages.create({ ...body, messages: again })).stop_reason).toBe("end_turn");
    });

    test("an answer cut by its limit says so", async () => {
      const model = await modelOf("text:tokens=40");
      const message = await client().messages.create({ model, max_tokens: 20, messages });
      expect(message.stop_reason).toBe("max_tokens");
      expect(message.usage.output_tokens).toBe(20);
    });

    test("a stream that breaks off ends in an error event, and what came is paid", async () => {
      const model = await modelOf("cut:after=7");
      const stream = client().messages.stream({ model, max_tokens: 100, messages });
      const { response } = await stream.withResponse();
      await expect(stream.finalMessage()).rejects.toThrow(/broke off/);
      const event = await hub.settled(response.headers.get("x-request-id"));
      expect(event).toMatchObject({ outcome: "cut", usageSource: "estimated", outputTokens: 7 });
    });

    test.each([
      ["error=400", 400, "invalid_request_error"],
      ["error=401", 503, "api_error"],
      ["error=429", 529, "overloaded_error"],
      ["error=500", 502, "api_error"],
      ["context-length", 400, "invalid_request_error"],
    ])("%s upstream is %i %s here, plain and streamed", async (scenario, status, type) => {
      const model = await modelOf(scenario);
      for (const stream of [false, true]) {
        const answer = client().messages.create({ model, max_tokens: 100, messages, stream });
        const error = await answer.then(
          () => null,
          (thrown: unknown) => thrown,
        );
        expect(error).toBeInstanceOf(Anthropic.APIError);
        const { status: got, error: body } = error as InstanceType<typeof Anthropic.APIError>;
        expect(got).toBe(status);
        expect(body).toMatchObject({ type: "error", error: { type }, request_id: expect.stringMatching(/^req_/) });
      }
    });
  });

  test("relay: what goes up differs only in model and credential, and betas go along", async () => {
    const model = await hub.translatedModel("text");
    const body = {
      ...{ model, max_tokens: 100, system: "be brief", temperature: 0.5, top_k: 5 },
      messages: [{ role: "user" as const, content: [{ type: "text" as const, text: "hi" }] }],
      metadata: { user_id: "user-7" },
      context_management: { edits: [] },
      vendor_extra: { deep: [1, 2] },
    };
    await client().messages.create(body, { headers: { "anthropic-beta": "context-management-2025-06-27" } });
    const seen = hub.anthropicTruth.last;
    expect(seen?.body).toEqual({ ...body, model: "text", stream: undefined });
    expect(seen?.headers["anthropic-beta"]).toBe("context-management-2025-06-27");
    expect(seen?.headers["x-api-key"]).toBe("sk-simulated");
    expect(JSON.stringify(seen?.headers)).not.toContain(tenant.key);
  });

  test("relay: cache reads and writes of both lives are metered apart", async () => {
    const model = await hub.translatedModel("usage-cached:read=100,write=30,write1h=20");
    const stream = client().messages.stream({ model, max_tokens: 100, messages });
    const { response } = await stream.withResponse();
    const { usage } = await stream.finalMessage();
    expect(usage).toMatchObject({ cache_read_input_tokens: 100, cache_creation_input_tokens: 50 });
    const event = await hub.settled(response.headers.get("x-request-id"));
    expect(event).toMatchObject({ cacheReadTokens: 100, cacheWriteTokens: 30, cacheWrite1hTokens: 20 });
    expect(event.priceNano).toBe(hub.priceOf(hub.anthropicTruth.last));
  });

  test("tools that the provider would run are left out, and it is said", async () => {
    const model = await hub.translatedModel("text");
    const search = { type: "web_search_20250305" as const, name: "web_search" as const };
    const { response } = await client()
      .messages.create({ model, max_tokens: 100, messages, tools: [...tools, search] })
      .withResponse();
    expect(response.headers.get("x-aigne-warnings")).toBe("tools.web_search_20250305");
    expect(hub.anthropicTruth.last?.body?.tools).toEqual(tools);
  });

  test.each([{ type: "create" }, { type: "continue", previous_message_id: "msg_1" }])(
    "a conversation that the provider would keep is refused as its helpers understand: %o",
    async (thread) => {
      const before = hub.anthropicTruth.requests.length;
      const model = await hub.translatedModel("text");
      const answer = await hub.post(door, "/messages", tenant.key, { model, max_tokens: 50, messages, thread });
      expect(answer.status).toBe(400);
      expect(await answer.json()).toMatchObject({
        error: { type: "invalid_request_error", details: { error_code: "thread_unsupported_request" } },
      });
      expect(hub.anthropicTruth.requests).toHaveLength(before);
    },
  );

  test("tokens are counted by the provider itself, as a request that costs nothing", async () => {
    const model = await hub.translatedModel("text");
    await hub.limit(tenant, { rpm: 2 });
    const body = { model, messages, tools, system: "be brief" };
    const { data, response } = await client()
      .beta.messages.countTokens({ ...body, betas: ["a-2026-01-01"] })
      .withResponse();
    const { last } = hub.anthropicTruth;
    expect(last?.body).toEqual({ ...body, model: "text" });
    expect(last?.headers).toMatchObject({ "anthropic-beta": expect.stringContaining("a-2026-01-01") });
    expect(data).toEqual({ input_tokens: countPromptTokens(messages, body.system) });
    expect(response.headers.get("x-aigne-estimated")).toBe("false");
    expect(response.headers.get("anthropic-ratelimit-requests-remaining")).toBe("1");
    // a limit that a message needs and a count does not
    expect(await client().messages.countTokens({ ...body, max_tokens: 5 } as typeof body)).toEqual(data);
    await expect(client().messages.countTokens(body)).rejects.toBeInstanceOf(Anthropic.RateLimitError);
    expect(await hub.calls(tenant)).toEqual([]);
  });

  test("what the provider finds wrong is told, and where it fails we estimate", async () => {
    const wrong = client().messages.countTokens({ model: await hub.translatedModel("error=400"), messages });
    await expect(wrong).rejects.toBeInstanceOf(Anthropic.BadRequestError);
    for (const model of [await hub.translatedModel("error=529"), await hub.compatibleModel("text")]) {
      const { data, response } = await client().messages.countTokens({ model, messages, tools }).withResponse();
      expect(data.input_tokens).toBeGreaterThan(10);
      expect(response.headers.get("x-aigne-estimated")).toBe("true");
    }
  });

  test.each([
    [{ model: "m", messages }, /max_tokens/],
    [{ model: "m", max_tokens: 0, messages }, /max_tokens/],
    [{ max_tokens: 5, messages }, /model/],
    [{ model: "m", max_tokens: 5, messages: [] }, /messages/],
    [{ model: "m", max_tokens: 5, messages: [{ role: "tool", content: "x" }] }, /role/],
  ])("a bad request is told in Anthropic's words: %o", async (body, says) => {
    const answer = await hub.post(door, "/messages", tenant.key, body);
    expect(answer.status).toBe(400);
    const { type, error } = (await answer.json()) as { type: string; error: { type: string; message: string } };
    expect(type).toBe("error");
    expect(error.type).toBe("invalid_request_error");
    expect(error.message).toMatch(says);
  });

  test("an unknown key and an unknown model are told in Anthropic's words", async () => {
    const unknown = hub.anthropic(door, hub.unknownKey()).messages.create({ model: "m", max_tokens: 5, messages });
    await expect(unknown).rejects.toBeInstanceOf(Anthropic.AuthenticationError);
    const missing = client().messages.create({ model: "no/such", max_tokens: 5, messages });
    await expect(missing).rejects.toBeInstanceOf(Anthropic.NotFoundError);
  });
});
