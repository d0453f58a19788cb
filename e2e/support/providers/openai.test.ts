import OpenAI, { APIError } from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startOpenAISimulator } from "./openai.ts";
import type { Simulator } from "./server.ts";
import type { RequestRecord } from "./truth.ts";

let simulator: Simulator;
let client: OpenAI;

beforeAll(async () => {
  simulator = await startOpenAISimulator();
  client = new OpenAI({ apiKey: "sk-sim", baseURL: simulator.baseUrl, maxRetries: 0 });
});
beforeEach(() => simulator.truth.clear());
afterAll(() => simulator.stop());

const messages = [{ role: "user" as const, content: "say some words" }];
const create = (model: string) => client.chat.completions.create({ model, messages });
const stream = (model: string, usage = true) =>
  client.chat.completions.create({ model, messages, stream: true, stream_options: { include_usage: usage } });
const last = () => simulator.truth.last as RequestRecord;
const settled = () => expect.poll(() => last().outcome).not.toBe("open");

async function collect(model: string) {
  let text = "";
  let finish: string | null = null;
  let usage: OpenAI.CompletionUsage | null | undefined;
  for await (const chunk of await stream(model)) {
    text += chunk.choices[0]?.delta.content ?? "";
    finish = chunk.choices[0]?.finish_reason ?? finish;
    usage = chunk.usage ?? usage;
  }
  return { text, finish, usage };
}

describe("answers", () => {
  test("a plain answer reports what the record says", async () => {
    const completion = await create("text:tokens=40");
    expect(completion.choices[0]?.message.content?.split(" ")).toHaveLength(40);
    expect(completion.usage).toMatchObject({ prompt_tokens: 9, completion_tokens: 40 });
    expect(last().usage).toMatchObject({ input: 9, output: 40 });
    expect(last().id).toBe(completion.id);
  });

  test("a stream carries usage only when asked", async () => {
    const { text, finish, usage } = await collect("text:tokens=40");
    expect(text.split(" ")).toHaveLength(40);
    expect(finish).toBe("stop");
    expect(usage?.completion_tokens).toBe(40);
    expect(last()).toMatchObject({ tokens: 40, usageReported: true });
    for await (const chunk of await stream("text", false)) expect(chunk.usage ?? null).toBeNull();
    expect(last().usageReported).toBe(false);
  });

  test("the strict helper accepts text, tools and reasoning", async () => {
    const helper = (model: string) => client.chat.completions.stream({ model, messages }).finalChatCompletion();
    expect((await helper("text")).choices[0]?.finish_reason).toBe("stop");
    const calls = (await helper("tools-parallel")).choices[0]?.message.tool_calls;
    expect(calls?.map((call) => call.type === "function" && call.function.arguments)).toEqual([
      '{"city":"Paris"}',
      '{"city":"Tokyo"}',
    ]);
    const none = (await helper("tool-no-args")).choices[0]?.message.tool_calls?.[0];
    expect(none?.type === "function" && none.function.arguments).toBe("{}");
    expect((await helper("reasoning")).choices[0]?.message).toMatchObject({ role: "assistant" });
    expect(last().usage).toMatchObject({ reasoning: 8, output: 12 });
  });

  test.each([
    ["split-bytes", "世界 日本 中国 это"],
    ["crlf", "amber anchor"],
    ["merged", "amber anchor"],
    ["comments", "amber anchor"],
  ])("framing %s reads the same", async (model, opening) => {
    const { text, finish } = await collect(model);
    expect(text.startsWith(opening)).toBe(true);
    expect(finish).toBe("stop");
    expect(last().tokens).toBe(12);
  });

  test.each([
    ["empty", "", "stop", 0],
    ["length", undefined, "length", 16],
    ["refusal", "", "stop", 12],
  ])("%s", async (model, text, finish, tokens) => {
    const answer = await collect(model);
    if (text !== undefined) expect(answer.text).toBe(text);
    expect(answer.finish).toBe(finish);
    expect(last().tokens).toBe(tokens);
  });

  test("the request's token limit is enforced", async () => {
    const completion = await client.chat.completions.create({
      model: "text:tokens=40",
      messages,
      max_completion_tokens: 5,
    });
    expect(completion.choices[0]?.finish_reason).toBe("length");
    expect(completion.usage?.completion_tokens).toBe(5);
  });

  test("usage modes", async () => {
    expect((await collect("usage-missing")).usage).toBeUndefined();
    expect((await collect("usage-zero")).usage?.total_tokens).toBe(0);
    expect((await collect("usage-every-chunk")).usage?.completion_tokens).toBe(12);
    expect((await collect("usage-on-finish")).usage?.completion_tokens).toBe(12);
    const cached = (await create("usage-cached:read=100")).usage;
    expect(cached).toMatchObject({ prompt_tokens: 109, prompt_tokens_details: { cached_tokens: 100 } });
    expect(last().usage).toMatchObject({ input: 9, cacheRead: 100 });
  });

  test("models", async () => {
    expect((await client.models.list()).data.length).toBeGreaterThan(10);
    expect((await client.models.retrieve("text:tokens=40")).id).toBe("text:tokens=40");
  });
});

