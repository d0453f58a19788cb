import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import type { JsonObject } from "@/lib/gateway/json-body";
import { publicUsage, replaceUsage } from "@/lib/gateway/relayed-usage";

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
