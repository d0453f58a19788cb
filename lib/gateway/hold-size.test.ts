import { describe, expect, it, test } from "vitest";
import { makeChat, makeModelValue, usdRates } from "@/e2e/support/gateway-values";
import { priceUsage } from "@/lib/billing/pricing";
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
  return sizeHold(makeChat(body, bytes), makeModelValue({ maxOutputTokens: 1_000, ...model }), rates, factorBp);
}

describe("the worst case", () => {
  test("every byte a token, and the model's longest answer", () => {
    expect(size()).toMatchObject({ inputTokens: 500, amount: 500n * 1_000n + 1_000n * 4_000n });
  });

  test("never more input than the context window", () => {
    expect(size({}, { contextWindow: 300 }).amount).toBe(300n * 1_000n + 1_000n * 4_000n);
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
    expect(size(asking({ type: "file", file: { file_id: "f" } }), { contextWindow: 128_000 }).inputTokens).toBe(
      128_000,
    );
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

describe("the limit sent upstream", () => {
  test("none where the model's own maximum is held for", () => {
    const { amount, limitToSend } = size();
    expect(limitToSend(amount)).toBeNull();
  });

  it.each([
    [10, 10],
    [5_000, 1_000],
  ])("a client's %i becomes %i", (asked, sent) => {
    const { amount, limitToSend } = size({ max_tokens: asked });
    expect(limitToSend(amount)).toBe(sent);
  });

  test("an unknown maximum is never unlimited: what was held for is said", () => {
    const { amount, limitToSend } = size({}, { maxOutputTokens: null });
    expect(amount).toBe(500_000n + 16_384n * 4_000n);
    expect(limitToSend(amount)).toBe(16_384);
    expect(size({ max_tokens: 40_000 }, { maxOutputTokens: null }).limitToSend(10n ** 18n)).toBe(16_384);
  });

  test("shrinks to what the hold affords where less is granted", () => {
    const { amount, minAmount, limitToSend } = size();
    expect(limitToSend(amount - 1n)).toBe(999);
    expect(limitToSend(500_000n + 100n * 4_000n)).toBe(100);
    expect(limitToSend(500_000n + 100n * 4_000n + 3_999n)).toBe(100);
    expect(limitToSend(minAmount)).toBe(16);
  });

  test("is shared by the choices", () => {
    const { limitToSend } = size({ n: 4 });
    expect(limitToSend(500_000n + 100n * 4_000n)).toBe(25);
    expect(limitToSend(500_000n + 103n * 4_000n)).toBe(25);
  });

  test("whatever is granted pays for what is sent", () => {
    for (let granted = size().minAmount; granted < size().amount; granted += 77_777n) {
      const limit = size().limitToSend(granted) as number;
      expect(priceUsage({ input: 500, output: limit }, RATES)).toBeLessThanOrEqual(granted);
    }
  });
});

test("the token rate limit sees an estimate: three bytes a token, and the whole answer", () => {
  expect(size({ max_tokens: 10, n: 2 }).tokensEstimate).toBe(167 + 20);
});
