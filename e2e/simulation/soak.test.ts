import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type TestDatabase, testDatabase } from "@/e2e/support/database";
import { parseRates, priceUsage } from "@/lib/billing/pricing";
import { createSweeper } from "@/lib/billing/sweeper";
import type { Usage } from "@/lib/billing/usage";
import type { Settlement } from "@/lib/billing/wallet";
import { newId } from "@/lib/ids";
import type { Nano } from "@/lib/money";
import { rerate } from "@/lib/usage/rerate";
import { createOrg, type TestOrg } from "@/prisma/sql/testing";
import { LossyNode } from "./lossy-node";
import { Random } from "./random";

// Weeks of a hub in minutes: two nodes, prepaid and internal organisations with budgets, credit that is bought, given and expires,
// prices that change, and now and then a lost statement, a node that dies or one that stands still. The clock is ours.
// `npm run prove -- soak` runs thirty days with a million calls.

const DAYS = Number(process.env.SOAK_DAYS ?? 1);
const CALLS_A_DAY = Math.ceil(Number(process.env.SOAK_CALLS ?? 1_200) / DAYS);
const SEED = Number(process.env.SEED ?? 1);
const ROUNDS_AN_HOUR = 6;
const ROUND_MS = 9.5 * 60_000;
/** Longer than a hold lives: what nobody settles is swept before the hour ends. */
const REST_MS = 3 * 60_000;
/** A month ends half-way. */
const START = Date.UTC(2025, 1, 1) - (DAYS / 2) * 24 * 3_600_000;
/** Nano-USD: what budgets and credit are counted in, so that both are scarce however many calls there are. */
const SHARE = Math.ceil(CALLS_A_DAY * 1_000);
const MODELS = ["soak/small", "soak/large"];
const NODES = ["soak-1", "soak-2"];

type Price = { id: string; rates: object };
type Call = {
  id: string;
  org: string;
  /** What its usage costs; null while nobody has written it down for settling. */
  truth: Nano | null;
  /** What it may cost where its node dies: as far as a checkpoint has told. */
  told: Nano[];
};

let database: TestDatabase;
const directory = fs.mkdtempSync(path.join(process.env.HUB_TEST_DIR ?? os.tmpdir(), "hub-soak-"));
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(async () => {
  await database.drop();
  fs.rmSync(directory, { recursive: true, force: true });
});

test(
  "after every hour the books balance, every call costs what it used, and the months sum up to it",
  async () => {
    const soak = new Soak(new Random(SEED));
    await soak.prepare();
    for (let day = 0; day < DAYS; day++) {
      for (let hour = 0; hour < 24; hour++) await soak.hour();
      await soak.night();
    }
    await soak.judge();
    console.log(`seed ${SEED}: ${DAYS} days, ${JSON.stringify(soak.counts)}`);
    const { calls, refused, voided, died, late, crashes, expired } = soak.counts;
    for (const seen of [calls, refused, voided, died, late, crashes, expired]) expect(seen).toBeGreaterThan(0);
  },
  24 * 3_600_000,
);

class Soak {
  readonly counts = { calls: 0, refused: 0, voided: 0, died: 0, late: 0, crashes: 0, expired: 0 };
  private now = START;
  private readonly clock = { now: () => this.now, monotonic: () => this.now - START };
  private readonly tenants: TestOrg[] = [];
  private readonly prices = new Map<string, Price>();
  private nodes: LossyNode[] = [];
  private today: Call[] = [];
  /** Settled by a node that stood still, in the round after. */
  private stalled: (() => void)[] = [];
  private readonly invoices = new Map<string, Nano>();

  constructor(private readonly random: Random) {}

