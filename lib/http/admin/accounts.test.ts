import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AdminHub, startAdminHub } from "@/e2e/support/admin-api";
import { assertHealthy } from "@/e2e/support/database";
import { newId } from "@/lib/ids";
import { hashKey, isWellFormedKey } from "@/lib/keys/secret";
import { authorize, grant, holdItem, settleItem } from "@/prisma/sql/testing";

let hub: AdminHub;
beforeAll(async () => {
  hub = await startAdminHub();
});
afterAll(async () => {
  await assertHealthy(hub.database.pool);
  await hub.close();
});

async function org(more: object = {}): Promise<string> {
  const { status, body } = await hub.call("POST", "/orgs", { name: "Acme", ...more });
  expect(status, JSON.stringify(body)).toBe(201);
  return body.id;
}

describe("organisations", () => {
  test("a new one has a free slug, an empty prepaid wallet and no starter credit", async () => {
    const first = await hub.call("POST", "/orgs", { name: "Ünïque & Co." });
    const second = await hub.call("POST", "/orgs", { name: "Ünïque & Co." });
    expect(first.body.slug).toMatch(/^u-?ni-?que-co$|^unique-co$/);
    expect(second.body.slug).not.toBe(first.body.slug);
    expect(second.body.slug.startsWith(`${first.body.slug}-`)).toBe(true);
    expect((await hub.call("GET", `/orgs/${first.body.id}/wallet`)).body).toEqual({
      balanceUsd: "0",
      heldUsd: "0",
      availableUsd: "0",
      status: "active",
      freezeReason: null,
    });
    expect((await hub.call("POST", "/orgs", { name: "X", slug: first.body.slug })).status).toBe(409);
    const { rows } = await hub.database.pool.query("SELECT id FROM account WHERE org_id = $1", [first.body.id]);
    expect(rows).toEqual([{ id: `customer:${first.body.id}` }]);
  });

  test("a name that is a reserved path or no letters still makes a slug", async () => {
    expect((await hub.call("POST", "/orgs", { name: "Admin" })).body.slug).toMatch(/^admin-/);
    expect((await hub.call("POST", "/orgs", { name: "会社" })).body.slug).toMatch(/^org-/);
  });

  test("an owner is a member, known or new", async () => {
    const a = await org({ ownerEmail: "Owner@Example.com" });
    const b = await org({ ownerEmail: "owner@example.com" });
    const { rows } = await hub.database.pool.query(
      `SELECT org_id, role, email FROM member JOIN "user" ON "user".id = user_id WHERE org_id = ANY ($1) ORDER BY org_id`,
      [[a, b]],
    );
    expect(rows).toEqual([a, b].sort().map((org_id) => ({ org_id, role: "owner", email: "owner@example.com" })));
  });

  test("suspend, rename and limit", async () => {
    const id = await org();
    const patched = await hub.call("PATCH", `/orgs/${id}`, {
      status: "suspended",
      name: "New",
      budgetUsd: "100",
      budgetPeriod: "month",
      rpm: 60,
      tpm: 1000,
      maxConcurrency: 5,
    });
    expect(patched.body).toMatchObject({
      status: "suspended",
      name: "New",
      budgetUsd: "100",
      budgetPeriod: "month",
      spentUsd: "0",
      rpm: 60,
      tpm: 1000,
      maxConcurrency: 5,
    });
    expect((await hub.call("PATCH", `/orgs/${id}`, { suspended: false, rpm: null })).body).toMatchObject({
      status: "active",
      rpm: null,
      tpm: 1000,
      budgetUsd: "100",
    });
    expect((await hub.call("GET", `/orgs/${id}`)).body).toMatchObject({
      status: "active",
      rpm: null,
      maxConcurrency: 5,
    });
    expect((await hub.call("PATCH", `/orgs/${id}`, { status: "closed" })).status).toBe(400);
    expect((await hub.call("PATCH", `/orgs/${id}`, { suspended: true, status: "active" })).status).toBe(400);
  });

  test("404", async () => {
    for (const path of ["/orgs/none", "/orgs/none/wallet", "/orgs/none/keys"])
      expect((await hub.call("GET", path)).status).toBe(404);
    expect((await hub.call("POST", "/orgs/none/keys", { name: "x" })).status).toBe(404);
    expect((await hub.call("POST", "/orgs/none/credits", { amountUsd: 1, kind: "comp", reason: "x" })).status).toBe(
      404,
    );
    expect((await hub.call("PATCH", "/orgs/none", { name: "x" })).status).toBe(404);
  });

  test("a change of mode turns every wallet, closes what the other mode does not know, and the books balance", async () => {
    const before = await org();
    await hub.call("POST", `/orgs/${before}/credits`, {
      amountUsd: 5,
      kind: "promo",
      reason: "x",
      expiresAt: "2099-01-01T00:00:00Z",
    });
    await hub.call("PUT", "/settings", { mode: "enterprise" });
    const during = await org();
    for (const id of [before, during]) {
      expect((await hub.call("GET", `/orgs/${id}/wallet`)).body).toMatchObject({ balanceUsd: "0", availableUsd: null });
    }
    await hub.call("POST", `/orgs/${during}/credits`, { amountUsd: 2, kind: "comp", reason: "x" });
    await hub.call("POST", `/orgs/${during}/credits`, { amountUsd: "-3", kind: "correction", reason: "x" });
    await assertHealthy(hub.database.pool);
    await hub.call("PUT", "/settings", { mode: "service" });
    for (const id of [before, during]) {
      expect((await hub.call("GET", `/orgs/${id}/wallet`)).body).toMatchObject({ balanceUsd: "0", availableUsd: "0" });
    }
    await hub.call("POST", `/orgs/${during}/credits`, { amountUsd: 1, kind: "comp", reason: "x" });
    await assertHealthy(hub.database.pool);
  });

  test("purchased credit stands in the way of enterprise mode", async () => {
    const id = await org();
    await hub.database.pool.query("SELECT grant_credit($1, 100, 'paid', $2, 'test', 'test')", [id, `lot_${id}`]);
    const answer = await hub.call("PUT", "/settings", { mode: "enterprise", instanceName: "X" });
    expect([answer.status, answer.body.error.param]).toEqual([409, "mode"]);
    expect((await hub.call("GET", "/settings")).body).toMatchObject({ mode: "service", instanceName: "AIGNE Hub" });
    expect((await hub.call("GET", `/orgs/${id}/wallet`)).body.availableUsd).toBe("0.0000001");
  });
});

