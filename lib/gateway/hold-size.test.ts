import { describe, expect, it, test } from "vitest";
import {
  makeCandidate,
  makeChat,
  makeModelValue,
  makeOfferValue,
  makeProviderValue,
  usdRates,
} from "@/e2e/support/gateway-values";
import { priceUsage } from "@/lib/billing/pricing";
import { holdShapeOf } from "@/lib/gateway/hold-shape";
import { sizeHold } from "@/lib/gateway/hold-size";
import type { JsonObject } from "@/lib/gateway/json-body";
import type { SnapshotModel } from "@/lib/gateway/snapshot";
import { parseUsd } from "@/lib/money";

const RATES = usdRates({ input: "1", output: "4" }); // 1,000 and 4,000 nano per token

function size(
  body: JsonObject = {},
  model: Partial<SnapshotModel> = {},
  bytes = 500,
  rates = RATES,
  factorBp = 10_000,
) {
  const shape = holdShapeOf(makeChat(body, bytes), [[makeCandidate()]]);
  // unless a test is about counting, nothing is known but the bytes
  const uncounted = { ...shape, countInput: () => shape.inputBytes + shape.mediaTokens };
  return sizeHold(uncounted, makeModelValue({ maxOutputTokens: 1_000, ...model }), { rates, factorBp });
}

describe("the worst case", () => {
  test("every byte a token, and the model's longest answer", () => {
    expect(size()).toMatchObject({ inputTokens: 500, amount: 500n * 1_000n + 1_000n * 4_000n });
  });

  test("never more input than the context window", () => {
    expect(size({}, { contextWindow: 300 }).amount).toBe(300n * 1_000n + 1_000n * 4_000n);
  });

  test("nor less than an offer of the route takes beyond the model's own window", () => {
    const plan = [[makeCandidate()], [makeCandidate(makeOfferValue({ contextWindow: 400 }))]];
    const model = makeModelValue({ contextWindow: 300, maxOutputTokens: 1_000 });
    const shape = holdShapeOf(makeChat({}, 500), plan);
    expect(sizeHold(shape, model, { rates: RATES, factorBp: 10_000 }).inputTokens).toBe(400);
  });

  test("never more output than the client's limit or the model's maximum", () => {
    expect(size({ max_tokens: 10 }).amount).toBe(540_000n);
    expect(size({ max_tokens: 5_000 }).amount).toBe(size().amount);
  });

  test("once per choice", () => {
    expect(size({ max_tokens: 10, n: 3 }).amount).toBe(500_000n + 3n * 40_000n);
  });

  test("at the dearest class of each direction, with the factor", () => {
    const rates = usdRates({ input: "1", cacheWrite: "2", output: "4", reasoning: "8" });
    expect(size({ max_tokens: 10 }, {}, 500, rates, 5_000).amount).toBe((500n * 2_000n + 10n * 8_000n) / 2n);
    expect(size({}, {}, 500, rates).unitRate).toBe(parseUsd("8"));
  });

  test("but for classes that the request cannot reach", () => {
    const rates = usdRates({ input: "1", audioInput: "40", cacheWrite1h: "2", output: "4", audioOutput: "80" });
    const text = 500n * 1_000n + 10n * 4_000n;
    expect(size({ max_tokens: 10 }, {}, 500, rates).amount).toBe(text);
    const cached = [{ role: "user", content: [{ type: "text", text: "x", cache_control: { type: "ephemeral" } }] }];
    expect(size({ max_tokens: 10, messages: cached }, {}, 500, rates).amount).toBe(text + 500n * 1_000n);
    const result = [{ role: "user", content: [{ type: "tool_result", content: cached[0]?.content }] }];
    expect(holdShapeOf(makeChat({ messages: result }, 500), []).unreachable).not.toContain("cacheWrite1h");
    const sound = [{ role: "user", content: [{ type: "input_audio" }] }];
    expect(size({ max_tokens: 10, messages: sound }, {}, 500, rates).amount).toBe(text + 500n * 39_000n);
    const spoken = { max_tokens: 10, modalities: ["text", "audio"], audio: { voice: "alloy" } };
    expect(size(spoken, {}, 500, rates).amount).toBe(text + 10n * 76_000n);
  });

  test("covers what the call can cost", () => {
    const { amount } = size({ max_tokens: 10, n: 2 });
    expect(amount).toBeGreaterThanOrEqual(
      priceUsage({ input: 400, cacheRead: 100, output: 15, reasoning: 5, requests: 1 }, RATES),
    );
  });

  test("an unpriced model holds nothing", () => {
    expect(size({}, {}, 500, {})).toMatchObject({ amount: 0n, minAmount: 0n });
  });
});

