import { describe, expect, it, test } from "vitest";
import { makeChat } from "@/e2e/support/gateway-values";
import { AppError } from "@/lib/errors";
import { toCallOptions, untranslatable } from "@/lib/gateway/dialects/openai-chat/prompt";
import { packState } from "@/lib/gateway/dialects/provider-state";
import { withState } from "@/lib/gateway/dialects/tool-call-id";
import type { JsonObject } from "@/lib/gateway/json-body";

const translate = (body: JsonObject, limit: number | null = null) =>
  toCallOptions(makeChat(body), { maxOutputTokens: limit, provider: { id: "anthropic" } });
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
    const asked = { role: "user", content: "hi" };
    expect(promptOf({ role, content: "be kind" }, asked)[0]).toEqual({ role: "system", content: "be kind" });
    expect(promptOf({ role, content: [text("be "), text("kind")] }, asked)[0]).toEqual({
      role: "system",
      content: "be kind",
    });
  });

  test("user and assistant", () => {
    const picture = { type: "image_url", image_url: { url: "https://example.com/a.png" } };
    const painted = promptOf({ role: "user", content: "hi" }, { role: "assistant", content: "ho", images: [picture] });
    expect(painted[1]).toMatchObject({ role: "assistant", content: [text("ho"), { type: "file" }] });
    const refused = [
      { role: "assistant", content: null, refusal: "ho" },
      { role: "assistant", content: [{ type: "refusal", refusal: "ho" }] },
    ];
    for (const turn of refused)
      expect(promptOf({ role: "user", content: "hi" }, turn)[1]).toEqual({ role: "assistant", content: [text("ho")] });
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
    [{ type: "hologram" }, "unsupported_value", "messages[0].content[0]"],
    [{ type: "video_url" }, "invalid_request", "video_url"],
    [{ type: "image_url", image_url: {} }, "invalid_request", "image_url"],
    [{ type: "image_url", image_url: "not a url" }, "invalid_request", "image_url"],
  ])("%j is refused by name", (part, code, param) => {
    expect(refusal({ messages: [{ role: "user", content: [part] }] })).toMatchObject({ code, details: { param } });
  });
});

