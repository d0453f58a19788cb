import { afterAll, beforeAll, expect, test } from "vitest";
import { assertHealthy, type TestDatabase, testDatabase } from "@/e2e/support/database";
import { newId } from "@/lib/ids";
import { authorize, checkpoint, createKey, createOrg, holdItem, settle, settleItem, type TestOrg } from "./testing";

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(async () => {
  await assertHealthy(database.pool);
  await database.drop();
});

type Claim = { path: string; key: string; hash: string };
const claimOf = (): Claim => ({ path: "/api/v1/chat/completions", key: newId("idk"), hash: "body" });

async function ask(org: TestOrg, claim: Claim) {
  const item = holdItem(org, { amount: 100 });
  const [answer] = await authorize(database.pool, [{ ...item, idempotency: claim } as typeof item]);
  return { item, rule: answer?.refused_by ?? null, of: answer?.scope };
}
const end = (item: { org: string; id: string }, claim: Claim, state: string) =>
  settle(database.pool, [settleItem(item, { price: 10, idempotency: { ...claim, state, response: { status: 200 } } })]);
const sweep = async (id: string) => {
  await database.pool.query("UPDATE hold SET expires_at = clock_timestamp() - interval '20 s' WHERE id = $1", [id]);
  await database.pool.query("SELECT * FROM sweep_holds()");
};

test("a key is one organisation's, one API key's and one path's; another body is a mismatch", async () => {
  const org = await createOrg(database.pool, { credit: 10_000 });
  const claim = claimOf();
  const { item } = await ask(org, claim);
  expect(await ask(org, claim)).toMatchObject({ rule: "idempotency_in_flight", of: item.id });
  const free = [
    await ask(org, { ...claim, path: "/api/v1/embeddings" }),
    await ask({ ...org, key: await createKey(database.pool, org) }, claim),
    await ask(await createOrg(database.pool, { credit: 10_000 }), claim),
  ];
  expect(free.map(({ rule }) => rule)).toEqual([null, null, null]);
  await end(item, claim, "done");
  expect(await ask(org, claim)).toMatchObject({ rule: "idempotency_replay", of: item.id });
  expect(await ask(org, { ...claim, hash: "other" })).toMatchObject({ rule: "idempotency_mismatch" });
  await Promise.all(free.map(({ item: other }) => end(other, claim, "failed")));
});

test("what ended without an answer to keep says so, what failed may run anew, and so may it after a day", async () => {
  const org = await createOrg(database.pool, { credit: 10_000 });
  const claim = claimOf();
  const first = await ask(org, claim);
  await end(first.item, claim, "unreplayable");
  expect(await ask(org, claim)).toMatchObject({ rule: "idempotency_replay_unavailable", of: first.item.id });
  await database.pool.query("UPDATE idempotency SET expires_at = clock_timestamp() WHERE org_id = $1", [org.org]);
  const second = await ask(org, claim);
  expect(second.rule).toBeNull();
  await end(second.item, claim, "failed");
  const third = await ask(org, claim);
  expect(third.rule).toBeNull();
  await end(third.item, claim, "done");
});

test("given up, or swept before anything came, it may run anew; not once something was put out, nor once the truth is known", async () => {
  const org = await createOrg(database.pool, { credit: 10_000 });
  const given = claimOf();
  const { item } = await ask(org, given);
  await database.pool.query("SELECT * FROM void_holds($1, 'node', 1)", [[item.id]]);
  const again = await ask(org, given);
  expect(again.rule).toBeNull();
  await sweep(again.item.id);
  const third = await ask(org, given);
  expect(third.rule).toBeNull();
  await checkpoint(database.pool, [
    { org: org.org, id: third.item.id, attempt: 1, units: 1, accrued: 5, accrued_cost: 1, usage: { output: 1 } },
  ]);
  await sweep(third.item.id);
  expect(await ask(org, given)).toMatchObject({ rule: "idempotency_replay_unavailable" });

  const late = claimOf();
  const lost = await ask(org, late);
  await sweep(lost.item.id);
  // the node woke up: it had answered
  await end(lost.item, late, "done");
  expect(await ask(org, late)).toMatchObject({ rule: "idempotency_replay", of: lost.item.id });
});