describe("what bytes do not bound", () => {
  const asking = (...content: JsonObject[]) => ({ messages: [{ role: "user", content }] });
  const image = { type: "image_url", image_url: { url: "https://example.com/a.png" } };

  test("an image counts as the largest any provider makes of it, however short its address", () => {
    expect(size(asking(image)).inputTokens).toBe(500 + 40_000);
    expect(size(asking(image, { type: "text", text: "and" }, image)).inputTokens).toBe(500 + 80_000);
    expect(size(asking(image), { contextWindow: 8_000 }).inputTokens).toBe(8_000);
  });

  test("a file or a part nobody knows may fill the context window", () => {
    expect(
      size(asking({ type: "file", file: { file_data: "data:application/pdf;base64,AAAA" } }), {
        contextWindow: 128_000,
      }).inputTokens,
    ).toBe(128_000);
    expect(size(asking({ type: "hologram" }), { contextWindow: null }).inputTokens).toBe(10_000_000);
  });

  test("text and audio are bound by their bytes", () => {
    expect(size(asking({ type: "text", text: "x" }, { type: "input_audio" })).inputTokens).toBe(500);
  });
});

describe("the least that makes sense", () => {
  test("is the input and 16 output tokens per choice", () => {
    expect(size().minAmount).toBe(500_000n + 16n * 4_000n);
    expect(size({ n: 2 }).minAmount).toBe(500_000n + 32n * 4_000n);
  });

  test("or fewer where the client wants fewer", () => {
    const { amount, minAmount } = size({ max_tokens: 3 });
    expect(minAmount).toBe(500_000n + 3n * 4_000n);
    expect(minAmount).toBe(amount);
  });
});

describe("a stream", () => {
  test("holds its input and 1,024 tokens, and grows by as much", () => {
    const stream = size({ stream: true }, { maxOutputTokens: 100_000 });
    expect(stream).toMatchObject({ amount: 500_000n + 1_024n * 4_000n, slice: 1_024n * 4_000n });
    expect(stream.affords(stream.amount)).toBe(1_024);
    expect(stream.limitToSend(stream.amount, null)).toBeNull();
    expect(stream.limitToSend(stream.amount, 500_000n + 5_000n * 4_000n)).toBe(5_000);
  });

  test("holds no more than its worst case, and may begin with little", () => {
    expect(size({ stream: true, max_tokens: 10 }).amount).toBe(500_000n + 10n * 4_000n);
    expect(size({ stream: true }).minAmount).toBe(500_000n + 16n * 4_000n);
  });

  test.each([
    ["several choices", { n: 2 }],
    ["sound", { modalities: ["audio"] }],
  ])("with %s is not metered as it runs", (_, body) => {
    const { slice, amount } = size({ stream: true, ...body }, { maxOutputTokens: 3_000 });
    expect(slice).toBeNull();
    expect(amount).toBeGreaterThanOrEqual(500_000n + 3_000n * 4_000n);
  });

  test("whose thoughts do not pass by us is not either", () => {
    const sized = (upstreamModel: string, kind: string, asked: JsonObject = {}) => {
      const provider = makeProviderValue({ kind });
      const plan = [[makeCandidate(makeOfferValue({ upstreamModel, provider }))]];
      const shape = holdShapeOf(makeChat({ stream: true, ...asked }, 500), plan);
      return sizeHold(shape, makeModelValue({ maxOutputTokens: 9_000 }), { rates: RATES, factorBp: 10_000 });
    };
    expect(sized("gpt-5-mini", "openai").slice).toBeNull();
    expect(sized("gpt-5-mini", "openai").minAmount).toBe(500_000n + 1_024n * 4_000n);
    expect(sized("gpt-4o", "openai").slice).not.toBeNull();
    expect(sized("gpt-oss-120b", "openai-compatible").slice).not.toBeNull();
    expect(sized("house-model", "openai", { output_config: { effort: "high" } }).slice).toBeNull();
    // thoughts come only where they are asked for
    expect(sized("gemini-2.5-flash", "google").slice).toBeNull();
    expect(sized("gemini-3.1-pro-preview", "google").slice).toBeNull();
    expect(sized("gemini-2.5-flash", "google", { reasoning_effort: "low" }).slice).not.toBeNull();
    expect(sized("gemini-2.0-flash", "google").slice).not.toBeNull();
  });
});

