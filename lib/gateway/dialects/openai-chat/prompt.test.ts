import { describe, expect, it, test } from "vitest";
import { makeChat } from "@/e2e/support/gateway-values";
import { AppError } from "@/lib/errors";
import { toCallOptions } from "@/lib/gateway/dialects/openai-chat/prompt";
import type { JsonObject } from "@/lib/gateway/json-body";

const translate = (body: JsonObject, limit: number | null = null) =>
  toCallOptions(makeChat(body), { maxOutputTokens: limit });
const promptOf = (...messages: JsonObject[]) => translate({ messages }).options.prompt;
const text = (value: string) => ({ type: "text", text: value });
const call = (id: string, name: string, input: unknown = "{}") => ({
  id,
  type: "function",
  function: { name, arguments: input },
});

function refusal(body: JsonObject): AppError {
  try {
    translate(body);
  } catch (error) {
    if (error instanceof AppError) return error;
  }
  throw new Error("was not refused");
}

describe("roles", () => {
  it.each(["system", "developer"])("%s becomes system, from text or parts", (role) => {
    expect(promptOf({ role, content: "be kind" })).toEqual([{ role: "system", content: "be kind" }]);
    expect(promptOf({ role, content: [text("be "), text("kind")] })).toEqual([{ role: "system", content: "be kind" }]);
  });

  test("user and assistant", () => {
    expect(promptOf({ role: "user", content: "hi" }, { role: "assistant", content: "ho" })).toEqual([
      { role: "user", content: [text("hi")] },
      { role: "assistant", content: [text("ho")] },
    ]);
  });

  test("an unknown role is refused by name", () => {
    const messages = [{ role: "user", content: "hi" }, { role: "narrator" }];
    expect(refusal({ messages })).toMatchObject({ code: "unsupported_value", details: { param: "messages[1].role" } });
  });
});

describe("parts of a user message", () => {
  const image = { type: "file", mediaType: "image/png", data: { type: "data", data: "AAAA" } };
  it.each<[string, JsonObject, unknown]>([
    ["text", text("hi"), text("hi")],
    ["an image by data URL", { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } }, image],
    ["the URL as a bare string", { type: "image_url", image_url: "data:image/png;base64,AAAA" }, image],
    ["an upper-case scheme", { type: "image_url", image_url: { url: "DATA:IMAGE/PNG;base64,AAAA" } }, image],
    [
      "an image by URL",
      { type: "image_url", image_url: { url: "https://example.com/a.png", detail: "low" } },
      { type: "file", mediaType: "image/*", data: { type: "url", url: new URL("https://example.com/a.png") } },
    ],
    [
      "a file",
      { type: "file", file: { file_data: "data:application/pdf;base64,AAAA", filename: "a.pdf" } },
      { type: "file", mediaType: "application/pdf", data: { type: "data", data: "AAAA" }, filename: "a.pdf" },
    ],
    [
      "audio",
      { type: "input_audio", input_audio: { data: "AAAA", format: "mp3" } },
      { type: "file", mediaType: "audio/mpeg", data: { type: "data", data: "AAAA" } },
    ],
  ])("%s", (_title, part, translated) => {
    expect(promptOf({ role: "user", content: [part] })).toEqual([{ role: "user", content: [translated] }]);
  });

  it.each([
    [{ type: "video_url" }, "unsupported_value", "messages[0].content[0]"],
    [{ type: "image_url", image_url: {} }, "invalid_request", "image_url"],
    [{ type: "image_url", image_url: "not a url" }, "invalid_request", "image_url"],
    [{ type: "file", file: { file_id: "file-1" } }, "invalid_request", "file"],
  ])("%j is refused by name", (part, code, param) => {
    expect(refusal({ messages: [{ role: "user", content: [part] }] })).toMatchObject({ code, details: { param } });
  });
});

