import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@playwright/test";
import { fetch } from "undici";
import { createPayments, type Payments } from "@/lib/billing/stripe";
import type { CrashPoint } from "@/lib/crash-points";
import { newId } from "@/lib/ids";
import { formatUsd, parseUsd } from "@/lib/money";
import { expectExactBooks, lastClosed, openHolds, PRICE } from "./books";
import { call } from "./calls";
import { makePoints, WORKER_POINTS } from "./points";
import { count, deadlocks, freshConnections, killFamily, type Stage, setStage } from "./stage";

// The background worker is killed at every labelled point of the money path.

test.describe.configure({ mode: "serial" });

const points = makePoints();
let stage: Stage;
let payments: Payments;
test.beforeAll(async () => {
  test.setTimeout(120_000);
  stage = await setStage({ env: { GATEWAY_WORKERS: "1", HUB_CRASH_POINTS: points.directory } });
  const read = (...parts: string[]) => readFileSync(join(stage.hub.dataDir, ...parts), "utf8").trim();
  // as the hub derives it for its own simulation of Stripe
  const derived = createHmac("sha256", read("secrets", "HUB_KEY_PEPPER")).update("stripe-simulator key").digest("hex");
  const apiBase = `http://127.0.0.1:${read("stripe-simulator.port")}`;
  payments = createPayments({ secretKey: `sk_test_${derived.slice(0, 32)}`, apiBase, fetch: globalThis.fetch });
});
test.afterAll(async () => {
  const found = await deadlocks(stage.sql);
  await stage.stop();
  points.remove();
  expect(found).toBe(0);
});

const SHORT: readonly CrashPoint[] = ["sweep.sent", "expire.sent", "payment.sent", "refund.found"];
const PURCHASE_USD = "10";

/** How often the worker has started. */
async function lives(): Promise<number> {
  const booted = "select max(epoch)::int as n from node where id like 'worker:%'";
  return (await stage.sql.query<{ n: number }>(booted)).rows[0]?.n ?? 0;
}

const addJob = (name: string, payload: object = {}) =>
  stage.sql.query("select 1 from graphile_worker.add_job($1, $2::json)", [name, JSON.stringify(payload)]);

const balanceOf = async (orgId: string) =>
  (await stage.admin<{ balanceUsd: string }>("GET", `/orgs/${orgId}/wallet`)).balanceUsd;

/** Bought and paid at Stripe, as a browser would do it; the webhook tells the hub. */
async function buy(orgId: string): Promise<string> {
  const id = newId("top");
  const customer = await payments.createCustomer({ orgId, name: "Acme", email: "ada@example.com" });
  const row = `insert into topup (id, org_id, actor_id, credit_nano, currency, amount_minor, locale, livemode, stripe_customer)
    values ($1, $2, 'usr_test', $3, 'usd', 1000, 'en', false, $4)`;
  await stage.sql.query(row, [id, orgId, parseUsd(PURCHASE_USD).toString(), customer]);
  const { session } = await payments.createCheckout({
    ...{ topupId: id, orgId, customer, currency: "usd", amountMinor: 1_000n, description: "credit", locale: "en" },
    ...{ successUrl: stage.hub.url, cancelUrl: stage.hub.url },
  });
  await stage.sql.query("update topup set stripe_session = $2 where id = $1", [id, session]);
  const paid = await fetch(`${stage.hub.url}/__stripe/pay/${session}`, {
    ...{ method: "POST", redirect: "manual", dispatcher: freshConnections },
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: "number=4242+4242+4242+4242",
  });
  await paid.body?.cancel();
  expect(paid.status).toBe(303);
  return id;
}

const stateOf = async (table: "topup" | "refund", id: string) =>
  (await stage.sql.query<{ state: string }>(`select state from ${table} where id = $1`, [id])).rows[0]?.state;

type Killed = { at: number; check(): Promise<void> };
type Scene = (die: () => Promise<number>) => Promise<Killed>;

