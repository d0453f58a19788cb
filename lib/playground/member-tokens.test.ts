import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AdminHub, startAdminHub } from "@/e2e/support/admin-api";
import { createSession, deleteSession, revokeSessions } from "@/lib/auth/mutations";
import { findSessionBySid } from "@/lib/auth/queries";
import { systemClock } from "@/lib/clock";
import { env } from "@/lib/env";
import { newId } from "@/lib/ids";
import { createKeyring } from "@/lib/keys/authenticate";
import { isWellFormedKey } from "@/lib/keys/secret";
import { changeRole } from "@/lib/orgs/mutations";
import { ORG_ROLES, type OrgRole } from "@/lib/orgs/permissions";
import { createMemberToken, type SessionScope } from "@/lib/playground/mutations";
import { findCharge, listPlaygroundModels } from "@/lib/playground/queries";
import { maintenanceJobs } from "@/server/jobs/maintenance";

let hub: AdminHub;
beforeAll(async () => {
  hub = await startAdminHub();
});
afterAll(() => hub.close());

type Member = { scope: SessionScope; orgId: string; memberId: string; userId: string; sid: string };

async function memberOf(role: OrgRole, given?: string): Promise<Member> {
  const { pool } = hub.database;
  const orgId = given ?? newId("org");
  const userId = newId("usr");
  const memberId = newId("mem");
  if (!given) {
    await pool.query("INSERT INTO org (id, slug, name) VALUES ($1, $2, 'Acme')", [orgId, orgId.replace("_", "-")]);
    await pool.query("SELECT create_wallet($1, 0)", [orgId]);
    await pool.query("SELECT grant_credit($1, 1000000000, 'comp', $2, 'test', 'test', NULL, false)", [
      orgId,
      newId("cr"),
    ]);
  }
  await pool.query('INSERT INTO "user" (id, email) VALUES ($1, $2)', [userId, `${userId}@example.com`]);
  await pool.query("INSERT INTO member (id, org_id, user_id, role) VALUES ($1, $2, $3, $4)", [
    memberId,
    orgId,
    userId,
    role,
  ]);
  return { orgId, memberId, userId, ...(await sessionOf(orgId, userId, role)) };
}

async function sessionOf(orgId: string, userId: string, role: OrgRole): Promise<Pick<Member, "scope" | "sid">> {
  const sid = await createSession(userId, { ip: null, userAgent: null });
  const user = await findSessionBySid(sid);
  if (!user) throw new Error("no session");
  const permissions = new Set(ORG_ROLES[role]);
  // safe because the test stands in for the gate
  const scope = { orgId, actor: { type: "user", id: userId }, permissions, user } as unknown as SessionScope;
  return { scope, sid };
}

const keyring = () => createKeyring({ sql: hub.database.pool, peppers: [env().keyPepper], clock: systemClock });
const authenticate = (key: string) =>
  keyring().authenticate({
    headers: { authorization: `Bearer ${key}` },
    query: new URLSearchParams(),
    remoteAddress: null,
  });

/** What the money function says to a call with this key. */
async function authorize(orgId: string, keyId: string): Promise<string | null> {
  const item = { org: orgId, id: newId("req"), key: keyId, app: "app", model: "m", amount: 10, min_amount: 10 };
  const more = { ctx: {}, input_hash: "h", price_version: 1, tokens_estimate: 1, restricted_ok: true };
  const node = newId("node");
  const { rows: booted } = await hub.database.pool.query("SELECT node_boot($1) AS epoch", [node]);
  const { rows } = await hub.database.pool.query(
    "SELECT granted, refused_by FROM authorize_batch($1::jsonb, $2, $3, '1 minute')",
    [JSON.stringify([{ ...item, ...more }]), node, booted[0].epoch],
  );
  return rows[0].granted ? null : rows[0].refused_by;
}

