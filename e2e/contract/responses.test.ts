import OpenAI from "openai";
import type { ResponseFunctionToolCall, ResponseInputItem, Tool } from "openai/resources/responses/responses";
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

const input = "say some words";
const tools: Tool[] = [
  {
    type: "function",
    name: "get_weather",
    description: "The weather of a city",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
    strict: false,
  },
  { type: "function", name: "get_time", parameters: { type: "object", properties: {} }, strict: false },
];
const cost = (usage: unknown) => (usage as { cost?: number } | undefined)?.cost;

/** Served by the upstream that speaks Responses itself, and by SDK modules of others. */
const ROUTES = [
  {
    name: "relay",
    route: "relay",
    modelOf: (scenario: string) => hub.relayModel(scenario),
    truth: () => hub.openaiTruth,
  },
  {
    name: "translated to Messages",
    route: "translate",
    modelOf: (scenario: string) => hub.translatedModel(scenario),
    truth: () => hub.anthropicTruth,
  },
  {
    name: "translated to chat",
    route: "translate",
    modelOf: (scenario: string) => hub.compatibleModel(scenario),
    truth: () => hub.openaiTruth,
  },
] as const;

describe.each(DOORS)("%s door", (door) => {
  const client = () => hub.openai(door, tenant.key);

  describe.each(ROUTES)("$name", ({ route, modelOf, truth }) => {
    test("a plain answer, priced", async () => {
      const model = await modelOf("text:tokens=40");
      const { data, response } = await client().responses.create({ model, input, instructions: "go" }).withResponse();
      expect(data).toMatchObject({ object: "response", status: "completed", error: null, incomplete_details: null });
      expect(data.id).toMatch(/^resp_/);
      expect(data.output_text.split(" ")).toHaveLength(40);
      const event = await hub.settled(response.headers.get("x-request-id"));
      expect(event).toMatchObject({ outcome: "ok", usageSource: "reported", route, stream: false, outputTokens: 40 });
      expect(event.priceNano).toBe(hub.priceOf(truth().last));
      expect(data.usage).toMatchObject({ input_tokens: event.inputTokens, output_tokens: 40 });
      expect(cost(data.usage)).toBe(toUsdNumber(event.priceNano));
    });

    test("a stream ends in the response that the helper puts together", async () => {
      const model = await modelOf("text:tokens=40");
      const stream = client().responses.stream({ model, input });
      const types: string[] = [];
      const sequence: number[] = [];
      stream.on("event", (event) => {
        types.push(event.type);
        sequence.push(event.sequence_number);
      });
      const final = await stream.finalResponse();
      expect(final.status).toBe("completed");
      expect(final.output_text.split(" ")).toHaveLength(40);
      expect(types.slice(0, 4)).toEqual([
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
      ]);
      expect(types.slice(-4)).toEqual([
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
      ]);
      expect(sequence).toEqual(sequence.map((_, index) => index));
      await hub.quiet(tenant);
      const event = await hub.onlyCall(tenant);
      expect(event).toMatchObject({ outcome: "ok", usageSource: "reported", route, stream: true, outputTokens: 40 });
      expect(event.priceNano).toBe(hub.priceOf(truth().last));
      expect(final.usage).toMatchObject({ input_tokens: event.inputTokens, output_tokens: 40 });
      expect(cost(final.usage)).toBe(toUsdNumber(event.priceNano));
    });

    test.each([
      ["tool", [["get_weather", '{"city":"Paris"}']]],
      [
        "tools-parallel",
        [
          ["get_weather", '{"city":"Paris"}'],
          ["get_weather", '{"city":"Tokyo"}'],
        ],
      ],
      ["tool-no-args", [["get_time", "{}"]]],
    ])("%s, plain and streamed, are the same calls", async (scenario, expected) => {
      const model = await modelOf(scenario);
      const whole = await client().responses.create({ model, input, tools });
      const streamed = await client().responses.stream({ model, input, tools }).finalResponse();
      for (const { output } of [whole, streamed]) {
        const calls = output.flatMap((item) =>
          item.type === "function_call" ? [item as ResponseFunctionToolCall] : [],
        );
        expect(calls.map((call) => [call.name, call.arguments])).toEqual(expected);
        expect(new Set(calls.map(({ call_id }) => call_id)).size).toBe(calls.length);
      }
    });

    test("a tool loop goes round: call, result, answer", async () => {
      const first = await client().responses.create({ model: await modelOf("text-then-tool"), input, tools });
      const call = first.output.find((item) => item.type === "function_call");
      const second = await client().responses.create({
        model: await modelOf("text"),
        tools,
        input: [
          { role: "user", content: input },
          ...(first.output as ResponseInputItem[]),
          { type: "function_call_output", call_id: call?.call_id ?? "", output: "18 °C" },
        ],
      });
      expect(second.status).toBe("completed");
      expect(truth().last?.bodyText).toContain("18 °C");
    });

    test("thoughts come as an item before the answer, and go back in the next turn without offence", async () => {
      const model = await modelOf("reasoning");
      const body = { model, input, reasoning: { effort: "low" as const } };
      const whole = await client().responses.create(body);
      const streamed = await client().responses.stream(body).finalResponse();
      for (const { output } of [whole, streamed]) {
        expect(output.map(({ type }) => type)).toEqual(["reasoning", "message"]);
        expect(JSON.stringify(output[0])).toContain("think");
      }
      const again = [{ role: "user" as const, content: input }, ...(whole.output as ResponseInputItem[])];
      const next = await client().responses.create({ ...body, input: [...again, { role: "user", content: "and?" }] });
      expect(next.status).toBe("completed");
    });

    test("an answer cut by its limit is incomplete", async () => {
      const model = await modelOf("text:tokens=40");
      const response = await client().responses.create({ model, input, max_output_tokens: 20 });
      expect(response).toMatchObject({ status: "incomplete", incomplete_details: { reason: "max_output_tokens" } });
      expect(response.usage?.output_tokens).toBe(20);
    });

    test("a stream that breaks off ends in response.failed, and what came is paid", async () => {
      const model = await modelOf("cut:after=7");
      const stream = await client().responses.create({ model, input, stream: true });
      const types: string[] = [];
      for await (const event of stream) types.push(event.type);
      expect(types.at(-1)).toBe("response.failed");
      await hub.quiet(tenant);
      expect(await hub.onlyCall(tenant)).toMatchObject({ outcome: "cut", usageSource: "estimated", outputTokens: 7 });
    });

    test.each([
      ["error=400", 400],
      ["error=401", 503],
      ["error=429", 503],
      ["error=500", 502],
      ["context-length", 400],
    ])("%s upstream is %i here, plain and streamed", async (scenario, status) => {
      const model = await modelOf(scenario);
      for (const stream of [false, true]) {
        const error = await client()
          .responses.create({ model, input, stream })
          .then(
            () => null,
            (thrown: unknown) => thrown,
          );
        expect(error).toBeInstanceOf(OpenAI.APIError);
        expect((error as InstanceType<typeof OpenAI.APIError>).status).toBe(status);
      }
    });

    test.skipIf(schemasAbsent)("what is said validates against the published schemas", async () => {
      const model = await modelOf("text-then-tool");
      const whole = await hub.post(door, "/responses", tenant.key, { model, input, tools });
      if (route === "translate") expect(schemaErrors("Response", await whole.json())).toEqual([]);
      else await whole.text();
      const streamed = await hub.post(door, "/responses", tenant.key, { model, input, tools, stream: true });
      const frames = (await streamed.text()).trimEnd().split("\n\n");
      if (route !== "translate") return;
      for (const frame of frames) {
        const event = JSON.parse(frame.split("\ndata: ")[1] ?? "");
        expect([event.type, schemaErrors("ResponseStreamEvent", event)]).toEqual([event.type, []]);
      }
    });
  });

  test("relay: what goes up differs only in model, credential and what is not stored", async () => {
    const model = await hub.relayModel("text");
    const body = {
      ...{ model, instructions: "be brief", temperature: 0.5, store: true, max_output_tokens: 100 },
      input: [{ role: "user" as const, content: [{ type: "input_text" as const, text: "hi" }] }],
      prompt_cache_key: "k",
      vendor_extra: { deep: [1, 2] },
    };
    await client().responses.create(body);
    expect(hub.openaiTruth.last?.body).toEqual({ ...body, model: "text", store: false });
    expect(hub.openaiTruth.last?.path).toBe("/v1/responses");
  });

  test.each([
    ["previous_response_id", { previous_response_id: "resp_1" }, "unsupported_parameter"],
    ["conversation", { conversation: "conv_1" }, "unsupported_parameter"],
    ["background", { background: true }, "unsupported_parameter"],
    ["input[0]", { input: [{ type: "item_reference", id: "msg_1" }] }, "unsupported_value"],
    ["input[0]", { input: [{ id: "msg_1" }] }, "unsupported_value"],
    ["input", { input: [] }, null],
    ["max_output_tokens", { max_output_tokens: -5 }, null],
  ])("%s is refused by name: %o", async (param, part, code) => {
    const model = await hub.relayModel("text");
    const answer = await hub.post(door, "/responses", tenant.key, { model, input, ...part });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { param, code, type: "invalid_request_error" } });
  });

  test("a tool that takes plain text works with providers that know only functions", async () => {
    const model = await hub.compatibleModel("tool");
    const custom = [{ type: "custom" as const, name: "get_weather", description: "free text" }];
    const whole = await client().responses.create({ model, input, tools: custom });
    const streamed = await client().responses.stream({ model, input, tools: custom }).finalResponse();
    for (const { output } of [whole, streamed])
      expect(output).toMatchObject([{ type: "custom_tool_call", name: "get_weather", input: '{"city":"Paris"}' }]);
    expect(hub.openaiTruth.last?.body?.tools).toMatchObject([
      { function: { name: "get_weather", parameters: { required: ["input"] } } },
    ]);
  });
});
