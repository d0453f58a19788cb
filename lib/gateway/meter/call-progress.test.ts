import { expect, test } from "vitest";
import { fakeClock, makeCandidate, makeOfferValue, priced } from "@/e2e/support/gateway-values";
import { type AttemptEnd, CallMeter } from "@/lib/gateway/meter/call-meter";

const FAILED: AttemptEnd = { outcome: "upstream_error", httpStatus: 500, usage: null, usageSource: "unknown" };
const cheap = makeCandidate(
  makeOfferValue({ id: "offer_cheap", cost: priced({ input: "0.5", output: "2" }, 10_000, "91") }),
);
const dear = makeCandidate(makeOfferValue({ id: "offer_dear", cost: priced({ input: "10", output: "10" }) }));

const RENEW = 30_000;

function running() {
  const clock = fakeClock();
  const meter = new CallMeter(
    {
      requestId: "req_1",
      orgId: "org_1",
      price: priced({ input: "1", output: "4" }),
      inputTokens: () => 3,
      clientRetry: null,
      slicing: null,
      idempotency: null,
    },
    { clock, settle: () => {} },
  );
  meter.beginAttempt(cheap, "relay");
  let output = 0;
  return {
    meter,
    clock,
    say: (tokens: number) => (output += tokens),
    start: () => meter.firstContent(() => ({ input: 10, output })),
  };
}

test("nothing before the first content, until the hold is due for renewal", () => {
  const { meter, clock } = running();
  expect(meter.progress(RENEW)).toBeNull();
  clock.advance(RENEW - 1);
  expect(meter.progress(RENEW)).toBeNull();
  clock.advance(1);
  expect(meter.progress(RENEW)).toMatchObject({ units: 0, accrued: 0n, accruedCost: 0n, usage: {} });
  expect(meter.progress(RENEW)).toBeNull();
});

test("when tokens came, and not again until more came or renewal is due", () => {
  const { meter, clock, say, start } = running();
  start();
  say(5);
  meter.setUpstreamId("up");
  expect(meter.progress(RENEW)).toEqual({
    orgId: "org_1",
    requestId: "req_1",
    attempt: 1,
    usage: { input: 10, output: 5, requests: 1 },
    units: 5,
    accrued: 30_000n,
    accruedCost: 15_000n,
    wantAmount: null,
    context: {
      provider: "example",
      upstream_model: "upstream-model",
      offer: "offer_cheap",
      credential: "cred_1",
      cost_version: "91",
      route: "relay",
      upstream_id: "up",
    },
  });
  clock.advance(250);
  expect(meter.progress(RENEW)).toBeNull();
  say(1);
  expect(meter.progress(RENEW)).toMatchObject({ units: 6 });
  clock.advance(RENEW);
  expect(meter.progress(RENEW)).toMatchObject({ units: 6 });
});

test("counts the attempt that answers", () => {
  const { meter, start, say } = running();
  meter.failAttempt(FAILED);
  meter.beginAttempt(dear, "relay");
  start();
  say(1);
  expect(meter.progress(RENEW)).toMatchObject({ attempt: 2, context: { offer: "offer_dear" } });
});

test("none between attempts and none after the end", () => {
  const { meter, clock, start, say } = running();
  start();
  say(5);
  meter.failAttempt(FAILED);
  clock.advance(RENEW);
  expect(meter.progress(RENEW)).toBeNull();
  meter.beginAttempt(cheap, "relay");
  meter.finish(FAILED, 502);
  clock.advance(RENEW);
  expect(meter.progress(RENEW)).toBeNull();
});