describe("failures", () => {
  test.each([
    ["error:401", 401, "invalid_api_key"],
    ["error:403", 403, "unsupported_country_region_territory"],
    ["error:404", 404, "model_not_found"],
    ["error:429", 429, "rate_limit_exceeded"],
    ["error:500", 500, null],
    ["error:503", 503, null],
    ["context-length", 400, "context_length_exceeded"],
    ["no-such-scenario", 404, "model_not_found"],
  ])("%s is %i %s", async (model, status, code) => {
    await expect(create(model)).rejects.toMatchObject({ status, code });
  });

  test("retry-after, HTML and broken JSON", async () => {
    const limited = await create("error-429-retry-after=2").catch((error: APIError) => error);
    expect(limited).toBeInstanceOf(APIError);
    expect((limited as APIError).headers?.get("retry-after")).toBe("2");
    await expect(create("html-502")).rejects.toMatchObject({ status: 502 });
    await expect(create("invalid-json")).rejects.toThrow(SyntaxError);
  });

  test.each([
    ["cut:after=7", 7, "cut"],
    ["drop:after=5", 5, "cut"],
    ["reset:after=3", 3, "cut"],
    ["error-midstream:after=3", 3, "error"],
  ])("%s delivers exactly %i tokens", async (model, tokens, outcome) => {
    let text = "";
    let finish: string | null = null;
    const read = async () => {
      for await (const chunk of await stream(model)) {
        text += chunk.choices[0]?.delta.content ?? "";
        finish = chunk.choices[0]?.finish_reason ?? finish;
      }
    };
    await read().catch(() => {});
    expect(text.split(" ")).toHaveLength(tokens);
    expect(finish).toBeNull();
    await settled();
    expect(last()).toMatchObject({ tokens, outcome });
  });

  test("flaky fails as often as told, then answers", async () => {
    await expect(create("flaky:times=1,status=503")).rejects.toMatchObject({ status: 503 });
    await expect(create("flaky:times=1,status=503")).resolves.toMatchObject({ object: "chat.completion" });
  });

  test("a client that leaves is seen, and the token count stops", async () => {
    const events = await stream("endless:interval=2");
    let seen = 0;
    for await (const _ of events) if (++seen === 5) break;
    await settled();
    expect(last().outcome).toBe("client-gone");
    expect(simulator.truth.active).toBe(0);
    expect(last().tokens).toBeLessThan(100);
  });

  test("a wrong key is refused like the provider refuses it", async () => {
    const wrong = new OpenAI({ apiKey: "sk-bad", baseURL: simulator.baseUrl, maxRetries: 0 });
    await expect(wrong.models.list()).rejects.toMatchObject({ status: 401, code: "invalid_api_key" });
  });
});

test("the truth can be read and cleared over HTTP", async () => {
  await client.chat.completions.create({ model: "text", messages, user: "mark-1" });
  const truth = (await (await fetch(`${simulator.url}/__truth`)).json()) as {
    total: number;
    requests: RequestRecord[];
  };
  expect(truth.total).toBe(1);
  expect(truth.requests[0]).toMatchObject({ tag: "mark-1", model: "text", tokens: 12, outcome: "complete" });
  const sent = await (await fetch(`${simulator.url}/__truth?sent=${truth.requests[0]?.id}`)).text();
  expect(JSON.parse(sent).id).toBe(truth.requests[0]?.id);
  await fetch(`${simulator.url}/__truth`, { method: "DELETE" });
  expect(simulator.truth.requests).toHaveLength(0);
});
