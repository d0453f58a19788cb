import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { assertHealthy, type TestDatabase, testDatabase } from "@/e2e/support/database";
import { db } from "@/lib/db";
import { newId } from "@/lib/ids";
import { createOrgKey, updateOrgKey } from "@/lib/keys/mutations";
import { keyInput, keyPatch } from "@/lib/keys/schema";
import { openOrg } from "@/lib/orgs/mutations";
import { ORG_ROLES, STAFF_ROLES } from "@/lib/orgs/permissions";
import { mintScope, mintStaffScope, type Scope } from "@/lib/orgs/scope";
import { updateSettings } from "@/lib/settings/admin-settings";
import { settingsPatch } from "@/lib/settings/schema";
import { authorize, grant, holdItem, settle, settleItem } from "@/prisma/sql/testing";

let database: TestDatabase;
let scope: Scope;
beforeAll(async () => {
  database = await testDatabase();
  vi.stubEnv("HUB_ROLE", "web");
  vi.stubEnv("HUB_DATABASE_URL_WEB", database.roleUrl("web"));
  const { id } = await db().$transaction((tx) => openOrg(tx, { name: "Acme" }));
  const actor = { type: "user", id: newId("usr") } as const;
  scope = mintScope({ orgId: id, actor, permissions: new Set(ORG_ROLES.owner) });
});
afterAll(async () => {
  await assertHealthy(database.pool);
  await db().$disconnect();
  await database.drop();
  vi.unstubAllEnvs();
});

const make = (fields: object = {}) => createOrgKey(scope, keyInput.parse({ name: "Bot", ...fields }));
const edit = (id: string, fields: object) => updateOrgKey(scope, { id, ...keyPatch.parse(fields) });
const operate = (patch: object) =>
  updateSettings(
    mintStaffScope({ actor: { type: "user", id: newId("usr") }, permissions: new Set(STAFF_ROLES.owner) }),
    settingsPatch.parse(patch),
  );

async function capOf(id: string): Promise<string | null> {
  const { rows } = await database.pool.query("SELECT budget FROM limit_state WHERE scope_id = $1 AND is_cap", [id]);
  return rows[0]?.budget ?? null;
}

test("a new key has the default cap, which is no budget of its own", async () => {
  expect(await make()).toMatchObject({ dailyCapUsd: "1000", spentTodayUsd: "0", budgetUsd: null, budgetPeriod: null });
});

test("the cap stands beside a budget of another period; one of the day takes its place, and gives it back", async () => {
  const { id } = await make({ budgetUsd: "50", budgetPeriod: "month", dailyCapUsd: "5" });
  expect(await edit(id, { rpm: 10 })).toMatchObject({ budgetUsd: "50", budgetPeriod: "month", dailyCapUsd: "5" });
  const daily = { budgetUsd: "7", budgetPeriod: "day", dailyCapUsd: null };
  expect(await edit(id, { budgetUsd: 7, budgetPeriod: "day" })).toMatchObject(daily);
  await expect(edit(id, { dailyCapUsd: 3 })).rejects.toMatchObject({
    code: "invalid_request",
    details: { param: "dailyCapUsd" },
  });
  expect(await edit(id, { budgetPeriod: "week" })).toMatchObject({
    ...{ budgetUsd: "7", budgetPeriod: "week", dailyCapUsd: "1000" },
  });
  expect(await edit(id, { budgetUsd: null })).toMatchObject({ budgetUsd: null, dailyCapUsd: "1000" });
  expect(await edit(id, { dailyCapUsd: null })).toMatchObject({ dailyCapUsd: null, spentTodayUsd: null });
  expect(await make(daily)).toMatchObject(daily);
});

test("the cap refuses by its name, whatever the budget leaves", async () => {
  const key = await make({ budgetUsd: "50", budgetPeriod: "month", dailyCapUsd: "0.000002" });
  await grant(database.pool, scope.orgId, { amount: 100_000 });
  const org = { org: scope.orgId, app: key.appId, key: key.id };
  const [first, second] = [holdItem(org, { amount: 1_500 }), holdItem(org, { amount: 1_500 })];
  expect(await authorize(database.pool, [first, second])).toMatchObject([
    { granted: true },
    { granted: false, refused_by: "budget", scope: "key", period: "day", limit_value: "2000", used_value: "1500" },
  ]);
  await settle(database.pool, [settleItem(first, { price: 1_200 })]);
  expect(await edit(key.id, { name: "Bot" })).toMatchObject({ spentTodayUsd: "0.0000012", spentUsd: "0.0000012" });
});

test("keys with the default follow it, others keep theirs; enterprise mode has none", async () => {
  const [plain, own, budgeted] = [
    await make(),
    await make({ dailyCapUsd: "12" }),
    await make({ budgetUsd: "3", budgetPeriod: "day" }),
  ];
  const caps = async () => Promise.all([plain, own, budgeted].map(({ id }) => capOf(id)));
  await operate({ keyDailyCapUsd: "200" });
  expect(await caps()).toEqual(["200000000000", "12000000000", null]);
  expect(await make()).toMatchObject({ dailyCapUsd: "200" });
  await operate({ keyDailyCapUsd: "0" });
  expect(await caps()).toEqual([null, "12000000000", null]);
  // what has been spent and is held already counts
  await grant(database.pool, scope.orgId, { amount: 100_000 });
  const org = { org: scope.orgId, app: plain.appId, key: plain.id };
  const [done, open] = [holdItem(org, { amount: 1_500 }), holdItem(org, { amount: 900 })];
  await authorize(database.pool, [done, open]);
  await settle(database.pool, [settleItem(done, { price: 1_200 })]);
  await operate({ keyDailyCapUsd: "300" });
  expect(await caps()).toEqual(["300000000000", "12000000000", null]);
  expect((await database.pool.query("SELECT * FROM violations")).rows).toEqual([]);
  await settle(database.pool, [settleItem(open, { price: 100 })]);
  await operate({ mode: "enterprise" });
  expect(await caps()).toEqual([null, "12000000000", null]);
  expect(await make()).toMatchObject({ dailyCapUsd: null });
  await operate({ mode: "service" });
  expect(await caps()).toEqual(["300000000000", "12000000000", null]);
});

test("enabling a key that the hub paused resumes it: the reason goes, and what it spent before is not judged again", async () => {
  const { id } = await make();
  await database.pool.query("UPDATE api_key SET status = 'disabled', status_reason = 'unusual_spend' WHERE id = $1", [
    id,
  ]);
  expect(await edit(id, { name: "Bot" })).toMatchObject({ status: "disabled", statusReason: "unusual_spend" });
  expect(await edit(id, { enabled: true })).toMatchObject({ status: "active", statusReason: null });
  const { rows } = await database.pool.query("SELECT resumed_at FROM api_key WHERE id = $1", [id]);
  expect(rows[0].resumed_at).toBeInstanceOf(Date);
});
