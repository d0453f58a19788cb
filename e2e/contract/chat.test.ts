import type OpenAI from "openai";
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

const messages = [{ role: "user" as const, content: "say some words" }];

describe.each(DOORS)("%s door", (door) => {
  const client = () => hub.openai(door, tenant.key);

  test("a plain answer is the upstream's, priced", async () => {
    const model = await hub.relayModel("text:tokens=40");
    const { data, response } = await client().chat.completions.create({ model, messages }).withResponse();
    const truth = hub.openaiTruth.byId(data.id);
    expect(data.choices[0]?.message.content?.split(" ")).toHaveLength(40);
    expect(data.choices[0]).toMatchObject({
      finish_reason: "stop",
      logprobs: null,
      message: { role: "assistant", refusal: null },
    });
    expect(data.usage).toMatchObject({ prompt_tokens: 9, completion_tokens: 40, total_tokens: 49 });
    expect(truth?.usage).toMatchObject({ input: 9, output: 40 });

    const event = await hub.settled(response.headers.get("x-request-id"));
    expect(event).toMatchObject({
      outcome: "ok",
      usageSource: "reported",
      route: "relay",
      stream: false,
      inputTokens: 9,
      outputTokens: 40,
    });
    expect(event.priceNano).toBe(hub.priceOf(truth));
    expect(event.costNano).toBe(hub.costOf(truth));
    expect((data.usage as { cost?: number }).cost).toBe(toUsdNumber(event.priceNano));
    expect(event.upstreamId).toBe(data.id);
  });

  test("what the upstream receives: its own model name, our credential, the client's unknown fields", async () => {
    const model = await hub.relayModel("text");
    const body = { model, messages, temperature: 0.5, seed: 7, vendor_extra: { deep: [1, 2] }, user: "user-7" };
    await client().chat.completions.create(body as OpenAI.ChatCompletionCreateParamsNonStreaming);
    const seen = hub.openaiTruth.last;
    expect(seen?.body).toMatchObject({
      model: "text",
      messages,
      temperature: 0.5,
      seed: 7,
      vendor_extra: { deep: [1, 2] },
      user: "user-7",
    });
    expect(seen?.headers.authorization).toBe("Bearer sk-simulated");
    expect(JSON.stringify(seen?.headers)).not.toContain(tenant.key);
    expect(seen?.headers.cookie).toBeUndefined();
  });

  test("n choices come through and are all paid", async () => {
    const model = await hub.relayModel("text:tokens=10");
    const { data, response } = await client().chat.completions.create({ model, messages, n: 2 }).withResponse();
    expect(data.choices.map(({ index }) => index)).toEqual([0, 1]);
    const event = await hub.settled(response.headers.get("x-request-id"));
    expect(event).toMatchObject({ outputTokens: 20 });
  });

  test.each([true, false])("a stream with include_usage: %s", async (asked) => {
    const model = await hub.relayModel("text:tokens=40");
    const { data: stream, response } = await client()
      .chat.completions.create({
        model,
        messages,
        stream: true,
        ...(asked && { stream_options: { include_usage: true } }),
      })
      .withResponse();
    let text = "";
    let id = "";
    const usages: OpenAI.CompletionUsage[] = [];
    for await (const chunk of stream) {
      id = chunk.id;
      text += chunk.choices[0]?.delta.content ?? "";
      if (!asked) expect(chunk.choices).toHaveLength(1);
      if (chunk.usage) usages.push(chunk.usage);
    }
    const truth = hub.openaiTruth.byId(id);
    expect(text.split(" ")).toHaveLength(40);
    expect(truth).toMatchObject({
      outcome: "complete",
      usageReported: true,
      body: { stream_options: { include_usage: true } },
    });
    const event = await hub.settled(response.headers.get("x-request-id"));
    expect(event).toMatchObject({ outcome: "ok", usageSource: "reported", stream: true, outputTokens: 40 });
    expect(event.priceNano).toBe(hub.priceOf(truth));
    expect(usages).toHaveLength(asked ? 1 : 0);
    if (asked) expect(usages[0]).toMatchObject({ completion_tokens: 40, cost: toUsdNumber(event.priceNano) });
  });

  test("stream headers keep proxies from buffering", async () => {
    const model = await hub.relayModel("text");
    const response = await hub.post(door, "/chat/completions", tenant.key, { model, messages, stream: true });
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(response.headers.get("cache-control")).toBe("no-cache, no-transform");
    expect(response.headers.get("x-accel-buffering")).toBe("no");
    expect(response.headers.get("x-request-id")).toMatch(/^req_/);
    expect(response.headers.get("request-id")).toBe(response.headers.get("x-request-id"));
    expect(response.headers.get("x-aigne-attempts")).toBe("1");
    expect(response.headers.get("x-aigne-provider")).toBe(hub.openaiProvider.slug);
    for (const header of ["set-cookie", "openai-organization", "x-ratelimit-remaining-tokens", "server"])
      expect(response.headers.get(header)).toBeNull();
    await response.text();
    await hub.settled(response.headers.get("x-request-id"));
  });

  test("the strict helper completes text, tools and reasoning", async () => {
    const final = async (upstream: string) =>
      client()
        .chat.completions.stream({ model: await hub.relayModel(upstream), messages })
        .finalChatCompletion();
    expect((await final("text")).choices[0]).toMatchObject({ finish_reason: "stop" });
    const parallel = (await final("tools-parallel")).choices[0];
    expect(parallel?.finish_reason).toBe("tool_calls");
    expect(parallel?.message.tool_calls).toMatchObject([
      { function: { name: "get_weather", arguments: '{"city":"Paris"}' } },
      { function: { name: "get_weather", arguments: '{"city":"Tokyo"}' } },
    ]);
    expect((await final("tool-no-args")).choices[0]?.message.tool_calls).toMatchObject([
      { function: { name: "get_time", arguments: "{}" } },
    ]);
    expect((await final("reasoning")).choices[0]?.message.content).toMatch(/^amber/);
    expect((await final("length")).choices[0]?.finish_reason).toBe("length");
    expect((await final("empty")).choices[0]?.message.content ?? "").toBe("");
    await hub.quiet(tenant);
  });

  test("reasoning and cached tokens are charged in their own classes", async () => {
    const reasoning = await hub.relayModel("reasoning:reasoning=8");
    const first = await client().chat.completions.create({ model: reasoning, messages }).withResponse();
    const event = await hub.settled(first.response.headers.get("x-request-id"));
    expect(event).toMatchObject({ reasoningTokens: 8, outputTokens: 12 });
    expect(event.priceNano).toBe(hub.priceOf(hub.openaiTruth.byId(first.data.id)));

    const cached = await hub.relayModel("usage-cached:read=100");
    const second = await client().chat.completions.create({ model: cached, messages }).withResponse();
    const cachedEvent = await hub.settled(second.response.headers.get("x-request-id"));
    expect(cachedEvent).toMatchObject({ inputTokens: 9, cacheReadTokens: 100 });
    expect(cachedEvent.priceNano).toBe(hub.priceOf(hub.openaiTruth.byId(second.data.id)));
  });

  test("without a usage report our own count is charged, and says so", async () => {
    const model = await hub.relayModel("usage-missing:tokens=40");
    const { data, response } = await client().chat.completions.create({ model, messages, stream: true }).withResponse();
    for await (const _ of data);
    const event = await hub.settled(response.headers.get("x-request-id"));
    expect(event).toMatchObject({ outcome: "ok", usageSource: "estimated", outputTokens: 40 });
  });

  test("a reported zero is honoured", async () => {
    const model = await hub.relayModel("usage-zero");
    const { response } = await client().chat.completions.create({ model, messages }).withResponse();
    expect(await hub.settled(response.headers.get("x-request-id"))).toMatchObject({ priceNano: 0n, outcome: "ok" });
  });

  test.each(["usage-negative", "usage-huge", "usage-text"])("%s never costs more than was held", async (upstream) => {
    const model = await hub.relayModel(upstream);
    const { response } = await client().chat.completions.create({ model, messages, max_tokens: 50 }).withResponse();
    const event = await hub.settled(response.headers.get("x-request-id"));
    expect(event.priceNano).toBeGreaterThan(0n);
    expect(event.priceNano).toBeLessThanOrEqual(event.heldNano);
  });

  test("a client that leaves stops the upstream and pays what was received", async () => {
    const model = await hub.relayModel("endless:interval=5");
    const { data: stream, response } = await client()
      .chat.completions.create({ model, messages, stream: true })
      .withResponse();
    let id = "";
    let seen = 0;
    for await (const chunk of stream) {
      id = chunk.id;
      if (++seen === 10) break;
    }
    const truth = hub.openaiTruth.byId(id);
    const event = await hub.settled(response.headers.get("x-request-id"));
    await expect.poll(() => truth?.outcome, { timeout: 5_000 }).toBe("client-gone");
    expect(event).toMatchObject({ outcome: "client_gone", usageSource: "estimated", inputTokens: expect.any(Number) });
    expect(event.outputTokens).toBeGreaterThanOrEqual(9);
    expect(event.outputTokens).toBeLessThanOrEqual(truth?.tokens ?? 0);
    expect(event.priceNano).toBeGreaterThan(0n);
  });

  test("the credit bounds the answer: the upstream is told a limit the wallet can pay", async () => {
    const poor = await hub.tenant({ creditUsd: "0.01" });
    const model = await hub.relayModel("text");
    await hub.openai(door, poor.key).chat.completions.create({ model, messages });
    const sent = hub.openaiTruth.last?.body as { max_tokens?: number; max_completion_tokens?: number };
    const limit = sent.max_completion_tokens ?? sent.max_tokens;
    // $0.01 is 2,500 output tokens at $4 per million; the model's own maximum is 4,096
    expect(limit).toBeGreaterThan(1_000);
    expect(limit).toBeLessThanOrEqual(2_500);
    await hub.quiet(poor);
  });
});

test("both doors give the same answer", async () => {
  const shapes = [
    { upstream: "text", body: {} },
    { upstream: "tools-parallel", body: { stream: true } },
    { upstream: "text", body: { stream: true, stream_options: { include_usage: true } } },
    { upstream: "error:400", body: {} },
    { upstream: "error:500", body: { stream: true } },
    { upstream: "error-midstream:after=3", body: { stream: true } },
  ];
  for (const { upstream, body } of shapes) {
    const model = await hub.relayModel(upstream);
    const answers = [];
    for (const door of DOORS) {
      const response = await hub.post(door, "/chat/completions", tenant.key, { model, messages, ...body });
      answers.push(hub.comparable(response, await response.text()));
    }
    expect(answers[1]).toEqual(answers[0]);
  }
  await hub.quiet(tenant);
});