describe("tool calls and their results", () => {
  const asked = { role: "user", content: "weather?" };

  test("a call beside null, empty or absent content has no empty text block", () => {
    for (const content of [null, "", undefined, []]) {
      expect(promptOf(asked, { role: "assistant", content, tool_calls: [call("c1", "f", '{"a":1}')] })[1]).toEqual({
        role: "assistant",
        content: [{ type: "tool-call", toolCallId: "c1", toolName: "f", input: { a: 1 } }],
      });
    }
  });

  test("results of parallel calls become one message, named after their calls", () => {
    const prompt = promptOf(
      asked,
      { role: "assistant", content: "let me see", tool_calls: [call("c1", "sun"), call("c2", "rain")] },
      { role: "tool", tool_call_id: "c2", content: "wet" },
      { role: "tool", tool_call_id: "c1", content: [text("dr"), text("y")] },
      { role: "user", content: "thanks" },
    );
    const result = (toolCallId: string, toolName: string, value: string) => ({
      type: "tool-result",
      toolCallId,
      toolName,
      output: { type: "text", value },
    });
    expect(prompt.map(({ role }) => role)).toEqual(["user", "assistant", "tool", "user"]);
    expect(prompt[2]?.content).toEqual([result("c2", "rain", "wet"), result("c1", "sun", "dry")]);
  });

  test("a result that answers no call is refused", () => {
    expect(refusal({ messages: [asked, { role: "tool", tool_call_id: "c9", content: "" }] })).toMatchObject({
      code: "invalid_request",
      details: { param: "messages" },
    });
  });

  it.each([
    ['{"a":1}', { a: 1 }],
    ["", {}],
    [" ", {}],
    [undefined, {}],
    [null, {}],
    ['{"a":', { text: '{"a":' }],
    ["sunny", { text: "sunny" }],
    ["[1]", { text: "[1]" }],
    [{ a: 1 }, { a: 1 }],
  ])("historical arguments %j are kept, never thrown", (given, input) => {
    const [, assistant] = promptOf(asked, { role: "assistant", tool_calls: [call("c1", "f", given)] });
    expect(assistant?.content).toMatchObject([{ input }]);
  });

  test("nor do a million brackets hold the parser up", () => {
    const brackets = "[".repeat(1_000_000) + "]".repeat(1_000_000);
    const [, assistant] = promptOf(asked, { role: "assistant", tool_calls: [call("c1", "f", brackets)] });
    expect(assistant?.content).toMatchObject([{ input: { text: brackets } }]);
  });
});

describe("options", () => {
  test("every tuning parameter that both sides know", () => {
    const { options } = translate(
      {
        temperature: 0,
        top_p: 0.5,
        top_k: 4,
        frequency_penalty: 0.1,
        presence_penalty: 0.2,
        seed: 7,
        reasoning_effort: "low",
        stop: "END",
      },
      50,
    );
    expect(options).toMatchObject({
      temperature: 0,
      topP: 0.5,
      topK: 4,
      frequencyPenalty: 0.1,
      presencePenalty: 0.2,
      seed: 7,
      reasoning: "low",
      stopSequences: ["END"],
      maxOutputTokens: 50,
    });
    expect(Object.keys(translate({ temperature: null, seed: null, reasoning_effort: "weird" }).options)).toEqual([
      "prompt",
    ]);
  });

  test("tools, with missing or foreign schemas made valid", () => {
    const fn = (more: JsonObject) => ({ type: "function", function: { name: "f", ...more } });
    const empty = { type: "object", properties: {} };
    const { options } = translate({
      tools: [
        fn({ description: "d", strict: true, parameters: { $schema: "x", type: "object", properties: { a: {} } } }),
        fn({}),
        fn({ parameters: {} }),
      ],
      tool_choice: { type: "function", function: { name: "f" } },
    });
    expect(options.tools).toEqual([
      {
        type: "function",
        name: "f",
        description: "d",
        strict: true,
        inputSchema: { type: "object", properties: { a: {} } },
      },
      { type: "function", name: "f", inputSchema: empty },
      { type: "function", name: "f", inputSchema: empty },
    ]);
    expect(options.toolChoice).toEqual({ type: "tool", toolName: "f" });
    for (const choice of ["auto", "none", "required"])
      expect(translate({ tools: [fn({})], tool_choice: choice }).options.toolChoice).toEqual({ type: choice });
  });

  test("response formats", () => {
    const format = (response_format: unknown) => translate({ response_format }).options.responseFormat;
    expect(format({ type: "text" })).toBeUndefined();
    expect(format({ type: "json_object" })).toEqual({ type: "json" });
    expect(format({ type: "json_schema", json_schema: { name: "n", schema: { type: "object" } } })).toEqual({
      type: "json",
      name: "n",
      schema: { type: "object" },
    });
  });
});

describe("what changes the answer's shape is refused by name, what only tunes is named in a warning", () => {
  it.each<[string, JsonObject]>([
    ["n", { n: 2 }],
    ["logprobs", { logprobs: true }],
    ["audio", { audio: { voice: "x" } }],
    ["modalities", { modalities: ["text", "audio"] }],
  ])("%s", (param, body) => {
    expect(refusal(body)).toMatchObject({ code: "unsupported_parameter", status: 400, details: { param } });
  });

  test("a tool that is no function", () => {
    expect(refusal({ tools: [{ type: "custom" }] }).details.param).toBe("tools[0].type");
  });

  test("neutral values pass", () => {
    const neutral = { n: 1, logprobs: false, modalities: ["text"], audio: null, logit_bias: null };
    expect(translate(neutral).warnings).toEqual([]);
  });

  test("logit_bias", () => {
    expect(translate({ logit_bias: { 1: 5 } }).warnings).toEqual(["logit_bias"]);
  });
});
