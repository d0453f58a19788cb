import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { assertHealthy, type TestDatabase, testDatabase } from "@/e2e/support/database";
import { newId } from "@/lib/ids";
import { authorize, checkpoint, createOrg, grant, holdItem, settle, settleItem, type TestOrg, wallet } from "./testing";

// Random commands against one wallet, compared after each with a model of ten lines. SEED= repeats a run.

const RUNS = Number(process.env.PROPERTY_RUNS ?? 60);
const SEED = process.env.SEED ? Number(process.env.SEED) : undefined;

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.drop());

type Model = {
  posted: number;
  held: number;
  spentToday: number;
  open: Map<string, { amount: number; accrued: number }>;
};
type Real = { org: TestOrg; closed: { org: string; id: string }[] };
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

function charge(model: Model, id: string, price: number): void {
  const hold = model.open.get(id);
  if (!hold) return;
  model.open.delete(id);
  model.held -= hold.amount;
  model.spentToday += price;
  model.posted -= Math.min(price, Math.max(model.posted, 0)); // the rest is written off
}

const steps: {
  [K in Command["kind"]]: (command: Extract<Command, { kind: K }>, model: Model, real: Real) => Promise<void>;
} = {
  async authorize({ wants }, model, { org }) {
    const items = wants.map(([a, b]) => holdItem(org, { amount: Math.max(a, b), min_amount: Math.min(a, b) }));
    const answers = await authorize(database.pool, items, { node: "property" });
    items.forEach((item, n) => {
      const fits = room(model) >= item.min_amount;
      expect(answers[n]?.granted).toBe(fits);
      if (!fits) return;
      const granted = Math.min(item.amount, room(model));
      expect(Number(answers[n]?.amount)).toBe(granted);
      model.open.set(item.id, { amount: granted, accrued: 0 });
      model.held += granted;
    });
  },
  async settle({ prices }, model, real) {
    const ids = [...model.open.keys()].slice(0, prices.length);
    const items = ids.map((id, n) => settleItem({ org: real.org.org, id }, { price: prices[n] }));
    if (items.length === 0) return;
    expect((await settle(database.pool, items)).every((row) => row.applied)).toBe(true);
    for (const [n, id] of ids.entries()) charge(model, id, prices[n] as number);
    real.closed.push(...items);
  },
  async replay(_, __, { closed }) {
    const items = closed.slice(-5).map((item) => settleItem(item, { price: 777 }));
    if (items.length > 0) expect((await settle(database.pool, items)).some((row) => row.applied)).toBe(false);
  },
  async extend({ by, accrued }, model, { org }) {
    const [id, hold] = [...model.open][0] ?? [];
    if (!id || !hold) return;
    const more = Math.max(0, Math.min(by, room(model)));
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
    const [answer] = await checkpoint(database.pool, [item], { node: "property" });
    expect(answer).toMatchObject({ state: "open", amount: String(hold.amount + more) });
    model.held += more;
    model.open.set(id, { amount: hold.amount + more, accrued: Math.max(hold.accrued, accrued) });
  },
  async void(_, model) {
    const id = [...model.open.keys()].at(-1);
    if (!id) return;
    await database.pool.query("SELECT * FROM void_holds($1, 'property', 1)", [[id]]);
    charge(model, id, 0);
  },
  async sweep(_, model, real) {
    const [id, hold] = [...model.open][0] ?? [];
    if (!id || !hold) return;
    await database.pool.query("UPDATE hold SET expires_at = clock_timestamp() - interval '20 s' WHERE id = $1", [id]);
    expect((await database.pool.query("SELECT id FROM sweep_holds()")).rows).toContainEqual({ id });
    charge(model, id, hold.accrued);
    real.closed.push({ org: real.org.org, id });
  },
  async grant({ amount, source }, model, { org }) {
    await grant(database.pool, org.org, { amount, source, id: newId("lot") });
    model.posted += amount;
  },
};

test("a wallet does what its model does, and stays healthy", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 3, maxLength: 25 }), async (commands) => {
      const real: Real = { org: await createOrg(database.pool, { credit: 3_000 }), closed: [] };
      const model: Model = { posted: 3_000, held: 0, spentToday: 0, open: new Map() };
      await database.pool.query("SELECT set_limits($1, 'org', $1, $2)", [
        real.org.org,
        JSON.stringify({ total: BUDGET, maxConcurrency: 1_000 }),
      ]);
      for (const command of commands) {
        await steps[command.kind](command as never, model, real);
        expect(await wallet(database.pool, real.org.org)).toMatchObject({ posted: model.posted, held: model.held });
      }
      await settle(
        database.pool,
        [...model.open.keys()].map((id) => settleItem({ org: real.org.org, id }, { price: 0 })),
      );
      await assertHealthy(database.pool, real.org.org);
    }),
    { numRuns: RUNS, ...(SEED !== undefined && { seed: SEED }), verbose: 1 },
  );
}, 120_000);
