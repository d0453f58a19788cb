import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { assertHealthy, type TestDatabase, testDatabase } from "@/e2e/support/database";
import { systemClock } from "@/lib/clock";
import { db } from "@/lib/db";
import { env } from "@/lib/env";
import { newId } from "@/lib/ids";
import { createKeyring } from "@/lib/keys/authenticate";
import { createKeyUses } from "@/lib/keys/key-uses";
import { createOrgKey, revokeOrgKey, rotateOrgKey, toggleOrgKeys, updateOrgKey } from "@/lib/keys/mutations";
import { addressesOfKeys, getOrgKey, listOrgKeys } from "@/lib/keys/queries";
import { keyEdit, newKeyInput } from "@/lib/keys/schema";
import { openOrg } from "@/lib/orgs/mutations";
import { ORG_ROLES, type OrgRole } from "@/lib/orgs/permissions";
import { mintScope, type Scope } from "@/lib/orgs/scope";
import { createPool } from "@/lib/pg";
import { grant, spend } from "@/prisma/sql/testing";

let database: TestDatabase;
let gateway: ReturnType<typeof createPool>;
beforeAll(async () => {
  database = await testDatabase();
  gateway = createPool(database.roleUrl("gateway"), { max: 2, applicationName: "test" });
  vi.stubEnv("HUB_ROLE", "web");
  vi.stubEnv("HUB_DATABASE_URL_WEB", database.roleUrl("web"));
});
afterAll(async () => {
  await assertHealthy(database.pool);
  await gateway.end();
  await db().$disconnect();
  await database.drop();
  vi.unstubAllEnvs();
});

async function person(orgId: string, role: OrgRole = "owner"): Promise<Scope> {
  const userId = newId("usr");
  await db().user.create({ data: { id: userId, email: `${userId}@example.com`, name: "Ada" } });
  await db().member.create({ data: { id: newId("mem"), orgId, userId, role } });
  return mintScope({ orgId, actor: { type: "user", id: userId }, permissions: new Set(ORG_ROLES[role]) });
}

async function owner(): Promise<Scope> {
  const { id } = await db().$transaction((tx) => openOrg(tx, { name: "Acme" }));
  return person(id);
}

const make = (scope: Scope, fields: object = {}) =>
  createOrgKey(scope, newKeyInput.partial({ form: true }).parse({ name: "Bot", ...fields }));

/** As a gateway that starts now and sees the database only. */
async function open(key: string, address = "203.0.113.9"): Promise<string> {
  const errors: unknown[] = [];
  const uses = createKeyUses({ sql: gateway, clock: systemClock, onError: (error) => errors.push(error) });
  const keyring = createKeyring({ sql: gateway, peppers: [env().keyPepper], clock: systemClock, onUse: uses.note });
  const request = { headers: { "x-api-key": key }, query: new URLSearchParams(), remoteAddress: address };
  const { keyId } = await keyring.authenticate(request);
  await uses.flush();
  expect(errors).toEqual([]);
  return keyId;
}

test("a form that is sent again makes one key, as it was filled in last, and nobody else's", async () => {
  const scope = await owner();
  const form = randomUUID();
  const unseen = await make(scope, { rpm: 5, form });
  const seen = await make(scope, { name: "Bot 2", rpm: 7, form });
  expect(await listOrgKeys(scope)).toMatchObject([{ id: unseen.id, name: "Bot 2", rpm: 7 }]);
  await expect(open(unseen.key)).rejects.toMatchObject({ code: "invalid_api_key" });
  expect(await open(seen.key)).toBe(unseen.id);
  const other = await person(scope.orgId);
  await expect(make(other, { form })).rejects.toMatchObject({ code: "conflict" });
  const { id } = await make(other);
  await expect(rotateOrgKey(other, { id, overlapHours: 0, form })).rejects.toMatchObject({ code: "conflict" });
  expect(await open(seen.key)).toBe(unseen.id);
});