describe("a member token", () => {
  test("opens the gateway for its organisation, member and the app Playground", async () => {
    const { scope, orgId, memberId } = await memberOf("developer");
    const { token, expiresInMs } = await createMemberToken(scope);
    expect(token).toMatch(/^aigne_pt_/);
    expect(isWellFormedKey(token)).toBe(true);
    expect(expiresInMs).toBe(15 * 60_000);
    const caller = await authenticate(token);
    expect(caller).toMatchObject({ memberId, scope: { orgId } });
    const { rows } = await hub.database.pool.query("SELECT name FROM app WHERE id = $1", [caller.appId]);
    expect(rows).toEqual([{ name: "Playground" }]);
    expect((await authenticate((await createMemberToken(scope)).token)).appId).toBe(caller.appId);
  });

  test("ends after 15 minutes, for the keyring and for the money function, and is pruned an hour later", async () => {
    const { scope, orgId } = await memberOf("owner");
    const { token } = await createMemberToken(scope);
    const { keyId } = await authenticate(token);
    expect(await authorize(orgId, keyId)).toBeNull();
    const expire = (age: string) =>
      hub.database.pool.query("UPDATE api_key SET expires_at = clock_timestamp() - $2::interval WHERE id = $1", [
        keyId,
        age,
      ]);
    await expire("1 second");
    await expect(authenticate(token)).rejects.toMatchObject({ code: "invalid_api_key" });
    expect(await authorize(orgId, keyId)).toBe("key_expired");
    await prune();
    expect(await keyCount(keyId)).toBe(1);
    await expire("2 hours");
    await prune();
    expect(await keyCount(keyId)).toBe(0);
  });

  test.each(["billing", "viewer"] as const)("is refused to the role %s", async (role) => {
    const { scope } = await memberOf(role);
    await expect(createMemberToken(scope)).rejects.toMatchObject({ code: "forbidden" });
  });

  test("is refused to somebody who is no member any more", async () => {
    const { scope, memberId } = await memberOf("owner");
    await hub.database.pool.query("DELETE FROM member WHERE id = $1", [memberId]);
    await expect(createMemberToken(scope)).rejects.toMatchObject({ code: "forbidden" });
  });

  test("ends when the member's role changes", async () => {
    const owner = await memberOf("owner");
    const { scope, memberId } = await memberOf("developer", owner.orgId);
    const { token } = await createMemberToken(scope);
    await changeRole(owner.scope, { memberId, role: "viewer" });
    await expect(authenticate(token)).rejects.toMatchObject({ code: "invalid_api_key" });
  });

  describe("ends with the session that asked for it", () => {
    test("when its person signs out; a token of another session of theirs lives on", async () => {
      const { scope, sid, orgId, userId } = await memberOf("owner");
      const other = await sessionOf(orgId, userId, "owner");
      const [ended, kept] = [await createMemberToken(scope), await createMemberToken(other.scope)];
      const { keyId } = await authenticate(ended.token);
      await deleteSession(sid);
      await expect(authenticate(ended.token)).rejects.toMatchObject({ code: "invalid_api_key" });
      expect(await authorize(orgId, keyId)).toBe("key_revoked");
      expect((await authenticate(kept.token)).scope.orgId).toBe(orgId);
    });

    test("when it is revoked from another browser", async () => {
      const { scope, orgId, userId } = await memberOf("developer");
      const elsewhere = await sessionOf(orgId, userId, "developer");
      const { token } = await createMemberToken(elsewhere.scope);
      // safe because a session scope carries the whole session
      await revokeSessions(scope as unknown as Parameters<typeof revokeSessions>[0], "others");
      await expect(authenticate(token)).rejects.toMatchObject({ code: "invalid_api_key" });
    });

    test("when the worker tidies it up, which may not write keys itself", async () => {
      const { scope } = await memberOf("owner");
      const { token } = await createMemberToken(scope);
      await hub.database.pool.query(
        "UPDATE auth_session SET expires_at = clock_timestamp() - interval '1 second' WHERE id = $1",
        [scope.user.sessionId],
      );
      await prune();
      await expect(authenticate(token)).rejects.toMatchObject({ code: "invalid_api_key" });
    });

    test("and cannot be made by one that has ended, also not at the same moment", async () => {
      const { scope, sid } = await memberOf("owner");
      const made = Array.from({ length: 5 }, () => createMemberToken(scope));
      const [results] = await Promise.all([Promise.allSettled(made), deleteSession(sid)]);
      for (const result of results) {
        if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "unauthenticated" });
        else await expect(authenticate(result.value.token)).rejects.toMatchObject({ code: "invalid_api_key" });
      }
      await expect(createMemberToken(scope)).rejects.toMatchObject({ code: "unauthenticated" });
    });
  });

  test("is not among the organisation's keys", async () => {
    const { scope, orgId } = await memberOf("owner");
    await createMemberToken(scope);
    const { body } = await hub.call("GET", `/orgs/${orgId}/keys`);
    expect(body.data).toEqual([]);
  });
});

