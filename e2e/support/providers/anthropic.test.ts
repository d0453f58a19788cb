import Anthropic from "@anthropic-ai/sdk";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startAnthropicSimulator } from "./anthropic.ts";
import type { Simulator } from "./server.ts";
import type { RequestRecord } from "./truth.ts";

let simulator: Simulator;
let client: Anthropic;

beforeAll(async () => {
  simulator = await startAnthropicSimulator();
  client = new Anthropic({ apiKey: "sk-ant-sim", baseURL: simulator.url, maxRetries: 0 });
});
beforeEach(() => simulator.truth.clear());
afterAll(() => simulator.stop());

const request = (model: string) => ({
  model,
  max_tokens: 256,
  messages: [{ role: "user" as const, content: "say some words" }],
});
const create = (model: string) => client.messages.create(request(model));
const finalMessage = (model: string) => client.messages.stream(request(model)).finalMessage();
const last = () => simulator.truth.last as RequestRecord;

describe("answers", () => {
  test("plain and streamed report the same", async () => {
    const whole = await create("text:tokens=40");
    const streamed = await finalMessage("text:tokens=40");
    expect(streamed.content).toEqual(whole.content);
    expect(streamed.stop_reason).toBe("end_turn");
    expect(whole.usage).toMatchObject({ input_tokens: 9, output_tokens: 40 });
    expect(streamed.usage).toMatchObject({ input_tokens: 9, output_tokens: 40 });
    expect(last()).toMatchObject({ tokens: 40, usageReported: true, usage: { input: 9, output: 40 } });
  });

  test("tools, thinking and limits", async () => {
    const tools = await finalMessage("tools-parallel");
    expect(tools.stop_reason).toBe("tool_use");
    expect(tools.content).toMatchObject([
      { type: "tool_use", input: { city: "Paris" } },
      { type: "tool_use", input: { city: "Tokyo" } },
    ]);
    expect((await finalMessage("tool-no-args")).content).toMatchObject([
      { type: "tool_use", name: "get_time", input: {} },
    ]);
    expect((await finalMessage("reasoning")).content.map((block) => block.type)).toEqual(["thinking", "text"]);
    expect((await create("reasoning")).content.map((block) => block.type)).toEqual(["thinking", "text"]);
    expect((await finalMessage("length")).stop_reason).toBe("max_tokens");
    expect((await finalMessage("empty")).content).toEqual([]);
    const limited = await client.messages.create({ ...request("text"), max_tokens: 5 });
    expect(limited).toMatchObject({ stop_reason: "max_tokens", usage: { output_tokens: 5 } });
  });

  test("cache classes are outside the input", async () => {
    const { usage } = await finalMessage("usage-cached:read=100,write=50,write1h=20");
    expect(usage).toMatchObject({ input_tokens: 9, cache_read_input_tokens: 100, cache_creation_input_tokens: 70 });
  });

  test.each(["split-bytes", "crlf", "merged", "comments", "unknown-events"])(
    "framing %s reads the same",
    async (model) => {
      expect((await finalMessage(model)).stop_reason).toBe("end_turn");
      expect(last().tokens).toBe(12);
    },
  );

  test("models", async () => {
    expect((await client.models.list()).data.length).toBeGreaterThan(10);
    expect((await client.models.retrieve("text")).id).toBe("text");
  });
});

describe("failures", () => {
  test.each([
    ["error:401", 401, "authentication_error"],
    ["error:403", 403, "permission_error"],
    ["error:429", 429, "rate_limit_error"],
    ["error:500", 500, "api_error"],
    ["error:529", 529, "overloaded_error"],
    ["context-length", 400, "invalid_request_error"],
    ["no-such-scenario", 404, "not_found_error"],
  ])("%s is %i %s", async (model, status, type) => {
    await expect(create(model)).rejects.toMatchObject({ status, error: { error: { type } } });
  });

  test.each([
    ["cut:after=7", 7, "cut"],
    ["reset:after=3", 3, "cut"],
    ["error-midstream:after=3", 3, "error"],
  ])("%s delivers exactly %i tokens", async (model, tokens, outcome) => {
    let text = "";
    const read = async () => {
      for await (const event of await client.messages.create({ ...request(model), stream: true }))
        if (event.type === "content_block_delta" && event.delta.type === "text_delta") text += event.delta.text;
    };
    await read().catch(() => {});
    expect(text.split(" ")).toHaveLength(tokens);
    await expect.poll(() => last().outcome).toBe(outcome);
    expect(last()).toMatchObject({ tokens, usageReported: false });
  });

  test("the provider's own conditions hold", async () => {
    const post = (headers: Record<string, string>) =>
      fetch(`${simulator.url}/v1/messages`, { method: "POST", headers, body: JSON.stringify(request("text")) });
    expect((await post({})).status).toBe(401);
    expect((await post({ "x-api-key": "sk-ant-bad" })).status).toBe(401);
    expect((await post({ "x-api-key": "k" })).status).toBe(400);
    const { max_tokens: _dropped, ...unlimited } = request("text");
    await expect(client.messages.create(unlimited as never)).rejects.toMatchObject({ status: 400 });
  });
});
