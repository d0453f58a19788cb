import { describe, expect, it, test } from "vitest";
import { fakeClock, makeCandidate, makeOfferValue, priced } from "@/e2e/support/gateway-values";
import type { Settlement } from "@/lib/billing/wallet";
import { type AttemptEnd, CallMeter } from "@/lib/gateway/meter/call-meter";
import type { PricedRates } from "@/lib/gateway/snapshot";

const OK: AttemptEnd = {
  outcome: "ok",
  httpStatus: 200,
  usage: { input: 1_000, output: 100 },
  usageSource: "reported",
  finishReason: "stop",
};
const NOTHING: AttemptEnd = { outcome: "upstream_error", httpStatus: 500, usage: null, usageSource: "unknown" };

const cheap = makeCandidate(
  makeOfferValue({ id: "offer_cheap", cost: priced({ input: "0.5", output: "2" }, 10_000, "91") }),
);
const dear = makeCandidate(
  makeOfferValue({ id: "offer_dear", cost: priced({ input: "10", output: "10" }, 10_000, "92") }),
);
const uncosted = makeCandidate(makeOfferValue({ id: "offer_uncosted", cost: null }));

function begin(price: PricedRates | null = priced({ input: "1", output: "4", perRequest: "1000000" })) {
  const clock = fakeClock();
  const settlements: Settlement[] = [];
  const meter = new CallMeter(
    {
      requestId: "req_1",
      orgId: "org_1",
      price,
      inputTokens: () => 3,
      clientRetry: 2,
      slicing: null,
      idempotency: null,
    },
    { clock, settle: (settlement) => void settlements.push(settlement) },
  );
  return { meter, clock, settlements };
}

describe("a call that is answered", () => {
  test("is settled once, priced and costed, with the facts of its attempt", () => {
    const { meter, clock, settlements } = begin();
    clock.advance(5);
    meter.beginAttempt(cheap, "relay");
    meter.setUpstreamId("chatcmpl-9");
    clock.advance(20);
    meter.firstContent(() => ({}));
    clock.advance(100);
    // 1,000 × 1,000 + 100 × 4,000 nano, and a dollar for the request
    expect(meter.finish(OK, 200)).toBe(1_001_400_000n);
    expect(settlements).toEqual([
      {
        org: "org_1",
        id: "req_1",
        outcome: "ok",
        http_status: 200,
        price: "1001400000",
        cost: "700000",
        waste: "0",
        usage: { input: 1_000, output: 100, requests: 1 },
        usage_source: "reported",
        provider: "example",
        upstream_model: "upstream-model",
        credential: "cred_1",
        route: "relay",
        upstream_id: "chatcmpl-9",
        finish_reason: "stop",
        latency_ms: 125,
        first_token_ms: 25,
        client_retry: 2,
        attempts: [
          {
            offer: "offer_cheap",
            provider: "example",
            upstream_model: "upstream-model",
            credential: "cred_1",
            outcome: "ok",
            http_status: 200,
            usage: { input: 1_000, output: 100 },
            cost: "700000",
            cost_version: "91",
            first_token_ms: 25,
            latency_ms: 120,
          },
        ],
      },
    ]);
  });

  test("only the first of several ends counts", () => {
    const { meter, settlements } = begin();
    meter.beginAttempt(cheap, "relay");
    expect(meter.finish(OK, 200)).not.toBeNull();
    expect(meter.finish({ ...NOTHING, outcome: "client_gone" }, 499)).toBeNull();
    expect(settlements).toHaveLength(1);
    expect(meter.settled).toBe(true);
  });

  test("at the price it was admitted with, factor included", () => {
    const { meter } = begin(priced({ input: "1", output: "4" }, 5_000));
    meter.beginAttempt(cheap, "relay");
    expect(meter.finish(OK, 200)).toBe(700_000n);
  });

  test("for reported zero usage pays the request alone", () => {
    const { meter } = begin();
    meter.beginAttempt(cheap, "relay");
    expect(meter.finish({ ...OK, usage: { input: 0, output: 0 } }, 200)).toBe(1_000_000_000n);
  });
});

describe("without a price or a cost", () => {
  it.each<[string, AttemptEnd]>([
    ["served", OK],
    ["failed", NOTHING],
  ])("an unpriced model has no price rather than none to pay: %s", (_title, end) => {
    const { meter, settlements } = begin(null);
    meter.beginAttempt(cheap, "translate");
    expect(meter.finish(end, 200)).toBeNull();
    expect(settlements[0]).toMatchObject({ price: null, route: "translate" });
  });

  test("an offer of unknown cost has no cost, unless it did nothing", () => {
    const served = begin();
    served.meter.beginAttempt(uncosted, "relay");
    served.meter.finish(OK, 200);
    expect(served.settlements[0]).toMatchObject({ cost: null, attempts: [{ cost: null, cost_version: null }] });
    const failed = begin();
    failed.meter.beginAttempt(uncosted, "relay");
    failed.meter.finish(NOTHING, 502);
    expect(failed.settlements[0]).toMatchObject({ cost: "0" });
  });
});

describe("a call that fails", () => {
  test("before any output costs nothing", () => {
    const { meter, settlements } = begin();
    meter.beginAttempt(cheap, "relay");
    expect(meter.finish(NOTHING, 502)).toBe(0n);
    expect(settlements[0]).toMatchObject({
      price: "0",
      cost: "0",
      usage: {},
      outcome: "upstream_error",
      http_status: 502,
    });
  });

  test("before any attempt is settled without one", () => {
    const { meter, settlements } = begin();
    meter.finish({ ...NOTHING, outcome: "internal_error" }, 500);
    expect(settlements[0]).toMatchObject({ price: "0", cost: "0", provider: null, route: null, attempts: [] });
  });
});

test("each failed attempt is a row; what it cost is waste, which the tenant does not pay", () => {
  const { meter, clock, settlements } = begin(priced({ input: "1", output: "4" }));
  meter.beginAttempt(dear, "relay");
  meter.setUpstreamId("first");
  clock.advance(30);
  meter.failAttempt({ ...NOTHING, usage: { input: 1_000 }, usageSource: "reported" });
  meter.beginAttempt(uncosted, "relay");
  clock.advance(10);
  meter.failAttempt({ ...NOTHING, outcome: "timeout", httpStatus: null });
  expect(meter.attemptCount).toBe(2);
  meter.beginAttempt(cheap, "translate");
  expect(meter.attemptCount).toBe(3);
  clock.advance(60);
  meter.firstContent(() => ({}));
  expect(meter.finish(OK, 200)).toBe(1_400_000n);

  const [settlement] = settlements;
  expect(settlement).toMatchObject({
    price: "1400000",
    cost: "700000",
    waste: "10000000",
    upstream_id: null,
    latency_ms: 100,
  });
  expect(
    settlement?.attempts.map(({ offer, outcome, http_status, cost, first_token_ms, latency_ms }) => [
      offer,
      outcome,
      http_status,
      cost,
      first_token_ms,
      latency_ms,
    ]),
  ).toEqual([
    ["offer_dear", "upstream_error", 500, "10000000", null, 30],
    ["offer_uncosted", "timeout", null, "0", null, 10],
    ["offer_cheap", "ok", 200, "700000", 100, 60],
  ]);
});

test("abort reaches everyone who reads upstream", () => {
  const { meter } = begin();
  const stopped: string[] = [];
  meter.onAbort(() => stopped.push("a"));
  meter.onAbort(() => stopped.push("b"));
  meter.abort("closed");
  expect(stopped).toEqual(["a", "b"]);
});