  async prepare(): Promise<void> {
    const { pool } = database;
    await pool.query("CREATE TABLE soak_clock (at timestamptz NOT NULL)");
    await pool.query("INSERT INTO soak_clock VALUES ($1)", [new Date(this.now)]);
    await pool.query(
      "CREATE OR REPLACE FUNCTION hub_now() RETURNS timestamptz LANGUAGE sql VOLATILE AS 'SELECT at FROM public.soak_clock'",
    );
    const limits: [floor: number | null, scope: "key" | "org", limits: object][] = [
      [0, "key", {}],
      [0, "key", { cap: 60 * SHARE }],
      [0, "key", { maxConcurrency: 8, rpm: 20 }],
      [0, "org", { day: 80 * SHARE, month: 2_000 * SHARE }],
      [0, "key", { week: 500 * SHARE, total: 2_500 * SHARE }],
      [null, "key", {}],
      [null, "org", { month: 1_500 * SHARE }],
    ];
    for (const [floor, scope, own] of limits) {
      const tenant = await createOrg(pool, { floor });
      await pool.query("SELECT set_limits($1, $2, $3, $4)", [
        ...[tenant.org, scope, scope === "org" ? tenant.org : tenant.key, JSON.stringify(own)],
      ]);
      this.tenants.push(tenant);
    }
    await this.changePrices();
    for (const name of NODES) this.nodes.push(await this.boot(name));
  }

  /** Six rounds of calls, then a rest in which all that is open ends; then the books must be in order. */
  async hour(): Promise<void> {
    const { pool } = database;
    const from = this.now;
    await this.give();
    for (let round = 0; round < ROUNDS_AN_HOUR; round++) {
      await this.pass(ROUND_MS);
      await this.round();
    }
    await this.pass(REST_MS);
    for (const settle of this.stalled.splice(0)) settle();
    await this.settled();
    await pool.query("SELECT expire_credit()");
    await this.expectHealthy(new Date(from - 3_600_000));
    await pool.query("SELECT mark_balances()");
  }

  async night(): Promise<void> {
    const { pool } = database;
    const since = new Date(this.now - 24 * 3_600_000);
    await this.expectHealthy(new Date(since.getTime() - 2 * 3_600_000));
    const { checked, differences } = await rerate(pool, { since, until: new Date(this.now + 1) });
    expect(differences).toEqual([]);
    await this.judgeCalls(since);
    expect(checked).toBeGreaterThan(0);
    while ((await pool.query("SELECT prune_holds() AS n")).rows[0].n > 0);
    await this.changePrices();
  }

  async judge(): Promise<void> {
    await this.expectHealthy("-infinity");
    const month = "to_char(%s AT TIME ZONE 'UTC', 'YYYY-MM')";
    const sums = async (text: string) =>
      new Map((await database.pool.query(text)).rows.map((row) => [`${row.org} ${row.month}`, BigInt(row.sum)]));
    // what the statement of a month reads, what the ledger booked, and what the calls cost
    const statements = await sums(
      `SELECT org_id AS org, ${month.replace("%s", "bucket")} AS month, sum(price_paid + price_promo) AS sum FROM usage_rollup GROUP BY 1, 2`,
    );
    const booked = await sums(
      `SELECT j.org_id AS org, ${month.replace("%s", "j.at")} AS month, sum(e.amount) AS sum FROM entry e
       JOIN journal j ON j.id = e.journal_id WHERE e.account_id = 'revenue' GROUP BY 1, 2`,
    );
    const invoices = new Map([...this.invoices].filter(([, sum]) => sum > 0n));
    expect(new Map([...statements].filter(([, sum]) => sum > 0n))).toEqual(invoices);
    expect(booked).toEqual(invoices);
    expect(new Set([...invoices.keys()].map((key) => key.split(" ")[1])).size).toBe(2);
  }

