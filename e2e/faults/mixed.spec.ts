import { expect, test } from "@playwright/test";
import { fetch } from "undici";
import { count, deadlocks, manyConnections, type Stage, setStage } from "./stage";

let stage: Stage;
test.beforeAll(async () => {
  test.setTimeout(120_000);
  stage = await setStage({ env: { GATEWAY_WORKERS: String(count(2, 4)) } });
});
test.afterAll(() => stage.stop());

const WALLETS = count(3, 10);
const CALLS = count(900, 100_000);
const AT_ONCE = 100;
/** What each call costs, in cents; the dearest is far below one per cent of a wallet. */
const PRICES = ["0.0001", "0.0003", "0.0007", "0.0012"];

test(`${CALLS} calls of mixed costs on ${WALLETS} wallets: never over, and nearly all credit can be used`, async () => {
  test.setTimeout(count(180_000, 3_600_000));
  // together they want about twice what is there
  const credit = ((CALLS / WALLETS) * 0.000575) / 2;
  const models = await Promise.all(PRICES.map((perRequest) => stage.model("text:tokens=5", { perRequest })));
  const tenants = await Promise.all(Array.from({ length: WALLETS }, () => stage.tenant(credit.toFixed(9))));
  const statuses = new Map<number, number>();
  let next = 0;
  const callers = async () => {
    for (let n = next++; n < CALLS; n = next++) {
      const tenant = tenants[n % WALLETS];
      const model = models[Math.floor(Math.random() * models.length)];
      const response = await fetch(`${stage.hub.url}/api/v1/chat/completions`, {
        method: "POST",
        dispatcher: manyConnections,
        headers: { authorization: `Bearer ${tenant?.key}`, "content-type": "application/json" },
        body: JSON.stringify({ model, messages: [{ role: "user", content: "hi" }], stream: n % 2 === 0 }),
      });
      await response.text();
      statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, callers));

  const orgIds = tenants.map(({ orgId }) => orgId);
  const wallets = "select posted::text, held::text from wallet where org_id = any ($1)";
  const read = async () => (await stage.sql.query<{ posted: string; held: string }>(wallets, [orgIds])).rows;
  await expect.poll(async () => (await read()).every(({ held }) => held === "0"), { timeout: 20_000 }).toBe(true);
  const whole = BigInt(Math.round(credit * 1e9));
  const left = (await read()).map(({ posted }) => BigInt(posted));
  console.log(`answers by status ${JSON.stringify([...statuses])}; left of ${whole} each: ${left.join(" ")}`);
  expect([...statuses.keys()].sort()).toEqual([200, 402]);
  for (const rest of left) {
    expect(rest).toBeGreaterThanOrEqual(0n);
    expect(rest * 100n).toBeLessThanOrEqual(whole);
  }
  const served = statuses.get(200) ?? 0;
  const { rows } = await stage.sql.query("select count(*)::int as n from usage_event where org_id = any ($1)", [
    orgIds,
  ]);
  expect(rows[0]?.n).toBe(served);
  expect(stage.upstream.truth.summary()).toMatchObject({ total: served, complete: served });
  expect(await deadlocks(stage.sql)).toBe(0);
  expect(await stage.violations()).toEqual([]);
});