test("models carry the price of the organisation that asks", async () => {
  const { pool } = hub.database;
  const [own, other] = [await memberOf("owner"), await memberOf("owner")];
  await hub.call("POST", "/providers", { slug: "box", kind: "sandbox" });
  const price = { input: "1", output: "2.5" };
  const offers = [{ provider: "box", upstreamModel: "chat" }];
  const put = await hub.call("PUT", "/models/box/chat", { type: "chat", offers, price });
  expect(put.status).toBe(200);
  await hub.call("PUT", "/models/box/lonely", { type: "chat", offers: [], price });
  await pool.query(
    `INSERT INTO price_version (subject, subject_id, org_id, rates, content_hash, source, created_by, factor_bp)
     SELECT subject, subject_id, $1, rates, 'own', source, created_by, 8000 FROM price_version WHERE subject_id = 'box/chat'`,
    [own.orgId],
  );
  expect(await listPlaygroundModels(own.scope)).toMatchObject([{ id: "box/chat", inputUsd: "0.8", outputUsd: "2" }]);
  expect(await listPlaygroundModels(other.scope)).toMatchObject([{ id: "box/chat", inputUsd: "1", outputUsd: "2.5" }]);
});

test("a charge is shown to the member who called, and to nobody else", async () => {
  const { pool } = hub.database;
  const own = await memberOf("owner");
  const colleague = await memberOf("owner", own.orgId);
  const stranger = await memberOf("owner");
  const requestId = newId("req");
  await pool.query(
    `INSERT INTO usage_event (id, at, org_id, started_at, app_id, key_id, member_id, model_id, endpoint, dialect, stream,
       outcome, http_status, input_tokens, output_tokens, usage_source, price_nano, node)
     VALUES ($1, clock_timestamp(), $2, clock_timestamp(), 'app', 'key', $3, 'm', 'chat', 'openai-chat', true,
       'client_gone', 200, 7, 11, 'estimated', 1500, 'test')`,
    [requestId, own.orgId, own.memberId],
  );
  expect(await findCharge(own.scope, { requestId })).toEqual({
    priceUsd: "0.0000015",
    inputTokens: 7,
    outputTokens: 11,
  });
  expect(await findCharge(colleague.scope, { requestId })).toBeNull();
  expect(await findCharge(stranger.scope, { requestId })).toBeNull();
});

async function prune(): Promise<void> {
  const job = maintenanceJobs.find(({ name }) => name === "prune_expired");
  const { createPool } = await import("@/lib/pg");
  const sql = createPool(hub.database.roleUrl("worker"), { max: 1, applicationName: "test" });
  // safe because the job uses nothing else
  await job?.run({}, { sql } as never);
  await sql.end();
}

async function keyCount(id: string): Promise<number> {
  const { rows } = await hub.database.pool.query("SELECT 1 FROM api_key WHERE id = $1", [id]);
  return rows.length;
}