describe("a model that thinks", () => {
  const thinking = { thinking: { type: "enabled", budget_tokens: 400 } };

  test("gets room for its thoughts and an answer, or nothing", () => {
    expect(size(thinking, { maxOutputTokens: 5_000 }).minAmount).toBe(500_000n + 1_424n * 4_000n);
    expect(size({ ...thinking, max_tokens: 700 }).minAmount).toBe(500_000n + 700n * 4_000n);
  });

  test("is never cut below that", () => {
    const { minAmount, limitToSend } = size(thinking, { maxOutputTokens: 5_000 });
    expect(limitToSend(minAmount, minAmount)).toBe(1_424);
  });
});

test("tools that the provider runs send the input anew each time and cost what they cost", () => {
  const shape = { ...holdShapeOf(makeChat({ max_tokens: 10 }, 500), []), hostedCalls: { web_search: 3 } };
  const rates = { ...RATES, perToolCall: { web_search: parseUsd("10000") } };
  const sized = sizeHold(shape, makeModelValue(), { rates, factorBp: 10_000 });
  expect(sized.amount).toBe(4n * 500n * 1_000n + 10n * 4_000n + 3n * parseUsd("0.01"));
  // where a tier names other tools only, the dearest of those is what a call costs
  const tiered = { ...rates, tiers: [{ aboveInputTokens: 1_000, perToolCall: { x: parseUsd("30000") } }] };
  const price = { rates: tiered, factorBp: 10_000 };
  expect(sizeHold(shape, makeModelValue(), price).amount - sized.amount).toBe(3n * parseUsd("0.02"));
  // and where a limit may hold for one turn alone, each may use it up
  const each = sizeHold({ ...shape, limitsEachTurn: true }, makeModelValue(), { rates, factorBp: 10_000 });
  expect(each.amount - sized.amount).toBe(3n * 10n * 4_000n);
  expect(each.slice).toBeNull();
});

