import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Truth } from "@/e2e/support/providers/truth";
import type { JsonObject } from "@/lib/gateway/json-body";
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

/** What no published field is called: it has to pass as it is. */
const UNKNOWN = {
  vendor_extra: { deep: [1, 2.5, null, { "": "empty name" }], text: '漢字 \u2028 "quoted"' },
  enable_turbo: true,
  x_nothing: null,
};
const SCHEMA = { type: "object", properties: { a: { type: "string" } }, required: ["a"], additionalProperties: false };
const DATA_URL =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const FUNCTION = { name: "get_weather", description: "d", parameters: SCHEMA, strict: true };

type Column = {
  dialect: string;
  path: string;
  modelOf: () => Promise<string>;
  truth: () => Truth;
  headers?: Record<string, string>;
  /** Every field that its API publishes and that reaches an upstream. */
  body: JsonObject;
  /** Fields with which a tenant would choose what is called or billed. */
  dropped: JsonObject;
  /** What the contract changes on the way up. */
  sent: (body: JsonObject, stream: boolean) => JsonObject;
};

const COLUMNS: Column[] = [
  {
    dialect: "openai-chat",
    path: "/chat/completions",
    modelOf: () => hub.relayModel("text"),
    truth: () => hub.openaiTruth,
    body: {
      messages: [
        { role: "developer", content: [{ type: "text", text: "be kind" }], name: "boss" },
        {
          role: "user",
          name: "ann",
          content: [
            { type: "text", text: "hi", vendor: 1 },
            { type: "image_url", image_url: { url: DATA_URL, detail: "low" } },
            { type: "input_audio", input_audio: { data: "AAAA", format: "wav" } },
          ],
        },
        {
          role: "assistant",
          content: null,
          refusal: null,
          audio: null,
          tool_calls: [{ id: "call_1", type: "function", function: { name: "get_weather", arguments: "{broken" } }],
          reasoning_content: "",
        },
        { role: "tool", tool_call_id: "call_1", content: [{ type: "text", text: "sunny" }] },
        { role: "user", content: "say some words" },
      ],
      max_completion_tokens: 500,
      ...{ temperature: 0.7, top_p: 0.9, frequency_penalty: 0.1, presence_penalty: -0.1, seed: 7, stop: ["never"] },
      ...{ n: 1, logprobs: true, top_logprobs: 2, logit_bias: { "50256": -100 }, user: "ann", store: false },
      ...{ metadata: { a: "b" }, modalities: ["text"], prediction: { type: "content", content: "x" } },
      ...{ reasoning_effort: "low", verbosity: "low", parallel_tool_calls: false, prompt_cache_key: "k" },
      ...{
        safety_identifier: "s",
        prompt_cache_retention: "24h",
        top_k: 5,
        min_p: 0.1,
        thinking: { type: "disabled" },
      },
      tools: [{ type: "function", function: FUNCTION, cache_control: { type: "ephemeral" } }],
      tool_choice: { type: "function", function: { name: "get_weather" } },
      response_format: { type: "json_schema", json_schema: { name: "n", schema: SCHEMA, strict: true } },
    },
    dropped: { models: ["a"], provider: { order: ["x"] }, api_base: "https://evil.test", service_tier: "priority" },
    sent: (body, stream) => (stream ? { ...body, stream_options: { include_usage: true } } : body),
  },
  {
    dialect: "openai-responses",
    path: "/responses",
    modelOf: () => hub.relayModel("text"),
    truth: () => hub.openaiTruth,
    body: {
      input: [
        { type: "message", role: "developer", content: [{ type: "input_text", text: "be kind" }] },
        {
          role: "user",
          content: [
            { type: "input_text", text: "hi" },
            { type: "input_image", image_url: DATA_URL, detail: "low" },
          ],
        },
        { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "gAAAA" },
        { type: "function_call", call_id: "call_1", name: "get_weather", arguments: "{broken", status: "completed" },
        { type: "function_call_output", call_id: "call_1", output: "sunny" },
        { type: "vendor_item", anything: [1] },
        { role: "user", content: "say some words" },
      ],
      ...{ instructions: "be brief", max_output_tokens: 500, temperature: 0.7, top_p: 0.9, top_logprobs: 2 },
      ...{ metadata: { a: "b" }, user: "ann", prompt_cache_key: "k", safety_identifier: "s", truncation: "auto" },
      ...{ include: ["message.output_text.logprobs"], reasoning: { effort: "low", summary: "auto" } },
      ...{ parallel_tool_calls: false, max_tool_calls: 3, text: { format: { type: "text" }, verbosity: "low" } },
      tools: [
        { type: "function", ...FUNCTION },
        { type: "custom", name: "patch", format: { type: "grammar", syntax: "lark", definition: "start: /a/" } },
        { type: "local_shell" },
      ],
      tool_choice: { type: "allowed_tools", mode: "auto", tools: [{ type: "function", name: "get_weather" }] },
    },
    dropped: { service_tier: "priority" },
    sent: (body) => ({ ...body, store: false }),
  },
  {
    dialect: "anthropic-messages",
    path: "/messages?beta=true",
    modelOf: () => hub.translatedModel("text"),
    truth: () => hub.anthropicTruth,
    headers: { "anthropic-version": "2023-06-01", "anthropic-beta": "context-1m-2025-08-07,files-api-2025-04-14" },
    body: {
      max_tokens: 4_000,
      system: [{ type: "text", text: "be kind", cache_control: { type: "ephemeral", ttl: "1h" } }],
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "hi", citations: [] },
            { type: "image", source: { type: "base64", media_type: "image/png", data: DATA_URL.slice(22) } },
          ],
        },
        {
          role: "assistant",
          content: [
            { type: "thinking", thinking: "hm", signature: "c2ln" },
            { type: "tool_use", id: "toolu_1", name: "get_weather", input: { a: "b" } },
          ],
        },
        { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_1", content: "sunny", is_error: false }] },
      ],
      ...{ temperature: 1, top_p: 0.95, top_k: 5, stop_sequences: ["never"], metadata: { user_id: "ann" } },
      ...{ thinking: { type: "enabled", budget_tokens: 1_024 }, output_config: { effort: "low" } },
      context_management: { edits: [{ type: "clear_tool_uses_20250919" }] },
      tools: [
        { name: "get_weather", description: "d", input_schema: SCHEMA, cache_control: { type: "ephemeral" } },
        { type: "bash_20250124", name: "bash" },
      ],
      tool_choice: { type: "auto", disable_parallel_tool_use: true },
    },
    dropped: { service_tier: "priority_only", inference_geo: "us" },
    sent: (body) => body,
  },
];

