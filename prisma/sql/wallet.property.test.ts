import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { assertHealthy, type TestDatabase, testDatabase } from "@/e2e/support/database";
import { newId } from "@/lib/ids";
import { authorize, checkpoint, createOrg, grant, holdItem, settle, settleItem, type TestOrg, wallet } from "./testing";

// Random commands against one wallet, compared after each with a small model. SEED= repeats a run, PROPERTY_RUNS= makes it longer.

const RUNS = Number(process.env.PROPERTY_RUNS ?? 500);
const SEED = process.env.SEED ? Number(process.env.SEED) : undefined;
/** Wallets do not wait for each other, so neither do their runs. */
const SHARDS = SEED === undefined ? 4 : 1;

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.drop());

type Open = { amount: number; accrued: number; delivered: boolean };
type Model = {
  posted: number;
  held: number;
  spentToday: number;
  /** A late adjustment took it below zero: nothing new is held until credit covers that. */
  frozen: boolean;
  open: Map<string, Open>;
  /** Swept and not adjusted: what they were charged, and how much of it was written off. */
  swept: Map<string, { price: number; written: number }>;
};
type Real = { org: TestOrg; node: string; epoch: number; closed: { org: string; id: string }[] };
const BUDGET = 6_000;

const amount = fc.integer({ min: 0, max: 900 });
const command = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("authorize" as const),
      wants: fc.array(fc.tuple(amount, amount), { minLength: 1, maxLength: 6 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("settle" as const),
      prices: fc.array(amount, { minLength: 1, maxLength: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("replay" as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("extend" as const), by: amount, accrued: amount }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("void" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("sweep" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("crash" as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("late" as const), price: amount }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("expire" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("refund" as const), amount: fc.integer({ min: 1, max: 900 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("grant" as const),
      amount: fc.integer({ min: 1, max: 1_500 }),
      source: fc.constantFrom("paid" as const, "comp" as const, "promo" as const),
    }),
  },
);
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

const room = (model: Model) => Math.min(model.posted - model.held, BUDGET - model.spentToday - model.held);

/** What is due expires before anything is held anew, but for what holds have been granted. */
async function expireDue(model: Model, { org }: Real): Promise<void> {
  const due =
    "SELECT coalesce(sum(remaining), 0)::int AS due FROM credit_lot WHERE org_id = $1 AND expires_at <= clock_timestamp()";
  const { rows } = await database.pool.query(due, [org.org]);
  model.posted -= Math.min(rows[0].due, Math.max(model.posted - model.held, 0));
}

/** Returns what is written off: what is not there, unless the wallet owes already. */
function charge(model: Model, id: string, price: number): number {
  const hold = model.open.get(id);
  if (!hold) return 0;
  model.open.delete(id);
  model.held -= hold.amount;
  model.spentToday += price;
  const written = model.frozen ? 0 : price - Math.min(price, Math.max(model.posted, 0));
  model.posted -= price - written;
  return written;
}

const steps: {
  [K in Command["kind"]]: (command: Extract<Command, { kind: K }>, model: Model, real: Real) => Promise<void>;
} = {
  async authorize({ wants }, model, real) {
    const { org, node, epoch } = real;
    const items = wants.map(([a, b]) => holdItem(org, { amount: Math.max(a, b), min_amount: Math.min(a, b) }));
    await expireDue(model, real);
    const answers = await unskipped(() => authorize(database.pool, items, { node, epoch }));
    items.forEach((item, n) => {
      const fits = !model.frozen && room(model) >= item.min_amount;
      expect(answers[n]?.granted).toBe(fits);
      if (!fits) return;
      const granted = Math.min(item.amount, room(model));
      expect(Number(answers[n]?.amount)).toBe(granted);
      model.open.set(item.id, { amount: granted, accrued: 0, delivered: false });
      model.held += granted;
    });
  },
  async settle({ prices }, model, real) {
    const ids = [...model.open.keys()].slice(0, prices.length);
    const items = ids.map((id, n) => settleItem({ org: real.org.org, id }, { price: prices[n] }));
    if (items.length === 0) return;
    expect((await unskipped(() => settle(database.pool, items))).every((row) => row.applied)).toBe(true);
    for (const [n, id] of ids.entries()) charge(model, id, prices[n] as number);
    real.closed.push(...items);
  },
  async replay(_, __, { closed }) {
    const items = closed.slice(-5).map((item) => settleItem(item, { price: 777 }));
    if (items.length > 0)
      expect((await unskipped(() => settle(database.pool, items))).some((row) => row.applied)).toBe(false);
  },
  async extend({ by, accrued }, model, real) {
    const { org, node, epoch } = real;
    const [id, hold] = [...model.open][0] ?? [];
    if (!id || !hold) return;
    await expireDue(model, real);
    const more = model.frozen ? 0 : Math.max(0, Math.min(by, room(model)));
    const item = {
      org: org.org,
      id,
      attempt: 1,
      units: 1,
      accrued,
      accrued_cost: 0,
      usage: { output: 1 },
      want_amount: hold.amount + by,
    };
    const [answer] = await unskipped(() => checkpoint(database.pool, [item], { node, epoch }));
    expect(answer).toMatchObject({ state: "open", amount: String(hold.amount + more) });
    model.held += more;
    const progress = { accrued: Math.max(hold.accrued, accrued), delivered: true };
    model.open.set(id, { amount: hold.amount + more, ...progress });
  },
  async void(_, model, { node }) {
    const id = [...model.open.keys()].at(-1);
    if (!id) return;
    await database.pool.query("SELECT * FROM void_holds($1, $2, 1)", [[id], node]);
    charge(model, id, 0);
  },
  async sweep(_, model, real) {
    const [id, hold] = [...model.open][0] ?? [];
    if (!id || !hold) return;
    await database.pool.query("UPDATE hold SET expires_at = clock_timestamp() - interval '20 s' WHERE id = $1", [id]);
    await sweepUntilClosed([id]);
    closeSwept(model, real, id, hold);
  },
  async crash(_, model, real) {
    const { node } = real;
    real.epoch = Number((await database.pool.query("SELECT node_boot($1) AS epoch", [node])).rows[0].epoch);
    await database.pool.query("SELECT node_spool_replayed($1, $2)", [node, real.epoch]);
    await sweepUntilClosed([...model.open.keys()]);
    const order = await database.pool.query("SELECT id FROM hold WHERE id = ANY ($1) ORDER BY created_at, id", [
      [...model.open.keys()],
    ]);
    for (const { id } of order.rows) closeSwept(model, real, id, model.open.get(id) as Open);
  },
  async late({ price }, model, { org }) {
    const [id, charged] = [...model.swept][0] ?? [];
    if (!id || charged === undefined) return;
    const change = price - charged.price;
    const items = JSON.stringify([settleItem({ org: org.org, id }, { price })]);
    const adjust = async () => (await database.pool.query("SELECT * FROM late_adjust($1)", [items])).rows[0];
    expect(await adjust()).toMatchObject({ applied: true, delta: String(change) });
    expect(await adjust()).toMatchObject({ applied: false });
    model.swept.delete(id);
    model.posted -= change + Math.min(charged.written, Math.max(-change, 0)); // nobody gets back what they never paid
    model.spentToday += change;
    model.frozen = model.posted < 0;
  },
  async expire(_, __, real) {
    const some =
      "SELECT id FROM credit_lot WHERE org_id = $1 AND remaining > 0 AND expires_at IS NULL ORDER BY created_at LIMIT 1";
    const { rows } = await database.pool.query(some, [real.org.org]);
    if (rows.length === 0) return;
    const past = "clock_timestamp() - interval '1 s'";
    await database.pool.query(`UPDATE credit_lot SET expires_at = ${past} WHERE id = $1`, [rows[0].id]);
    await database.pool.query(`UPDATE wallet SET next_expiry_at = ${past} WHERE org_id = $1`, [real.org.org]);
  },
  /** Money goes back only where it is there and not held. */
  async refund({ amount }, model, { org }) {
    const take = () =>
      database.pool.query("SELECT * FROM correct_balance($1, $2, $3, 'test', 'test')", [
        org.org,
        -amount,
        newId("jrn"),
      ]);
    if (model.posted - model.held < amount) return void (await expect(take()).rejects.toMatchObject({ code: "22003" }));
    await take();
    model.posted -= amount;
  },
  async grant({ amount, source }, model, { org }) {
    await grant(database.pool, org.org, { amount, source, id: newId("lot") });
    model.posted += amount;
    if (model.posted >= 0) model.frozen = false;
  },
};

/** A sweep of another shard may have the wallet: its items come again, as they do in the batcher. */
async function unskipped<Row extends { skipped: boolean }>(ask: () => Promise<Row[]>): Promise<Row[]> {
  for (;;) {
    const rows = await ask();
    if (!rows.some(({ skipped }) => skipped)) return rows;
  }
}

/** Another shard's wallet may be locked, or its sweep may take ours along. */
async function sweepUntilClosed(ids: string[]): Promise<void> {
  const open = "SELECT count(*)::int AS open FROM hold WHERE id = ANY ($1) AND state = 'open'";
  do await database.pool.query("SELECT * FROM sweep_holds()");
  while ((await database.pool.query(open, [ids])).rows[0].open > 0);
}

function closeSwept(model: Model, real: Real, id: string, hold: Open): void {
  const price = hold.delivered ? hold.accrued : 0;
  model.swept.set(id, { price, written: charge(model, id, price) });
  real.closed.push({ org: real.org.org, id });
}

async function run(commands: Command[]): Promise<void> {
  const org = await createOrg(database.pool, { credit: 3_000 });
  const node = newId("node");
  const { rows } = await database.pool.query("SELECT node_boot($1) AS epoch", [node]);
  const real: Real = { org, node, epoch: Number(rows[0].epoch), closed: [] };
  const start = { posted: 3_000, held: 0, spentToday: 0, frozen: false };
  const model: Model = { ...start, open: new Map(), swept: new Map() };
  await database.pool.query("SELECT set_limits($1, 'org', $1, $2)", [
    org.org,
    JSON.stringify({ total: BUDGET, maxConcurrency: 1_000 }),
  ]);
  for (const command of commands) {
    await steps[command.kind](command as never, model, real);
    expect(await wallet(database.pool, org.org)).toMatchObject({
      posted: model.posted,
      held: model.held,
      status: model.frozen ? "frozen" : "active",
    });
  }
  const rest = [...model.open.keys()].map((id) => settleItem({ org: org.org, id }, { price: 0 }));
  await unskipped(() => settle(database.pool, rest));
}

test.concurrent.each(Array.from({ length: SHARDS }, (_, shard) => shard))(
  "a wallet does what its model does, and stays healthy (%i)",
  async () => {
    await fc.assert(fc.asyncProperty(fc.array(command, { minLength: 3, maxLength: 20 }), run), {
      numRuns: Math.ceil(RUNS / SHARDS),
      ...(SEED !== undefined && { seed: SEED }),
      verbose: 1,
    });
  },
  7_200_000,
);

// the view looks at everything at once: asked after each run it would take most of the time
test("after all of them the whole ledger is healthy", () => assertHealthy(database.pool));
