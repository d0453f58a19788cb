import "@/e2e/support/property";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { makeChat } from "@/e2e/support/gateway-values";
import { publicUsage, relayBody, replaceUsage } from "@/lib/gateway/dialects/openai-chat/relay";
import type { JsonObject } from "@/lib/gateway/json-body";
import type { ProviderDefinition } from "@/lib/gateway/providers/define";
import { openai } from "@/lib/gateway/providers/openai";
import { openaiCompatible } from "@/lib/gateway/providers/openai-compatible";

const relay = (
  body: JsonObject,
  provider: ProviderDefinition = openaiCompatible,
  maxOutputTokens: number | null = null,
) =>
  JSON.parse(relayBody(makeChat(body), { provider, upstreamModel: "upstream-model", maxOutputTokens })) as JsonObject;

describe("the relayed body", () => {
  test("is the client's with the upstream's model name, whatever else it holds", () => {
    const own = new Set(["model", "messages", "stream", "stream_options", "stop", "tools", "n", "__proto__"]);
    const dependent = new Set(["tool_choice", "parallel_tool_calls", "max_tokens", "max_completion_tokens"]);
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true }), (extra) => {
        for (const name of [...own, ...dependent]) delete extra[name];
        const messages = [{ role: "user", content: "hi", name: "ann", unknown: extra }];
        expect(relay({ messages, ...extra })).toEqual(
          JSON.parse(JSON.stringify({ ...extra, model: "upstream-model", messages })),
        );
      }),
    );
  });

  test("leaves out what would choose another model, tier or address", () => {
    const body = relay({
      models: ["dear/model"],
      service_tier: "priority",
      web_search_options: {},
      api_base: "http://169.254.169.254",
      provider: { order: ["x"] },
      temperature: 0.5,
    });
    expect(body).toEqual({ model: "upstream-model", messages: body.messages, temperature: 0.5 });
  });

  test("always asks for usage on streams and keeps the client's other stream options", () => {
    expect(relay({ stream: true }).stream_options).toEqual({ include_usage: true });
    expect(
      relay({ stream: true, stream_options: { include_usage: false, include_obfuscation: false } }).stream_options,
    ).toEqual({ include_usage: true, include_obfuscation: false });
    expect(relay({})).not.toHaveProperty("stream_options");
  });

  describe("token limit", () => {
    it.each<[string, JsonObject, ProviderDefinition, number | null, JsonObject]>([
      ["none", {}, openaiCompatible, null, {}],
      ["the client's name for it", { max_tokens: 5 }, openaiCompatible, 5, { max_tokens: 5 }],
      ["the newer name", { max_completion_tokens: 5 }, openaiCompatible, 5, { max_completion_tokens: 5 }],
      ["lowered to what the hold affords", { max_tokens: 500 }, openaiCompatible, 20, { max_tokens: 20 }],
      ["added where the client gave none", {}, openaiCompatible, 20, { max_tokens: 20 }],
      ["the name this upstream knows", { max_tokens: 5 }, openai, 5, { max_completion_tokens: 5 }],
      ["one of two", { max_tokens: 5, max_completion_tokens: 6 }, openai, 6, { max_completion_tokens: 6 }],
      ["0 means none", { max_tokens: 0 }, openaiCompatible, null, {}],
      ["-1 means none", { max_completion_tokens: -1 }, openai, null, {}],
    ])("%s", (_title, body, provider, limit, sent) => {
      const { max_tokens, max_completion_tokens } = relay(body, provider, limit);
      expect(JSON.parse(JSON.stringify({ max_tokens, max_completion_tokens }))).toEqual(sent);
    });
  });

  test("turns developer into system only where the provider file says so", () => {
    const messages = [
      { role: "developer", content: "d", name: "x" },
      { role: "user", content: "u" },
    ];
    expect(relay({ messages }).messages).toEqual(messages);
    expect(relay({ messages }, { ...openaiCompatible, developerAsSystem: true }).messages).toEqual([
      { role: "system", content: "d", name: "x" },
      { role: "user", content: "u" },
    ]);
  });

  test("leaves the request itself untouched, for the next candidate", () => {
    const chat = makeChat({ stream: true, max_tokens: 5, stream_options: { include_usage: false } });
    const before = structuredClone(chat.body);
    relayBody(chat, { provider: openai, upstreamModel: "x", maxOutputTokens: 3 });
    expect(chat.body).toEqual(before);
  });
});

test("the tenant sees its price and nothing of our cost", () => {
  const usage = {
    prompt_tokens: 5,
    cost: 0.1,
    cost_details: { upstream_inference_cost: 0.05 },
    is_byok: true,
    cost_in_usd_ticks: 99,
    unknown: { kept: true },
  };
  expect(publicUsage(usage, 0.002)).toEqual({ prompt_tokens: 5, unknown: { kept: true }, cost: 0.002 });
  expect(publicUsage(usage, null)).toEqual({ prompt_tokens: 5, unknown: { kept: true } });
});

describe("replaceUsage", () => {
  const usage = { prompt_tokens: 5, completion_tokens: 7 };
  const replacement = { prompt_tokens: 5, completion_tokens: 7, cost: 0.1 };
  const replace = (text: string) => replaceUsage(text, (JSON.parse(text) as JsonObject).usage, replacement);
  const put = JSON.stringify(replacement);

  it.each([
    ["plain", '{"id":"a","usage":%}'],
    ["spaces and line breaks", '{ "id" : "a",\n "usage" :\n\t% ,\n "x": 1 }'],
    [
      "unusual spellings of numbers elsewhere",
      '{"created":1.0e3,"big":12345678901234567890,"tiny":1E-9,"usage":%,"z":-0}',
    ],
    ["escapes and non-ASCII text elsewhere", '{"content":"\\u00e9\\/\\ud83d\\ude00 漢","usage":%}'],
    ["the word in a text", '{"content":"say \\"usage\\":{\\"prompt_tokens\\":5,\\"completion_tokens\\":7}","usage":%}'],
    ["the word as a value", '{"kind":"usage","usage":%}'],
    ["another usage nested before it", '{"choices":[{"usage":{"prompt_tokens":1}}],"usage":%}'],
    ["usage null nested before it", '{"choices":[{"usage":null}],"usage":%}'],
    ["braces and quotes in texts before and behind", '{"a":"}{\\"","usage":%,"b":"}\\\\"}'],
  ])("changes the one object and not a byte else: %s", (_title, template) => {
    const text = template.replace("%", '{"prompt_tokens": 5, "completion_tokens":7}');
    expect(replace(text)).toBe(template.replace("%", put));
  });

  test("reads through braces, quotes and number spellings inside the object", () => {
    const text = '{"usage":{"note":"}\\" {","n":1.0,"deep":{"a":[{}]}},"after":1}';
    expect(replace(text)).toBe(`{"usage":${put},"after":1}`);
  });

  test("does not take a nested object that looks the same for the one", () => {
    const text = '{"choices":[{"usage":{"prompt_tokens":5}}],"usage":{"prompt_tokens":5}}';
    expect(replace(text)).toBeNull();
  });

  it.each(['{"usage":null}', '{"other":1}', '{"usage":[1]}'])("finds nothing in %s", (text) => {
    expect(replaceUsage(text, usage, replacement)).toBeNull();
  });

  test("the result always parses to the original with the new usage", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.string(), (extra, content) => {
        const { usage: _usage, ...rest } = extra;
        const chunk = { ...rest, choices: [{ delta: { content } }], usage };
        const replaced = replace(JSON.stringify(chunk));
        expect(replaced).toBe(JSON.stringify({ ...chunk, usage: replacement }));
      }),
    );
  });
});