describe("tool calls and their results", () => {
  const asked = { role: "user", content: "weather?" };
  const done = (id: string, content = "done") => ({ role: "tool", tool_call_id: id, content });

  test("a call beside null, empty or absent content has no empty text block", () => {
    for (const content of [null, "", undefined, []]) {
      expect(
        promptOf(asked, { role: "assistant", content, tool_calls: [call("c1", "f", '{"a":1}')] }, done("c1"))[1],
      ).toEqual({
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
    expect(prompt[2]?.content).toEqual([result("c1", "sun", "dry"), result("c2", "rain", "wet")]);
  });

  const results = (prompt: ReturnType<typeof promptOf>) =>
    prompt.flatMap((message) => (message.role === "tool" ? message.content : [])) as {
      toolCallId: string;
      toolName: string;
      output: unknown;
    }[];
  const callsIn = (prompt: ReturnType<typeof promptOf>) =>
    prompt.flatMap((message) =>
      message.role === "assistant" ? message.content.flatMap((part) => (part.type === "tool-call" ? [part] : [])) : [],
    );

  test("results stand right behind their calls, whatever came between", () => {
    const prompt = promptOf(
      asked,
      { role: "assistant", tool_calls: [call("c1", "sun")] },
      { role: "user", content: "hurry" },
      done("c1", "dry"),
    );
    expect(prompt.map(({ role }) => role)).toEqual(["user", "assistant", "tool", "user"]);
  });

  test.each([
    ["duplicate", ["x", "x"], ["x", "x"]],
    ["blank", ["", ""], ["", ""]],
    ["illegal", ["functions.f:0", "functions.f:1"], ["functions.f:0", "functions.f:1"]],
    ["too long", ["y".repeat(80), `${"y".repeat(79)}z`], ["y".repeat(80), `${"y".repeat(79)}z`]],
  ])("%s ids are rewritten, of call and result alike", (_title, [first = "", second = ""], given) => {
    const prompt = promptOf(
      asked,
      { role: "assistant", tool_calls: [call(first, "sun"), call(second, "rain")] },
      done(given[0] ?? "", "dry"),
      done(given[1] ?? "", "wet"),
    );
    const ids = callsIn(prompt).map(({ toolCallId }) => toolCallId);
    expect(new Set(ids).size).toBe(2);
    for (const id of ids) expect(id).toMatch(/^[a-zA-Z0-9_-]{1,64}$/);
    expect(results(prompt).map(({ toolCallId, toolName, output }) => [toolCallId, toolName, output])).toEqual([
      [ids[0], "sun", { type: "text", value: "dry" }],
      [ids[1], "rain", { type: "text", value: "wet" }],
    ]);
  });

  test("an id used again in a later turn stays apart", () => {
    const turn = (value: string) => [{ role: "assistant", tool_calls: [call("x", "f")] }, done("x", value)];
    const prompt = promptOf(asked, ...turn("one"), ...turn("two"));
    expect(results(prompt).map(({ toolCallId }) => toolCallId)).toEqual(["x", "x_2"]);
  });

  test("a call without its result is refused", () => {
    const turn = { role: "assistant", tool_calls: [call("c1", "sun"), call("c2", "rain")] };
    expect(refusal({ messages: [asked, turn, done("c1"), asked] })).toMatchObject({
      code: "invalid_request",
      details: { param: "messages" },
      message: expect.stringContaining('"rain"'),
    });
  });

  test("functions of older clients become tools", () => {
    const { options } = translate({
      messages: [
        asked,
        { role: "assistant", content: null, function_call: { name: "sun", arguments: '{"a":1}' } },
        { role: "function", name: "sun", content: "dry" },
      ],
      functions: [{ name: "sun", parameters: { type: "object", properties: { a: {} } } }],
      function_call: { name: "sun" },
    });
    expect(callsIn(options.prompt)).toMatchObject([{ toolName: "sun", input: { a: 1 } }]);
    expect(results(options.prompt)).toMatchObject([{ toolName: "sun", output: { value: "dry" } }]);
    expect(options.tools).toMatchObject([{ type: "function", name: "sun" }]);
    expect(options.toolChoice).toEqual({ type: "tool", toolName: "sun" });
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
    const [, assistant] = promptOf(asked, { role: "assistant", tool_calls: [call("c1", "f", given)] }, done("c1"));
    expect(assistant?.content).toMatchObject([{ input }]);
  });

  test("nor do a million brackets hold the parser up", () => {
    const brackets = "[".repeat(1_000_000) + "]".repeat(1_000_000);
    const [, assistant] = promptOf(asked, { role: "assistant", tool_calls: [call("c1", "f", brackets)] }, done("c1"));
    expect(assistant?.content).toMatchObject([{ input: { text: brackets } }]);
  });
});

describe("what some providers refuse", () => {
  test("a later system message becomes words of the user", () => {
    const prompt = promptOf(
      { role: "system", content: "be kind" },
      { role: "user", content: "hi" },
      { role: "developer", content: "be brief" },
    );
    expect(prompt.map(({ role }) => role)).toEqual(["system", "user", "user"]);
    expect(prompt[2]?.content).toEqual([text("be brief")]);
  });

  test("instructions alone are taken for the question", () => {
    expect(promptOf({ role: "system", content: "say hi" })).toEqual([{ role: "user", content: [text("say hi")] }]);
  });

  test("empty texts are left out, and messages that hold nothing else", () => {
    const prompt = promptOf(
      { role: "user", content: "" },
      { role: "assistant", content: " " },
      { role: "user", content: [text(""), text("hi"), text("\n")] },
    );
    expect(prompt).toEqual([{ role: "user", content: [text("hi")] }]);
    expect(refusal({ messages: [{ role: "user", content: "" }] }).details.param).toBe("messages");
  });

  test.each([
    ["image/png", "image/jpeg", "/9j/4AAQSkZJRg=="],
    ["image/jpeg", "image/png", "iVBORw0KGgoAAAA="],
    ["application/octet-stream", "image/webp", "UklGRiQAAABXRUJQVlA4"],
    ["text/plain", "application/pdf", "JVBERi0xLjcK"],
    ["image/heic", "image/heic", "AAAAGGZ0eXBoZWlj"],
  ])("a type that the bytes contradict: %s is %s", (given, actual, data) => {
    const image = { type: "image_url", image_url: { url: `data:${given};base64,${data}` } };
    expect(promptOf({ role: "user", content: [image] })[0]?.content).toMatchObject([{ mediaType: actual }]);
  });
});

describe("cache hints", () => {
  const hint = { cache_control: { type: "ephemeral" } };
  const options = {
    anthropic: { cacheControl: { type: "ephemeral" } },
    bedrock: { cachePoint: { type: "default" } },
  };

  test("stay with their part; a system message is split behind each", () => {
    const prompt = promptOf(
      { role: "system", content: [text("a"), { ...text("b"), ...hint }, text("c")] },
      { role: "user", content: [{ ...text("hi"), ...hint }, text("ho")] },
    );
    expect(prompt).toEqual([
      { role: "system", content: "ab", providerOptions: options },
      { role: "system", content: "c" },
      { role: "user", content: [{ ...text("hi"), providerOptions: options }, text("ho")] },
    ]);
  });

  test("of a message count for its last part, and an hour is kept", () => {
    const [message] = promptOf({ role: "user", content: "hi", cache_control: { type: "ephemeral", ttl: "1h" } });
    expect(message?.content).toEqual([
      {
        ...text("hi"),
        providerOptions: {
          anthropic: { cacheControl: { type: "ephemeral", ttl: "1h" } },
          bedrock: { cachePoint: { type: "default", ttl: "1h" } },
        },
      },
    ]);
  });
});

describe("reasoning of earlier turns", () => {
  const metadata = { anthropic: { signature: "sig" } };
  const assistant = (provider: string) => ({
    role: "assistant",
    content: "ho",
    reasoning_content: "hm",
    reasoning_details: [{ index: 0, type: "reasoning.text", text: "hm", signature: packState(provider, metadata) }],
  });
  const content = (message: JsonObject) =>
    promptOf({ role: "user", content: "hi" }, message, { role: "user", content: "?" })[1]?.content;

  test("goes back to the provider that signed it, and to no other", () => {
    expect(content(assistant("anthropic"))).toEqual([
      { type: "reasoning", text: "hm", providerOptions: metadata },
      text("ho"),
    ]);
    expect(content(assistant("google"))).toEqual([text("ho")]);
    expect(content({ role: "assistant", content: "ho", reasoning_content: "" })).toEqual([text("ho")]);
  });

  test("a signature in a tool call's id is taken out of it", () => {
    const signed = { anthropic: { thoughtSignature: "sig" } };
    const id = withState("c1", "anthropic", signed);
    const [, assistantMessage, tool] = promptOf(
      { role: "user", content: "hi" },
      { role: "assistant", tool_calls: [call(id, "f")] },
      { role: "tool", tool_call_id: id, content: "x" },
    );
    expect(assistantMessage?.content).toMatchObject([{ toolCallId: "c1", providerOptions: signed }]);
    expect(tool?.content).toMatchObject([{ toolCallId: "c1" }]);
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

  test("allowed tools: the others are left out", () => {
    const fn = (name: string) => ({ type: "function", function: { name } });
    const { options } = translate({
      tools: [fn("a"), fn("b"), fn("c")],
      tool_choice: { type: "allowed_tools", allowed_tools: { mode: "required", tools: [fn("a"), fn("c")] } },
    });
    expect(options.tools?.map(({ name }) => name)).toEqual(["a", "c"]);
    expect(options.toolChoice).toEqual({ type: "required" });
  });

  test.each<[JsonObject, unknown]>([
    [{ reasoning_effort: "high", reasoning: { effort: "low" } }, "high"],
    [{ reasoning: { effort: "low" } }, "low"],
    [{ reasoning: { max_tokens: 1_000 } }, "low"],
    [{ reasoning: { enabled: false } }, "none"],
    [{ thinking: { type: "enabled", budget_tokens: 8_000 } }, "medium"],
    [{ thinking: { type: "disabled" } }, "none"],
    [{ enable_thinking: true }, "medium"],
    [{ reasoning: {} }, undefined],
    [{ reasoning: null, thinking: null }, undefined],
  ])("how much to think: %j is %s", (body, effort) => {
    expect(translate(body).options.reasoning).toBe(effort);
  });

  test("what only Anthropic has words for", () => {
    expect(
      translate({ tools: [{ type: "function", function: { name: "f" } }], parallel_tool_calls: false, user: "u1" })
        .options.providerOptions,
    ).toEqual({
      anthropic: { disableParallelToolUse: true, metadata: { userId: "u1" } },
    });
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

describe("what changes the answer's shape cannot be translated, what only tunes is named in a warning", () => {
  const refused = (body: JsonObject, answersWithImages = false) =>
    untranslatable(makeChat(body), { answersWithImages });

  it.each<[string, JsonObject]>([
    ["n", { n: 2 }],
    ["logprobs", { logprobs: true }],
    ["top_logprobs", { top_logprobs: 3 }],
    ["audio", { audio: { voice: "x" } }],
    ["modalities", { modalities: ["text", "audio"] }],
    ["tools[1].type", { tools: [{ type: "function", function: { name: "f" } }, { type: "custom" }] }],
  ])("%s", (param, body) => {
    expect(refused(body)).toBe(param);
  });

  test("images in the answer, but by a provider whose models make them", () => {
    const body = { modalities: ["text", "image"] };
    expect([refused(body), refused(body, true)]).toEqual(["modalities", null]);
    const options = toCallOptions(makeChat(body), { maxOutputTokens: null, provider: { id: "google" } }).options;
    expect(options.providerOptions).toEqual({ google: { responseModalities: ["TEXT", "IMAGE"] } });
  });

  test("neutral values pass", () => {
    const neutral = { n: 1, logprobs: false, top_logprobs: 0, modalities: ["text"], audio: null, logit_bias: null };
    expect(refused(neutral)).toBeNull();
    expect(translate(neutral).warnings).toEqual([]);
  });

  test("logit_bias", () => {
    expect(translate({ logit_bias: { 1: 5 } }).warnings).toEqual(["logit_bias"]);
  });
});