/** A gateway dies with streams, and the worker when it closes their holds. */
const sweep: Scene = async (die) => {
  const { orgId, key } = await stage.tenant("10");
  const model = await stage.model("trickle:interval=20,tokens=500", PRICE);
  const streams = Array.from({ length: 3 }, async (_, i) => {
    const tag = `${orgId}-${i}`;
    return { ...(await call({ url: stage.hub.url, key, model, stream: true, tag })), tag };
  });
  const sent = () => Math.min(...[0, 1, 2].map((i) => stage.upstream.truth.byTag(`${orgId}-${i}`)[0]?.tokens ?? 0));
  await expect.poll(sent, { timeout: 20_000 }).toBeGreaterThan(50);
  const before = stage.hub.pids().gateway;
  killFamily(before);
  const answers = await Promise.all(streams);
  await expect.poll(() => stage.hub.pids().gateway, { timeout: 20_000 }).not.toBe(before);
  const at = await die();
  return {
    at,
    check: async () => {
      await expect.poll(() => openHolds(stage, [orgId]), { timeout: 60_000, intervals: [250] }).toBe(0);
      expect((await lastClosed(stage, orgId)) - at).toBeLessThanOrEqual(60_000);
      expect(await expectExactBooks(stage, { orgId, creditNano: parseUsd("10"), answers })).toBe(3);
    },
  };
};

/** Credit that is over, and the worker dies when it takes it away. */
const expire: Scene = async (die) => {
  const { orgId } = await stage.tenant("1");
  const expiresAt = new Date(Date.now() + 1_500).toISOString();
  await stage.admin("POST", `/orgs/${orgId}/credits`, {
    amountUsd: "2",
    kind: "promo",
    reason: "fault test",
    expiresAt,
  });
  await expect.poll(() => Date.now()).toBeGreaterThan(Date.parse(expiresAt));
  const dying = die();
  await addJob("expire_credit");
  return {
    at: await dying,
    check: async () => {
      await addJob("expire_credit");
      await expect.poll(() => balanceOf(orgId), { timeout: 30_000 }).toBe("1");
    },
  };
};

/** A purchase is paid, and the worker dies when it is to be credited. */
const payment: Scene = async (die) => {
  const { orgId } = await stage.tenant("1");
  const dying = die();
  const topup = await buy(orgId);
  return {
    at: await dying,
    check: async () => {
      // the look of the next minute
      await addJob("sweep_open_payments");
      await expect.poll(() => stateOf("topup", topup), { timeout: 60_000 }).toBe("paid");
      expect(await balanceOf(orgId)).toBe("11");
    },
  };
};

/** A refund is debited, and the worker dies when Stripe is to make it. */
const refund: Scene = async (die) => {
  const { orgId } = await stage.tenant("1");
  const topup = await buy(orgId);
  await expect.poll(() => stateOf("topup", topup), { timeout: 60_000 }).toBe("paid");
  const id = newId("rfd");
  const dying = die();
  await stage.sql.query("select request_refund($1, $2, $3::bigint, false, 'user:test', 'fault test')", [
    ...[id, topup, parseUsd("4").toString()],
  ]);
  await addJob("send_refund", { refund: id });
  return {
    at: await dying,
    check: async () => {
      // the look a minute later
      await stage.sql.query("update refund set requested_at = requested_at - interval '2 minutes' where id = $1", [id]);
      await addJob("sweep_refunds");
      await expect.poll(() => stateOf("refund", id), { timeout: 60_000 }).toBe("succeeded");
      expect(await balanceOf(orgId)).toBe("7");
      const level = await payments.readPayment({ session: null, intent: await intentOf(topup) });
      expect(formatUsd(BigInt(level.captured) * 10_000_000n)).toBe(PURCHASE_USD);
      expect(level.refunds).toHaveLength(1);
    },
  };
};

const intentOf = async (topup: string) =>
  (await stage.sql.query<{ stripe_pi: string }>("select stripe_pi from topup where id = $1", [topup])).rows[0]
    ?.stripe_pi ?? "";

const SCENES: Record<string, Scene> = { sweep, expire, payment, refund };

test("killed at each point, the worker closes, expires, credits and gives back all the same, each once", async () => {
  test.setTimeout(count(240_000, 900_000));
  const killed: Killed[] = [];
  for (const point of count(SHORT, WORKER_POINTS)) {
    const before = await lives();
    const scene = SCENES[point.slice(0, point.indexOf("."))] as Scene;
    killed.push(
      await scene(() => {
        points.arm(point);
        return points.struck(point);
      }),
    );
    await expect.poll(lives, { timeout: 40_000, intervals: [100] }).toBeGreaterThan(before);
  }
  for (const { check } of killed) await check();
  console.log(`killed at ${killed.length} points`);
  expect(points.unreached(WORKER_POINTS), "points that no process comes by").toEqual([]);
  expect(await stage.violations()).toEqual([]);
});
