import { expect, test } from "vitest";
import { fakeClock, makeCandidate, makeOfferValue, priced } from "@/e2e/support/gateway-values";
import type { Settlement } from "@/lib/billing/wallet";
import { failed } from "@/lib/gateway/attempt";
import type { Reply } from "@/lib/gateway/exchange";
import { type OtherModels, tryCandidates } from "@/lib/gateway/failover";
import { CallMeter } from "@/lib/gateway/meter/call-meter";

const costing = makeCandidate(makeOfferValue({ cost: priced({ input: "0.5" }) }));
const BUSY = { class: "overloaded", status: 503, message: "busy", param: null, retryAfterMs: 2_000 } as const;

/** A call that made 1,000 tokens' parts before its model failed; then another model is to come. */
async function failsBehindParts(next: (meter: CallMeter, reply: { gone: boolean }) => OtherModels["next"]) {
  const settlements: Settlement[] = [];
  const meter = new CallMeter(
    {
      ...{ requestId: "req_1", orgId: "org_1", price: priced({ input: "1" }), inputTokens: () => 3 },
      ...{ clientRetry: null, slicing: null, idempotency: null },
    },
    { clock: fakeClock(), settle: (settlement) => void settlements.push(settlement) },
  );
  const reply = { gone: false };
  const tools = {
    vault: { secretFor: async () => ({ apiKey: "key" }) },
    health: { enter: async () => true, begin() {}, note() {}, counts: { noteCall() {} } },
    retries: { take: () => true, release() {} },
  };
  const others = { remaining: () => 1, next: next(meter, reply) };
  const error = await tryCandidates(
    { plan: [[costing]], meter, reply: reply as Reply, isStream: false, others },
    tools as unknown as Parameters<typeof tryCandidates>[1],
    async (candidate) => {
      meter.beginAttempt(candidate, "translate");
      return failed(BUSY, { usage: { input: 1_000 }, usageSource: "reported" });
    },
  ).catch((thrown: unknown) => thrown);
  return { error, settlements };
}

test.each<[string, (meter: CallMeter, reply: { gone: boolean }) => OtherModels["next"]]>([
  [
    "the client left while another model was pinned",
    (meter, reply) => async () => {
      meter.repin({ price: priced({ input: "100" }), slicing: null });
      reply.gone = true;
      return [[costing]];
    },
  ],
  ["nobody knows whether another model was pinned", () => async () => "unknown"],
])("parts of a model whose price is no longer the call's are waste: %s", async (_title, next) => {
  const { error, settlements } = await failsBehindParts(next);
  expect(settlements).toMatchObject([{ price: "0", cost: "0", waste: "500000", usage: {} }]);
  expect(error).toMatchObject({ message: expect.stringContaining("You were not charged.") });
});

test("where no other model can be paid for, the parts are; the caller is told, and not to try again", async () => {
  const { error, settlements } = await failsBehindParts(() => async () => "none");
  expect(settlements).toMatchObject([{ price: "1000000", usage: { input: 1_000 } }]);
  expect(error).toMatchObject({
    message: "All providers of this model are busy. Parts that were made before are charged.",
    details: { retry: false },
  });
  expect(error).not.toHaveProperty("details.retryAfterMs");
});
