import { afterAll, beforeAll, expect, test } from "vitest";
import { assertHealthy, type TestDatabase, testDatabase } from "@/e2e/support/database";
import { SEED, seededRandom } from "@/e2e/support/property";
import { CENT, type Level, type Purchase, paid, paymentsIn, type RefundFact, UNPAID, worth } from "./payment-testing";
import { createOrg, wallet } from "./testing";

// Twelve ways a payment can go, all at once in one wallet, looked at in any order, again and again, many at the same moment.
// Each look sees what Stripe shows by then. `npm run prove` asks for 500 seeds of 1,000 deliveries; SEED= repeats a run.

const SEEDS = Number(process.env.HISTORY_SEEDS ?? 4);
const DELIVERIES = Number(process.env.HISTORY_DELIVERIES ?? 200);
const AT_ONCE = 32;

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.drop());

const { purchase, reconcile } = paymentsIn(() => database.pool);

const PENDING = { ...UNPAID, status: "processing" };
const refund = (id: string, amount: number, status: string): RefundFact => ({ id, amount, status });
const dispute = (id: string, amount: number, status: string, withdrawn: boolean) => ({ id, amount, status, withdrawn });

/** What Stripe shows of a payment of `cents`, oldest first; `id` makes the names of its refunds and disputes. */
const HISTORIES: Record<string, (cents: number, id: string) => Level[]> = {
  "never paid": () => [UNPAID, { ...UNPAID, closed: true }],
  "declined, then paid": (cents) => [UNPAID, PENDING, UNPAID, PENDING, paid(cents)],
  "paid at once": (cents) => [paid(cents)],
  "canceled while pending": () => [PENDING, { ...UNPAID, status: "canceled" }],
  "refunded in part": (cents, id) =>
    ["pending", "succeeded"].map((status) => paid(cents, { refunds: [refund(id, Math.floor(cents / 3), status)] })),
  "refunded whole": (cents, id) => [paid(cents), paid(cents, { refunds: [refund(id, cents, "succeeded")] })],
  "a refund that failed": (cents, id) =>
    ["pending", "succeeded", "failed"].map((status) => paid(cents, { refunds: [refund(id, cents - 1, status)] })),
  "two refunds, one of which failed": (cents, id) =>
    ["pending", "failed"].map((status) =>
      paid(cents, { refunds: [refund(`${id}a`, 100, "succeeded"), refund(`${id}b`, 300, status)] }),
    ),
  "a dispute that was won": (cents, id) => [
    ...[paid(cents), paid(cents, { disputes: [dispute(id, cents, "needs_response", true)] })],
    paid(cents, { disputes: [dispute(id, cents, "won", false)] }),
  ],
  "an inquiry": (cents, id) => [paid(cents), paid(cents, { disputes: [dispute(id, cents, "warning_closed", false)] })],
  "a dispute that was lost": (cents, id) => [
    ...[paid(cents), paid(cents, { disputes: [dispute(id, cents, "needs_response", true)] })],
    paid(cents, { disputes: [dispute(id, cents, "lost", true)] }),
  ],
  "refunded in part, then disputed": (cents, id) => {
    const refunds = [refund(`${id}r`, Math.floor(cents / 2), "succeeded")];
    return [
      paid(cents, { refunds }),
      paid(cents, { refunds, disputes: [dispute(id, cents - 200, "needs_response", true)] }),
    ];
  },
};

/** `deliveries`: how many hints arrive; none of them is needed. */
async function run(seed: number, deliveries: number): Promise<void> {
  const random = seededRandom(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const { org } = await createOrg(database.pool);
  const payments: { bought: Purchase; levels: Level[]; now: number }[] = [];
  for (const history of Object.values(HISTORIES)) {
    const cents = 500 + below(20_000);
    const bought = await purchase(org, cents);
    payments.push({ bought, levels: history(cents, `x${bought.topup}`), now: 0 });
  }
  for (let sent = 0; sent < deliveries; sent += AT_ONCE) {
    const batch = Array.from({ length: Math.min(AT_ONCE, deliveries - sent) }, async () => {
      const payment = payments[below(payments.length)] as (typeof payments)[number];
      // the world goes on by itself; a hint only makes us look
      if (random() < 0.2) payment.now = Math.min(payment.now + 1, payment.levels.length - 1);
      await reconcile(payment.bought, payment.levels[payment.now] as Level);
    });
    await Promise.all(batch);
  }
  // the hourly sweep
  for (const { bought, levels } of payments) await reconcile(bought, levels.at(-1) as Level);
  const truth = payments.reduce((sum, { bought, levels }) => sum + worth(bought, levels.at(-1) as Level), 0);
  const { posted, status, freeze_reason } = await wallet(database.pool, org);
  const { rows } = await database.pool.query(
    "SELECT sum(written_off_nano)::bigint AS loss FROM topup WHERE org_id = $1",
    [org],
  );
  expect(posted, `SEED=${seed}`).toBe(truth + Number(rows[0].loss));
  expect({ status, freeze_reason }).toEqual({ status: "frozen", freeze_reason: "dispute" });
  expect(truth % CENT).toBe(0);
  await assertHealthy(database.pool, org);
}

test(`${SEEDS} seeds of ${DELIVERIES} deliveries, 32 at once, end at Stripe's truth`, {
  timeout: 7_200_000,
}, async () => {
  for (let n = 0; n < SEEDS; n++) await run(SEED + n, DELIVERIES);
});

test("so does a world in which no delivery ever comes", () => run(SEED, 0));