test("a service tier is held for at the dearer of its own rates and the ordinary ones, and in full", () => {
  const tiered = {
    ...usdRates({ input: "1", output: "4", cacheWrite: "1.25" }),
    tiers: [{ aboveInputTokens: 400, ...usdRates({ output: "6" }) }],
    serviceTiers: {
      flex: usdRates({ input: "0.5", output: "2" }),
      priority: {
        ...usdRates({ input: "2", output: "8" }),
        tiers: [{ aboveInputTokens: 400, ...usdRates({ output: "9" }) }],
      },
    },
  };
  const held = (serviceTier: string | null, bytes: number) => {
    const shape = { ...holdShapeOf(makeChat({ max_tokens: 10, stream: true }, bytes), []), serviceTier };
    return sizeHold(shape, makeModelValue(), { rates: tiered, factorBp: 10_000 }).amount;
  };
  expect(held(null, 400)).toBe(400n * 1_250n + 10n * 4_000n);
  expect(held("flex", 400)).toBe(held(null, 400));
  expect(held("priority", 400)).toBe(400n * 2_000n + 10n * 8_000n);
  expect(held("flex", 500)).toBe(500n * 1_250n + 10n * 6_000n);
  expect(held("priority", 500)).toBe(500n * 2_000n + 10n * 9_000n);
  expect(held("unknown", 500)).toBe(held(null, 500));
  const asked = { ...makeChat({ stream: true }, 500), serviceTier: "priority" };
  const { slice } = sizeHold(holdShapeOf(asked, []), makeModelValue(), { rates: tiered, factorBp: 10_000 });
  expect(slice).toBeNull();
});

test("where credit is short the input is counted, and the rest buys a longer answer", () => {
  const shape = { ...holdShapeOf(makeChat({ stream: true }, 4_000), []), countInput: () => 1_000 };
  const price = { rates: RATES, factorBp: 10_000 };
  const model = makeModelValue({ maxOutputTokens: 10_000 });
  expect(sizeHold(shape, model, price).inputTokens).toBe(4_000);
  const { inputTokens, minAmount, limitToSend } = sizeHold(shape, model, price, true);
  expect([inputTokens, minAmount]).toEqual([1_000, 1_000_000n + 16n * 4_000n]);
  expect(sizeHold(shape, model, price).limitToSend(5_000_000n, 9_000_000n)).toBe(2_000);
  expect(limitToSend(5_000_000n, 9_000_000n)).toBe(2_000);
});

describe("the limit sent upstream", () => {
  test("none where the model's own maximum is held for", () => {
    const { amount, limitToSend } = size();
    expect(limitToSend(amount, null)).toBeNull();
  });

  it.each([
    [10, 10],
    [5_000, 1_000],
  ])("a client's %i becomes %i", (asked, sent) => {
    const { amount, limitToSend } = size({ max_tokens: asked });
    expect(limitToSend(amount, null)).toBe(sent);
  });

  test("an unknown maximum is never unlimited: what was held for is said", () => {
    const { amount, limitToSend } = size({}, { maxOutputTokens: null });
    expect(amount).toBe(500_000n + 16_384n * 4_000n);
    expect(limitToSend(amount, null)).toBe(16_384);
    expect(size({ max_tokens: 40_000 }, { maxOutputTokens: null }).limitToSend(10n ** 18n, null)).toBe(16_384);
  });

  test("shrinks to what the hold affords where less is granted", () => {
    const { amount, minAmount, limitToSend } = size();
    expect(limitToSend(amount - 1n, null)).toBe(999);
    expect(limitToSend(500_000n + 100n * 4_000n, null)).toBe(100);
    expect(limitToSend(500_000n + 100n * 4_000n + 3_999n, null)).toBe(100);
    expect(limitToSend(minAmount, null)).toBe(16);
  });

  test("is shared by the choices", () => {
    const { limitToSend } = size({ n: 4 });
    expect(limitToSend(500_000n + 100n * 4_000n, null)).toBe(25);
    expect(limitToSend(500_000n + 103n * 4_000n, null)).toBe(25);
  });

  test("whatever is granted pays for what is sent", () => {
    for (let granted = size().minAmount; granted < size().amount; granted += 77_777n) {
      const limit = size().limitToSend(granted, null) as number;
      expect(priceUsage({ input: 500, output: limit }, RATES)).toBeLessThanOrEqual(granted);
    }
  });
});

test("the token rate limit sees an estimate: three bytes a token, and the whole answer", () => {
  expect(size({ max_tokens: 10, n: 2 }).tokensEstimate).toBe(167 + 20);
});