  private async round(): Promise<void> {
    const stalled = this.stalled.splice(0);
    const [first, second] = this.nodes as [LossyNode, LossyNode];
    const victim = this.random.chance(1 / 20) ? this.random.pick([first, second]) : null;
    const count = Math.ceil(CALLS_A_DAY / 24 / ROUNDS_AN_HOUR);
    const calls = Array.from({ length: count }, () => {
      const node = this.random.pick([first, second]);
      return { node, done: this.call(node) };
    });
    for (const settle of stalled) settle();
    if (victim) {
      await Promise.race(calls.map(({ done }) => done));
      victim.crash();
      this.counts.crashes++;
    }
    await Promise.all(calls.filter(({ node }) => !node.isDead).map(({ done }) => done));
    await this.settled();
    if (victim) this.nodes = this.nodes.filter((node) => node !== victim).concat(await this.boot(victim.name));
  }

  private async call(node: LossyNode): Promise<void> {
    const { random } = this;
    const { org, app, key } = random.pick(this.tenants);
    const model = random.pick(MODELS);
    const price = this.prices.get(model) as Price;
    const rates = parseRates(price.rates);
    const input = random.between(10, 4_000);
    const limit = random.between(50, 3_000);
    const call: Call = { id: newId("req"), org, truth: null, told: [] };
    const parts = [random.next(), random.next()].sort();
    const fate = random.next();
    const amount = priceUsage({ input, output: limit, requests: 1 }, rates);
    this.today.push(call);
    const answer = await node.wallet.authorize({
      ...{ orgId: org, requestId: call.id, keyId: key, appId: app, memberId: null, modelId: model, amount },
      ...{
        minAmount: amount,
        unitRate: 1n,
        inputHash: call.id,
        priceVersionId: price.id,
        tokensEstimate: input + limit,
      },
      ...{ restrictedOk: true, idempotency: null },
      context: { endpoint: "chat/completions", dialect: "openai-chat", stream: true, client_retry: null },
    });
    this.counts.calls++;
    if (!answer.granted) {
      this.counts.refused++;
      call.truth = 0n;
      return;
    }
    if (fate < 0.02) {
      this.counts.voided++;
      call.truth = 0n;
      return node.wallet.voidHold(call.id, org);
    }
    const cached = Math.floor(input * (parts[0] ?? 0));
    const usageAt = (part: number): Usage => {
      const output = Math.floor(limit * part);
      const reasoning = Math.floor(output / 3);
      return { input: input - cached, cacheRead: cached, output: output - reasoning, reasoning, requests: 1 };
    };
    for (const part of parts.slice(0, random.between(0, 2))) {
      const usage = usageAt(part / 2);
      const accrued = priceUsage(usage, rates);
      call.told.push(accrued);
      await node.wallet.checkpoint({
        ...{ orgId: org, requestId: call.id, attempt: 1, usage, units: Math.floor(limit * (part / 2)), accrued },
        ...{ accruedCost: accrued / 2n, wantAmount: null, context: {} },
      });
    }
    // nobody will settle it
    if (fate < 0.04) {
      this.counts.died++;
      return;
    }
    const usage = usageAt(parts[1] ?? 1);
    const settle = () => {
      if (node.isDead) return;
      // one in a thousand takes more than was held for it
      const used = fate > 0.999 ? { ...usage, output: (usage.output ?? 0) + limit } : usage;
      call.truth = priceUsage(used, rates);
      node.recorder.settle(settlement(call, used, call.truth));
    };
    if (fate > 0.05) return settle();
    this.counts.late++;
    this.stalled.push(settle);
  }

  /** Time passes, and the worker's sweeper takes its turns. */
  private async pass(ms: number): Promise<void> {
    const sweep = createSweeper({ sql: database.pool, clock: this.clock, log: { warn() {} } as never });
    for (const part of [ms / 2, ms / 2]) {
      this.now += part;
      await database.pool.query("UPDATE soak_clock SET at = $1", [new Date(this.now)]);
      await sweep();
    }
  }

  private async give(): Promise<void> {
    const { random } = this;
    for (const { org } of this.tenants.slice(0, 5)) {
      const bought = random.chance(0.3);
      const amount = random.between(5, 40) * SHARE;
      const expiresAt = bought ? null : new Date(this.now + random.between(1, 6) * 3_600_000);
      if (!bought && random.chance(0.6)) continue;
      await database.pool.query("SELECT grant_credit($1, $2, $3, $4, 'soak', 'soak', $5)", [
        ...[org, amount, bought ? "paid" : "promo", newId("lot"), expiresAt],
      ]);
    }
  }