describe("credits", () => {
  test("promo, comp and corrections add up exactly", async () => {
    const id = await org();
    const path = `/orgs/${id}/credits`;
    const promo = await hub.call("POST", path, {
      amountUsd: "1.000000001",
      kind: "promo",
      reason: "hello",
      expiresAt: "2099-01-01T00:00:00Z",
    });
    expect(promo.status, JSON.stringify(promo.body)).toBe(201);
    expect(promo.body).toMatchObject({
      kind: "promo",
      amountUsd: "1.000000001",
      expiresAt: "2099-01-01T00:00:00.000Z",
      wallet: { balanceUsd: "1.000000001" },
    });
    await hub.call("POST", path, { amountUsd: 2, kind: "comp", reason: "sorry" });
    await hub.call("POST", path, { amountUsd: "0.5", kind: "correction", reason: "missed" });
    const last = await hub.call("POST", path, { amountUsd: "-3.5", kind: "correction", reason: "taken back" });
    expect(last.body.wallet).toMatchObject({ balanceUsd: "0.000000001", availableUsd: "0.000000001" });
    const { rows } = await hub.database.pool.query(
      "SELECT kind, actor, reason FROM journal WHERE org_id = $1 ORDER BY id",
      [id],
    );
    expect(rows.map(({ kind }) => kind)).toEqual(["promo", "comp", "correction", "correction"]);
    expect(rows[0].actor).toMatch(/^key:mk_/);
    expect((await hub.call("GET", `/audit?orgId=${id}&action=credit.grant`)).body.data).toHaveLength(4);
  });

  test("more than there is cannot be taken", async () => {
    const id = await org();
    await hub.call("POST", `/orgs/${id}/credits`, { amountUsd: 1, kind: "comp", reason: "x" });
    const answer = await hub.call("POST", `/orgs/${id}/credits`, {
      amountUsd: "-1.000000001",
      kind: "correction",
      reason: "x",
    });
    expect(answer.status).toBe(409);
    expect(answer.body.error.message).toContain("only 1 USD");
    expect((await hub.call("GET", `/orgs/${id}/wallet`)).body.balanceUsd).toBe("1");
  });

  test("a debt is written off, once and no more than is owed, which ends its freeze", async () => {
    const id = await org();
    const { pool } = hub.database;
    const [wallet, path] = [`/orgs/${id}/wallet`, `/orgs/${id}/credits`];
    const writeOff = (amountUsd: string, key: string) =>
      hub.call("POST", path, { amountUsd, kind: "write_off", reason: "case 12" }, { "idempotency-key": key });
    expect((await writeOff("1", "none")).body.error.message).toContain("only 0 USD are owed");
    const customer = { key: (await hub.call("POST", `/orgs/${id}/keys`, { name: "k" })).body.id, org: id, app: "app" };
    await grant(pool, id, { amount: 1_000 });
    const item = holdItem(customer);
    await authorize(pool, [item]);
    await pool.query("UPDATE hold SET expires_at = clock_timestamp() - interval '20 s' WHERE id = $1", [item.id]);
    await pool.query("SELECT * FROM sweep_holds()");
    await pool.query("SELECT * FROM late_adjust($1)", [JSON.stringify([settleItem(item, { price: 4_000 })])]);
    expect((await hub.call("GET", wallet)).body).toMatchObject({ balanceUsd: "-0.000003", freezeReason: "negative" });
    const lifted = await hub.call("PATCH", wallet, { frozen: false, reason: "please" });
    expect([lifted.status, lifted.body.error.message]).toEqual([409, expect.stringContaining("negative")]);
    expect((await writeOff("0.000003", "more")).status).toBe(201);
    expect((await writeOff("0.000003", "more")).status).toBe(201);
    expect((await hub.call("GET", wallet)).body).toMatchObject({ balanceUsd: "0", status: "active" });
    expect((await writeOff("0.000001", "again")).status).toBe(409);
    await assertHealthy(pool, id);
  });

  test("a freeze for fraud or of a person's own is lifted by a person, with a reason", async () => {
    const id = await org();
    const wallet = `/orgs/${id}/wallet`;
    expect((await hub.call("PATCH", wallet, { frozen: true, reason: "" })).status).toBe(400);
    expect((await hub.call("PATCH", wallet, { frozen: true, reason: "odd calls" })).body).toMatchObject({
      status: "frozen",
      freezeReason: "admin",
    });
    expect((await hub.call("PATCH", wallet, { frozen: false, reason: "cleared" })).body.status).toBe("active");
    await hub.database.pool.query("SELECT freeze_wallet($1, 'fraud')", [id]);
    expect((await hub.call("PATCH", wallet, { frozen: true, reason: "mine" })).body.freezeReason).toBe("fraud");
    expect((await hub.call("PATCH", wallet, { frozen: false, reason: "spoke to them" })).body.status).toBe("active");
    const { data } = (await hub.call("GET", `/audit?orgId=${id}&action=wallet.unfreeze`)).body;
    expect(data.map(({ reason }: { reason: string }) => reason)).toEqual(["spoke to them", "cleared"]);
  });

  describe("what a role may move, by a key that one of them made", () => {
    async function grants(role: string) {
      const userId = newId("usr");
      const { pool } = hub.database;
      await pool.query('INSERT INTO "user" (id, email) VALUES ($1, $2)', [userId, `${userId}@example.com`]);
      await pool.query("INSERT INTO staff (user_id, role) VALUES ($1, $2)", [userId, role]);
      const key = await hub.keyWith(["credits.grant"], { createdBy: userId });
      const id = await org();
      return async (kind: string, amountUsd: string) => {
        const headers = { authorization: `Bearer ${key}` };
        const answer = await hub.call("POST", `/orgs/${id}/credits`, { amountUsd, kind, reason: "x" }, headers);
        return [answer.status, answer.body.error?.message];
      };
    }

    test("support: comp credit, $10 a day", async () => {
      const grant = await grants("support");
      expect(await grant("promo", "1")).toEqual([403, expect.stringContaining('"comp" only')]);
      expect(await grant("correction", "-1")).toEqual([403, expect.stringContaining('"comp" only')]);
      expect(await grant("comp", "6")).toEqual([201, undefined]);
      expect(await grant("comp", "4.000000001")).toEqual([403, expect.stringContaining("$4 is left today")]);
      const both = await Promise.all([grant("comp", "4"), grant("comp", "4")]);
      expect(both.map(([status]) => status).sort()).toEqual([201, 403]);
    });

    test("an administrator: $100 at a time, an owner any amount", async () => {
      const grant = await grants("admin");
      expect(await grant("promo", "100")).toEqual([201, undefined]);
      expect(await grant("comp", "100.000000001")).toEqual([403, expect.stringContaining("Ask an owner.")]);
      expect(await grant("correction", "100.01")).toEqual([403, expect.stringContaining("Ask an owner.")]);
      expect(await (await grants("owner"))("promo", "5000")).toEqual([201, undefined]);
    });

    test("who may not grant at all: not by a key either", async () => {
      expect(await (await grants("finance"))("comp", "1")).toEqual([403, expect.stringContaining("Only owners")]);
    });
  });

  describe("an Idempotency-Key that is used again after its answer was forgotten", () => {
    const grant = { amountUsd: "1", kind: "comp", reason: "once", expiresAt: "2099-01-01T00:00:00Z" };
    const correction = { amountUsd: "-0.25", kind: "correction", reason: "once" };
    let made = 0;

    async function twice(first: object, second: object) {
      const id = await org();
      const path = `/orgs/${id}/credits`;
      const key = `again-${++made}`;
      await hub.call("POST", path, { amountUsd: 1, kind: "promo", reason: "to take from" });
      const booked = await hub.call("POST", path, first, { "idempotency-key": key });
      await hub.database.pool.query("DELETE FROM admin_idempotency WHERE key = $1", [key]);
      const again = await hub.call("POST", path, second, { "idempotency-key": key });
      const audit = await hub.call("GET", `/audit?orgId=${id}&action=credit.grant`);
      return { booked, again, audited: audit.body.data.length };
    }

    test.each([grant, correction])("with the same terms answers what was booked: %j", async (terms) => {
      const { booked, again, audited } = await twice(terms, terms);
      expect(booked.status).toBe(201);
      expect([again.status, again.body]).toEqual([201, booked.body]);
      expect(audited).toBe(2);
    });

    test.each([
      [grant, { ...grant, amountUsd: "2" }],
      [grant, { ...grant, kind: "promo" }],
      [grant, { ...grant, reason: "other" }],
      [grant, { ...grant, expiresAt: "2098-01-01T00:00:00Z" }],
      [grant, correction],
      [correction, grant],
      [correction, { ...correction, amountUsd: "-0.5" }],
    ])("with other terms books nothing and says so: %j, then %j", async (first, second) => {
      const { again, audited } = await twice(first, second);
      expect([again.status, again.body.error.code]).toEqual([422, "idempotency_mismatch"]);
      expect(audited).toBe(2);
    });
  });

  test.each([
    [{ amountUsd: 0, kind: "comp", reason: "x" }, "amountUsd"],
    [{ amountUsd: "-1", kind: "promo", reason: "x" }, "amountUsd"],
    [{ amountUsd: "1e2", kind: "comp", reason: "x" }, "amountUsd"],
    [{ amountUsd: "0.0000000001", kind: "comp", reason: "x" }, "amountUsd"],
    [{ amountUsd: "99999999999", kind: "comp", reason: "x" }, "amountUsd"],
    [{ amountUsd: 1, kind: "paid", reason: "x" }, "kind"],
    [{ amountUsd: 1, kind: "comp" }, "reason"],
    [{ amountUsd: 1, kind: "comp", reason: " " }, "reason"],
    [{ amountUsd: 1, kind: "comp", reason: "x", expiresAt: "2001-01-01T00:00:00Z" }, "expiresAt"],
    [{ amountUsd: 1, kind: "comp", reason: "x", expiresAt: "tomorrow" }, "expiresAt"],
    [{ amountUsd: 1, kind: "correction", reason: "x", expiresAt: "2099-01-01T00:00:00Z" }, "expiresAt"],
  ])("%j is refused", async (body, param) => {
    const answer = await hub.call("POST", `/orgs/${await org()}/credits`, body);
    expect([answer.status, answer.body.error.param]).toEqual([400, param]);
  });
});