describe.each(DOORS)("%s door", (door) => {
  describe.each(COLUMNS)("$dialect", ({ path, modelOf, truth, headers = {}, body, dropped, sent }) => {
    test.each([false, true])("what is not the hub's to change passes both ways, stream: %s", async (stream) => {
      const model = await modelOf();
      const asked = { ...body, ...UNKNOWN, stream };
      const response = await hub.send(door, path, {
        method: "POST",
        headers: { authorization: `Bearer ${tenant.key}`, "content-type": "application/json", ...headers },
        body: JSON.stringify({ model, ...dropped, ...asked }),
      });
      const received = await response.text();
      expect([response.status, received.slice(0, 300)]).toEqual([200, expect.any(String)]);
      const record = truth().last;
      if (!record) throw new Error("nothing reached the upstream");
      expect(record.body).toEqual({ model: "text", ...sent(asked, stream) });
      expect(record.headers).toMatchObject(headers);
      for (const name of Object.keys(dropped)) expect(record.bodyText).not.toContain(`"${name}"`);
      expect(await hub.settled(response.headers.get("x-request-id"))).toMatchObject({ route: "relay", outcome: "ok" });
      const answer = truth().sent(record).toString("utf8");
      const split = (text: string) => (stream ? text.split(/(?<=\n\n)/).filter((frame) => frame !== "") : [text]);
      const frames = split(received).filter((frame) => !frame.startsWith(": ping"));
      const isUnasked = (frame: string) => path === "/chat/completions" && frame.includes('"choices":[]');
      expect(frames.map(withoutCost)).toEqual(
        split(answer)
          .filter((frame) => !isUnasked(frame))
          .map(withoutCost),
      );
    });
  });
});

/** The bytes themselves; an event or answer with usage as what it says in the order it says it, but for the price. */
function withoutCost(frame: string): string {
  if (!frame.includes('"usage"')) return frame;
  const json = frame.slice(frame.indexOf("{"));
  return JSON.stringify(JSON.parse(json), (key, value) => (key === "cost" ? undefined : value));
}