test("a form that is sent twice at once makes one key, which the answer opens that came last", async () => {
  const scope = await owner();
  const form = randomUUID();
  const both = await Promise.all([make(scope, { form }), make(scope, { form })]);
  expect(await listOrgKeys(scope)).toMatchObject([{ id: both[0].id }]);
  const opened = await Promise.allSettled(both.map(({ key }) => open(key)));
  expect(opened.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
});

describe("rotating", () => {
  test("gives the same key a new secret; budget and what was spent of it stay", async () => {
    const scope = await owner();
    const { id, key, appId } = await make(scope, { budgetUsd: "1", budgetPeriod: "month", rpm: 77 });
    await grant(database.pool, scope.orgId, { amount: 1_000_000_000 });
    await spend(database.pool, { org: scope.orgId, app: appId, key: id }, 400_000_000);
    const rotated = await rotateOrgKey(scope, { id, overlapHours: 24 });
    expect(rotated).toMatchObject({ id, budgetUsd: "1", spentUsd: "0.4", rpm: 77, previous: { last4: key.slice(-4) } });
    expect(rotated.last4).toBe(rotated.key.slice(-4));
    expect(await Promise.all([open(key), open(rotated.key)])).toEqual([id, id]);
    expect(await listOrgKeys(scope)).toHaveLength(1);
  });

  test("sent again after a lost answer, leaves the secret in use alone", async () => {
    const scope = await owner();
    const { id, key } = await make(scope);
    const form = randomUUID();
    const unseen = await rotateOrgKey(scope, { id, overlapHours: 24, form });
    const seen = await rotateOrgKey(scope, { id, overlapHours: 24, form });
    expect(await Promise.all([open(key), open(seen.key)])).toEqual([id, id]);
    await expect(open(unseen.key)).rejects.toMatchObject({ code: "invalid_api_key" });
    expect(seen.previous?.last4).toBe(key.slice(-4));
  });

  test("without an overlap the old secret ends now", async () => {
    const scope = await owner();
    const { id, key } = await make(scope);
    const rotated = await rotateOrgKey(scope, { id, overlapHours: 0 });
    expect(rotated.previous).toBeNull();
    await expect(open(key)).rejects.toMatchObject({ code: "invalid_api_key" });
    expect(await open(rotated.key)).toBe(id);
  });

  test("after the deadline the old secret is refused", async () => {
    const scope = await owner();
    const { id, key } = await make(scope);
    await rotateOrgKey(scope, { id, overlapHours: 1 });
    await database.pool.query(
      "UPDATE api_key SET previous_expires_at = clock_timestamp() - interval '1 s' WHERE id = $1",
      [id],
    );
    await expect(open(key)).rejects.toMatchObject({ code: "invalid_api_key" });
  });

  test("again ends the secret before the last", async () => {
    const scope = await owner();
    const first = await make(scope);
    const second = await rotateOrgKey(scope, { id: first.id, overlapHours: 168 });
    await rotateOrgKey(scope, { id: first.id, overlapHours: 168 });
    await expect(open(first.key)).rejects.toMatchObject({ code: "invalid_api_key" });
    expect(await open(second.key)).toBe(first.id);
  });

  test("twice at once hands out no secret that never opens", async () => {
    const scope = await owner();
    const { id } = await make(scope);
    const both = await Promise.allSettled(
      [1, 1].map((overlapHours) => rotateOrgKey(scope, { id, overlapHours: overlapHours as 1 })),
    );
    const made = both.flatMap((one) => (one.status === "fulfilled" ? [one.value.key] : []));
    expect(made.length).toBeGreaterThan(0);
    for (const key of made) expect(await open(key)).toBe(id);
    for (const one of both) if (one.status === "rejected") expect(one.reason).toMatchObject({ code: "conflict" });
  });

  test("revoking ends both secrets, and neither is rotated again", async () => {
    const scope = await owner();
    const { id, key } = await make(scope);
    const rotated = await rotateOrgKey(scope, { id, overlapHours: 24 });
    await revokeOrgKey(scope, { id });
    for (const secret of [key, rotated.key])
      await expect(open(secret)).rejects.toMatchObject({ code: "invalid_api_key" });
    await expect(rotateOrgKey(scope, { id, overlapHours: 1 })).rejects.toMatchObject({ code: "conflict" });
  });
});

test("an edit changes what it names, removes what it empties, and stays in the history without any secret", async () => {
  const scope = await owner();
  const { id, key } = await make(scope, { budgetUsd: "5", budgetPeriod: "day", rpm: 10, note: "old" });
  const edit = { id, name: "Renamed", app: "Support", budgetUsd: null, note: "new", allowedIps: ["203.0.113.0/24"] };
  const row = await updateOrgKey(scope, keyEdit.parse(edit));
  expect(row).toMatchObject({ name: "Renamed", app: "Support", budgetUsd: null, rpm: 10, note: "new" });
  await expect(open(key, "198.51.100.1")).rejects.toMatchObject({ code: "ip_not_allowed" });
  const { changes } = await getOrgKey(scope, id);
  expect(changes.map(({ action, actor }) => [action, actor])).toEqual([
    ["key.update", "Ada"],
    ["key.create", "Ada"],
  ]);
  expect(changes[0]).toMatchObject({
    before: { note: "old", budgetUsd: "5" },
    after: { note: "new", budgetUsd: null },
  });
  expect(JSON.stringify(changes)).not.toContain(key);
});

test("several are disabled together, or none", async () => {
  const scope = await owner();
  const keys = [await make(scope), await make(scope)];
  const ids = keys.map(({ id }) => id);
  expect((await toggleOrgKeys(scope, { ids, enabled: false })).map(({ status }) => status)).toEqual([
    "disabled",
    "disabled",
  ]);
  await revokeOrgKey(scope, { id: ids[1] ?? "" });
  await expect(toggleOrgKeys(scope, { ids, enabled: true })).rejects.toMatchObject({ code: "conflict" });
  expect((await getOrgKey(scope, ids[0] ?? "")).status).toBe("disabled");
});

test("uses are known by address and by secret", async () => {
  const scope = await owner();
  const { id, key } = await make(scope);
  expect(await getOrgKey(scope, id)).toMatchObject({ lastUsedAt: null, previousUsedAt: null });
  await open(key, "203.0.113.1");
  await open(key, "203.0.113.2");
  const rotated = await rotateOrgKey(scope, { id, overlapHours: 24 });
  const before = await getOrgKey(scope, id);
  expect(before.previousUsedAt).toBe(before.lastUsedAt);
  await open(rotated.key, "203.0.113.2");
  const { lastUsedAt, previousUsedAt } = await getOrgKey(scope, id);
  expect(previousUsedAt).toBe(before.previousUsedAt);
  expect(Date.parse(lastUsedAt ?? "")).toBeGreaterThanOrEqual(Date.parse(previousUsedAt ?? ""));
  expect(await addressesOfKeys(scope)).toEqual(new Map([[id, 2]]));
});

test("a developer reaches their own keys, nobody reaches another organisation's", async () => {
  const scope = await owner();
  const theirs = await make(scope);
  const developer = await person(scope.orgId, "developer");
  const own = await make(developer);
  expect((await listOrgKeys(developer)).map(({ id }) => id)).toEqual([own.id]);
  for (const stranger of [developer, await owner()]) {
    const { id } = theirs;
    await expect(getOrgKey(stranger, id)).rejects.toMatchObject({ code: "not_found" });
    await expect(updateOrgKey(stranger, { id, name: "Mine" })).rejects.toMatchObject({ code: "not_found" });
    await expect(rotateOrgKey(stranger, { id, overlapHours: 0 })).rejects.toMatchObject({ code: "not_found" });
    await expect(toggleOrgKeys(stranger, { ids: [id], enabled: false })).rejects.toMatchObject({ code: "not_found" });
  }
  expect((await getOrgKey(scope, theirs.id)).status).toBe("active");
});