describe("keys", () => {
  test("the secret is shown once; only its HMAC is stored", async () => {
    const id = await org();
    const created = await hub.call("POST", `/orgs/${id}/keys`, { name: "ci" });
    expect(created.status).toBe(201);
    const { key, ...row } = created.body;
    expect(isWellFormedKey(key)).toBe(true);
    expect(row).toMatchObject({
      orgId: id,
      name: "ci",
      app: "default",
      prefix: "aigne_sk_",
      last4: key.slice(-4),
      status: "active",
      enabled: true,
      budgetUsd: null,
      allowedModels: [],
      allowedIps: [],
      expiresAt: null,
    });
    expect((await hub.call("GET", `/keys/${row.id}`)).body).toEqual(row);
    expect((await hub.call("GET", `/orgs/${id}/keys`)).body).toEqual({ data: [row], nextCursor: null });
    const { rows } = await hub.database.pool.query("SELECT hash FROM api_key WHERE id = $1", [row.id]);
    expect(rows[0].hash).toBe(hashKey("test-pepper-0123456789abcdef0123456789abcdef", key));
    const everything = await hub.database.pool.query("SELECT json_agg(a)::text AS text FROM audit_event a");
    expect(everything.rows[0].text).not.toContain(key);
  });

  test("apps are made on demand and found by name or id", async () => {
    const id = await org();
    const one = await hub.call("POST", `/orgs/${id}/keys`, { name: "a", app: "Shop" });
    const two = await hub.call("POST", `/orgs/${id}/keys`, { name: "b", app: one.body.appId });
    expect(two.body).toMatchObject({ appId: one.body.appId, app: "Shop" });
    const elsewhere = await hub.call("POST", `/orgs/${await org()}/keys`, { name: "c", app: one.body.appId });
    expect(elsewhere.body.appId).not.toBe(one.body.appId);
  });

  test("limits: a budget without a period is a total; changes keep what they do not name; null removes", async () => {
    const id = await org();
    const { body } = await hub.call("POST", `/orgs/${id}/keys`, {
      name: "l",
      budgetUsd: "1.5",
      rpm: 10,
      tpm: 20,
      maxConcurrency: 3,
      allowedModels: ["sandbox/*"],
      allowedIps: ["10.0.0.0/8", "::1"],
      expiresAt: "2099-01-01T00:00:00Z",
    });
    expect(body).toMatchObject({
      budgetUsd: "1.5",
      budgetPeriod: "total",
      spentUsd: "0",
      rpm: 10,
      tpm: 20,
      maxConcurrency: 3,
      allowedModels: ["sandbox/*"],
      allowedIps: ["10.0.0.0/8", "::1"],
      expiresAt: "2099-01-01T00:00:00.000Z",
    });
    const daily = await hub.call("PATCH", `/keys/${body.id}`, { budgetPeriod: "day" });
    expect(daily.body).toMatchObject({ budgetUsd: "1.5", budgetPeriod: "day", rpm: 10 });
    const more = await hub.call("PATCH", `/keys/${body.id}`, { budgetUsd: 3, rpm: null, expiresAt: null });
    expect(more.body).toMatchObject({ budgetUsd: "3", budgetPeriod: "day", rpm: null, tpm: 20, expiresAt: null });
    const none = await hub.call("PATCH", `/keys/${body.id}`, { budgetUsd: null, tpm: null, maxConcurrency: null });
    expect(none.body).toMatchObject({ budgetUsd: null, budgetPeriod: null, tpm: null, maxConcurrency: null });
    const { rows } = await hub.database.pool.query(
      "SELECT period FROM limit_state WHERE scope_id = $1 AND NOT is_cap",
      [body.id],
    );
    expect(rows).toEqual([]);
  });

  test("disable, enable, revoke for good", async () => {
    const id = await org();
    const { body } = await hub.call("POST", `/orgs/${id}/keys`, { name: "d" });
    expect((await hub.call("PATCH", `/keys/${body.id}`, { enabled: false })).body).toMatchObject({
      status: "disabled",
      enabled: false,
    });
    expect((await hub.call("PATCH", `/keys/${body.id}`, { status: "active" })).body).toMatchObject({
      status: "active",
      enabled: true,
    });
    expect((await hub.call("DELETE", `/keys/${body.id}`)).body).toEqual({ id: body.id, deleted: true });
    expect((await hub.call("DELETE", `/keys/${body.id}`)).status).toBe(200);
    expect((await hub.call("GET", `/keys/${body.id}`)).body).toMatchObject({
      status: "revoked",
      enabled: false,
      revokedAt: expect.any(String),
    });
    expect((await hub.call("PATCH", `/keys/${body.id}`, { enabled: true })).status).toBe(409);
    expect(
      (await hub.call("GET", `/audit?target=key:${body.id}`)).body.data.map(({ action }: { action: string }) => action),
    ).toEqual(["key.revoke", "key.update", "key.update", "key.create"]);
  });

  test("one organisation's list never holds another's keys", async () => {
    const [a, b] = [await org(), await org()];
    await hub.call("POST", `/orgs/${a}/keys`, { name: "a" });
    await hub.call("POST", `/orgs/${b}/keys`, { name: "b", budgetUsd: 1 });
    const list = (await hub.call("GET", `/orgs/${a}/keys`)).body.data;
    expect(list).toHaveLength(1);
    expect(list[0]).toMatchObject({ orgId: a, budgetUsd: null });
  });

  test.each([
    [{}, "name"],
    [{ name: "k", key: "aigne_sk_mine" }, "key"],
    [{ name: "k", hash: "x" }, "hash"],
    [{ name: "k", maxConcurrency: -1 }, "maxConcurrency"],
    [{ name: "k", allowedIps: ["300.1.1.1"] }, "allowedIps.0"],
    [{ name: "k", allowedIps: ["10.0.0.0/33"] }, "allowedIps.0"],
    [{ name: "k", allowedModels: ["a*b"] }, "allowedModels.0"],
    [{ name: "k", budgetUsd: 1, budgetPeriod: "year" }, "budgetPeriod"],
    [{ name: "k", expiresAt: 5 }, "expiresAt"],
  ])("%j is refused", async (body, param) => {
    const answer = await hub.call("POST", `/orgs/${await org()}/keys`, body);
    expect([answer.status, answer.body.error.param]).toEqual([400, param]);
  });
});
