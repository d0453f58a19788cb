import { expect, test } from "@playwright/test";
import { openHolds } from "./books";
import { call } from "./calls";
import { type Node, startGatewayNode } from "./nodes";
import { count, deadlocks, type Stage, setStage } from "./stage";

// What a key may do is the same over two gateways that know nothing of each other.

test.describe.configure({ mode: "serial" });

let stage: Stage;
let second: Node;
test.beforeAll(async () => {
  test.setTimeout(120_000);
  stage = await setStage({ env: { GATEWAY_WORKERS: "1" } });
  second = await startGatewayNode(stage, { name: "second" });
});
test.afterAll(async () => {
  const found = await deadlocks(stage.sql);
  await second.stop();
  await stage.stop();
  expect(found).toBe(0);
});

const ROUNDS = count(1, 50);
const CALLS = 100;
const ALLOWED = 20;

type Limit = {
  rule: string;
  limits: Record<string, unknown>;
  scenario: string;
  status: number;
  code: string;
  shown: unknown;
};
const LIMITS: readonly Limit[] = [
  {
    rule: "budget",
    limits: { budgetUsd: "0.20", budgetPeriod: "month" },
    scenario: "text:tokens=5,ms=20",
    ...{ status: 402, code: "budget_exceeded", shown: "0.2" },
  },
  {
    rule: "rpm",
    limits: { rpm: ALLOWED },
    scenario: "text:tokens=5,ms=20",
    ...{ status: 429, code: "rate_limit_exceeded", shown: ALLOWED },
  },
  {
    rule: "concurrency",
    limits: { maxConcurrency: ALLOWED },
    // longer than it takes to refuse all others
    scenario: "text:tokens=5,ms=2500",
    ...{ status: 429, code: "concurrency_limit_exceeded", shown: ALLOWED },
  },
];

for (const { rule, limits, scenario, status, code, shown } of LIMITS)
  test(`${rule}: of ${CALLS} calls at once over two gateways, exactly ${ALLOWED} are served, ${ROUNDS} of ${ROUNDS} times`, async () => {
    test.setTimeout(60_000 + ROUNDS * 6_000);
    const model = await stage.model(scenario, { perRequest: "0.01" });
    for (let round = 1; round <= ROUNDS; round++) {
      const { orgId, key, keyId } = await stage.tenant("100", limits);
      stage.upstream.truth.clear();
      const answers = await Promise.all(
        Array.from({ length: CALLS }, (_, i) =>
          call({ url: i % 2 === 0 ? stage.hub.url : second.url, key, model, stream: i % 3 === 0 }),
        ),
      );
      const refused = answers.filter((answer) => answer.status !== 200);
      expect(answers.length - refused.length, `round ${round}`).toBe(ALLOWED);
      for (const answer of refused) {
        expect(answer.status).toBe(status);
        const { error } = JSON.parse(answer.text);
        expect(error).toMatchObject({ code, limit: { rule, scope: "key", limit: shown } });
      }
      expect(stage.upstream.truth.summary()).toMatchObject({ total: ALLOWED, complete: ALLOWED });
      await expect.poll(() => openHolds(stage, [orgId])).toBe(0);
      const spent = "select sum(price_nano)::text as spent, count(*)::int as n from usage_event where key_id = $1";
      const { rows } = await stage.sql.query(spent, [keyId]);
      expect(rows[0]).toEqual({ spent: String(ALLOWED * 10_000_000), n: ALLOWED });
    }
    expect(await stage.violations()).toEqual([]);
  });

test("one Idempotency-Key on two gateways at once is one upstream call", async () => {
  test.setTimeout(120_000);
  const model = await stage.model("text:tokens=5,ms=100", { perRequest: "0.01" });
  const { orgId, key } = await stage.tenant("100");
  const rounds = count(10, 200);
  stage.upstream.truth.clear();
  for (let round = 1; round <= rounds; round++) {
    const ask = (url: string) => call({ url, key, model, headers: { "idempotency-key": `once-${round}` } });
    const both = await Promise.all([stage.hub.url, second.url, stage.hub.url, second.url].map(ask));
    const answered = both.find(({ status }) => status === 200);
    // who comes once the first is through gets its answer again
    const others = both.filter(({ text }) => text !== answered?.text).map(({ text }) => JSON.parse(text).error?.code);
    expect(new Set(others), `round ${round}`).toEqual(new Set(others.length > 0 ? ["idempotency_in_flight"] : []));
    // settled a moment later, from then on everybody gets the same answer
    const again = async () => (await ask(second.url)).text;
    await expect.poll(again, { intervals: [20, 50, 100] }).toBe(answered?.text);
  }
  expect(stage.upstream.truth.summary()).toMatchObject({ total: rounds, complete: rounds });
  await expect.poll(() => openHolds(stage, [orgId])).toBe(0);
  const { rows } = await stage.sql.query("select count(*)::int as n from usage_event where org_id = $1", [orgId]);
  expect(rows[0]?.n).toBe(rounds);
  expect(await stage.violations()).toEqual([]);
});