  private async changePrices(): Promise<void> {
    for (const model of MODELS) {
      const input = this.random.between(50, 300);
      const rates = {
        ...{ input: `${input}000000`, cacheRead: `${Math.floor(input / 3)}000000` },
        ...{ output: `${input * 4}000000`, perRequest: `${this.random.between(0, 9)}000000000` },
      };
      const { rows } = await database.pool.query(
        `INSERT INTO price_version (subject, subject_id, rates, content_hash, source, created_by)
         VALUES ('model', $1, $2, $3, 'api', 'soak') RETURNING id::text AS id`,
        [model, JSON.stringify(rates), newId("lot")],
      );
      this.prices.set(model, { id: rows[0].id, rates });
    }
  }

  private boot(name: string): Promise<LossyNode> {
    return LossyNode.boot(name, { sql: database.pool, clock: this.clock, random: this.random, directory });
  }

  private async settled(): Promise<void> {
    await Promise.all(this.nodes.filter(({ isDead }) => !isDead).map(({ recorder }) => recorder.drain(60_000)));
  }

  private async expectHealthy(since: Date | string): Promise<void> {
    const { rows } = await database.pool.query("SELECT * FROM violations_since($1)", [since]);
    expect(rows).toEqual([]);
    const open = await database.pool.query("SELECT id FROM hold WHERE state = 'open'");
    expect(open.rows).toEqual([]);
  }

  /** Each call of the day has cost what it used; one whose node died, no more than it had told. */
  private async judgeCalls(since: Date): Promise<void> {
    const { rows } = await database.pool.query(
      `SELECT coalesce(parent_id, id) AS id, min(org_id) AS org, sum(price_nano) AS price,
         to_char(min(at) AT TIME ZONE 'UTC', 'YYYY-MM') AS month, to_char(max(at) AT TIME ZONE 'UTC', 'YYYY-MM') AS last
       FROM usage_event WHERE at > $1 GROUP BY 1`,
      [since],
    );
    const charged = new Map(rows.map((row) => [row.id, row]));
    for (const { id, org, truth, told } of this.today) {
      const row = charged.get(id);
      charged.delete(id);
      const price = BigInt(row?.price ?? 0);
      if (truth === null) expect([0n, ...told]).toContain(price);
      else expect(`${id} ${price}`).toBe(`${id} ${truth}`);
      if (!row) continue;
      expect(row.org).toBe(org);
      expect(row.last).toBe(row.month); // a day ends with its hour, so nothing is adjusted in another month
      this.invoices.set(`${org} ${row.month}`, (this.invoices.get(`${org} ${row.month}`) ?? 0n) + price);
    }
    expect([...charged.keys()]).toEqual([]);
    this.today = [];
    const lots = "SELECT count(*)::int AS n FROM journal WHERE kind = 'expiry'";
    this.counts.expired = (await database.pool.query(lots)).rows[0].n;
  }
}

function settlement({ id, org }: Call, usage: Usage, price: Nano): Settlement {
  const facts = { provider: "soak", upstream_model: "soak", credential: null };
  const cost = (price / 2n).toString();
  return {
    ...{ org, id, outcome: "ok", http_status: 200, price: price.toString(), cost, waste: "0", usage },
    ...{ usage_source: "reported", ...facts, route: "relay", upstream_id: id, finish_reason: "stop" },
    ...{ latency_ms: 900, first_token_ms: 80, client_retry: null },
    attempts: [
      {
        offer: null,
        ...facts,
        outcome: "ok",
        http_status: 200,
        usage,
        cost,
        cost_version: null,
        first_token_ms: 80,
        latency_ms: 900,
      },
    ],
  };
}
