import { expect, test } from "vitest";
import { fakeClock, makeCandidate, makeOfferValue, priced } from "@/e2e/support/gateway-values";
import type { Settlement } from "@/lib/billing/wallet";
import { AppError } from "@/lib/errors";
import type { Reply } from "@/lib/gateway/exchange";
import { settleFailed } from "@/lib/gateway/failover";
import { CallMeter } from "@/lib/gateway/meter/call-meter";
import { exchangeModule, PartsFailed } from "@/lib/gateway/module-exchange";

const refusal = new AppError("unsupported_value", "no such size");

test.each([
  ["by ending it", new Error("aborted"), { code: "upstream_timeout" }],
  ["by refusing the next one", refusal, refusal],
])(
  "parts of a call that the hub fails are waste, %s: nobody pays for them, the books know",
  async (_how, cause, told) => {
    const settlements: Settlement[] = [];
    const meter = new CallMeter(
      {
        ...{ requestId: "req_1", orgId: "org_1", price: priced({ input: "1" }), inputTokens: () => 3 },
        ...{ clientRetry: null, slicing: null, idempotency: null },
      },
      { clock: fakeClock(), settle: (settlement) => void settlements.push(settlement) },
    );
    const candidate = makeCandidate(makeOfferValue({ cost: priced({ input: "0.5" }) }));
    meter.beginAttempt(candidate, "translate");
    const reply = { gone: false, onGone() {} } as unknown as Reply;
    const error = await exchangeModule(
      { candidate, meter, reply, isStream: false },
      {
        ask: async () => {
          if (cause !== refusal) meter.abort("shutdown");
          throw new PartsFailed(cause, {
            reading: { usage: { input: 1_000 }, source: "reported", anomalies: [] },
          });
        },
        answer: () => ({ answered: true }),
      },
    ).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject(told);
    settleFailed(meter, error);
    expect(settlements).toMatchObject([
      { price: "0", cost: "0", waste: "500000", attempts: [{ cost: "500000", usage: { input: 1_000 } }] },
    ]);
  },
);
