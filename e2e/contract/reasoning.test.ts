import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
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

const messages = [{ role: "user" as const, content: "think of some words" }];
const thinking = { type: "enabled" as const, budget_tokens: 1_024 };
const tools = [{ name: "get_weather", input_schema: { type: "object" as const } }];
const THOUGHTS = "think think think think think think think think";

describe.each(DOORS)("%s door", (door) => {
  describe("xAI counts thoughts beside the completion", () => {
    test.each([false, true])("the client adds up what it was charged, stream: %s", async (stream) => {
      const model = await hub.modelOf("xai", "reasoning");
      const options = stream ? { stream, stream_options: { include_usage: true } } : {};
      const response = await hub.post(door, "/chat/completions", tenant.key, { model, messages, ...options });
      const text = await response.text();
      const frames = stream ? [...text.matchAll(/^data: (\{.*"usage":\{.*)$/gm)].map(([, data]) => data) : [text];
      const { usage } = JSON.parse(frames.at(-1) ?? "");
      const event = await hub.settled(response.headers.get("x-request-id"));
      expect(event).toMatchObject({ route: "relay", usageSource: "reported", reasoningTokens: 8, outputTokens: 12 });
      expect(usage).toMatchObject({
        ...{ prompt_tokens: event.inputTokens, completion_tokens: 20, total_tokens: event.inputTokens + 20 },
        ...{ completion_tokens_details: { reasoning_tokens: 8 }, cost: toUsdNumber(event.priceNano) },
      });
      expect(usage).not.toHaveProperty("cost_in_usd_ticks");
      expect(event.priceNano).toBe(hub.priceOf((await hub.truthOf("xai")).last));
    });
  });

  describe("OpenAI's thoughts by translation", () => {
    const client = () => hub.anthropic(door, tenant.key);
    const ask = { max_tokens: 4_096, messages, thinking };

    test.each([false, true])("come in words, and are paid, stream: %s", async (stream) => {
      const model = await hub.modelOf("openai", "reasoning");
      const { data: answer, response } = stream
        ? await client()
            .messages.stream({ model, ...ask })
            .withResponse()
            .then(async ({ data, ...rest }) => ({
              data: await data.finalMessage(),
              ...rest,
            }))
        : await client()
            .messages.create({ model, ...ask })
            .withResponse();
      expect(answer.content[0]).toMatchObject({ type: "thinking", thinking: THOUGHTS });
      expect(answer.content[1]).toMatchObject({ type: "text", text: expect.stringMatching(/^amber/) });
      const truth = (await hub.truthOf("openai")).last;
      expect([truth?.path, truth?.body]).toMatchObject([
        "/v1/responses",
        { store: false, include: ["reasoning.encrypted_content"], reasoning: { effort: "low", summary: "auto" } },
      ]);
      const event = await hub.settled(response.headers.get("x-request-id"));
      expect(event).toMatchObject({ route: "translate", usageSource: "reported", reasoningTokens: 8 });
      expect(event.priceNano).toBe(hub.priceOf(truth));
    });

    test("go back encrypted with the next turn of a tool loop", async () => {
      const model = await hub.modelOf("openai", "think-then-tool");
      const answer = await client().messages.create({ model, ...ask, tools });
      const call = answer.content.find((block) => block.type === "tool_use");
      if (!call) throw new Error("no tool was called");
      const result = { type: "tool_result" as const, tool_use_id: call.id, content: "sunny" };
      const turn = [
        { role: "assistant" as const, content: answer.content },
        { role: "user" as const, content: [result] },
      ];
      await client().messages.create({ model, ...ask, tools, messages: [...messages, ...turn] });
      const input = (await hub.truthOf("openai")).last?.body?.input as { type?: string }[];
      expect(input.map(({ type }) => type ?? "message")).toEqual([
        ...["message", "reasoning", "function_call", "function_call_output"],
      ]);
      expect(input[1]).toMatchObject({ encrypted_content: "gAAAAABsimulated" });
      expect(input[3]).toMatchObject({ output: "sunny" });
    });

    test("an organisation that may have no summaries gets its answer without one", async () => {
      const model = await hub.modelOf("openai", "unverified");
      const answer = await client().messages.create({ model, ...ask });
      expect(answer.content.at(-1)).toMatchObject({ type: "text", text: expect.stringMatching(/^amber/) });
    });

    test("a model that does not think is asked by chat, with stop words", async () => {
      const model = await hub.modelOf("openai", "text");
      await client().messages.create({ model, max_tokens: 100, messages, stop_sequences: ["never"] });
      expect((await hub.truthOf("openai")).last).toMatchObject({
        ...{ path: "/v1/chat/completions", body: { stop: ["never"] } },
      });
    });
  });
});
