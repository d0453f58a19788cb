import { execFileSync } from "node:child_process";
import { createDecipheriv, createHash, pbkdf2Sync } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AdminHub, startAdminHub } from "@/e2e/support/admin-api";
import { challengeOf, encryptForClient } from "@/lib/connect/client-secret";
import {
  allowConnect,
  denyConnect,
  endConnectSession,
  openConnectSession,
  readConnectSession,
} from "@/lib/connect/mutations";
import { isConnectPending } from "@/lib/connect/queries";
import { newId } from "@/lib/ids";
import { isWellFormedKey } from "@/lib/keys/secret";
import { ORG_ROLES, type OrgRole } from "@/lib/orgs/permissions";
import type { Scope } from "@/lib/orgs/scope";
import { maintenanceJobs } from "@/server/jobs/maintenance";

let hub: AdminHub;
beforeAll(async () => {
  hub = await startAdminHub();
});
afterAll(() => hub.close());

/** What the client does with it, written from the formats it uses: PBKDF2, then OpenSSL's salted AES. */
function asClient({ accessKeyId, accessKeySecret, challenge }: Record<string, string>): string {
  const passphrase = pbkdf2Sync(challenge ?? "", accessKeyId ?? "", 256, 32, "sha512").toString("hex");
  const bytes = Buffer.from(accessKeySecret ?? "", "base64");
  expect(bytes.subarray(0, 8).toString()).toBe("Salted__");
  const salt = bytes.subarray(8, 16);
  const md5 = (...parts: (Buffer | string)[]) =>
    parts.reduce((hash, part) => hash.update(part), createHash("md5")).digest();
  const one = md5(passphrase, salt);
  const two = md5(one, passphrase, salt);
  const three = md5(two, passphrase, salt);
  const decipher = createDecipheriv("aes-256-cbc", Buffer.concat([one, two]), three);
  return Buffer.concat([decipher.update(bytes.subarray(16)), decipher.final()]).toString("utf8");
}

async function org(role: OrgRole = "owner"): Promise<Scope> {
  const orgId = newId("org");
  await hub.database.pool.query("INSERT INTO org (id, slug, name) VALUES ($1, $2, 'Acme')", [
    orgId,
    orgId.replace("_", "-"),
  ]);
  await hub.database.pool.query("SELECT create_wallet($1, 0)", [orgId]);
  const actor = { type: "user", id: newId("usr") };
  return { orgId, actor, permissions: new Set(ORG_ROLES[role]) } as unknown as Scope;
}
const tokenOf = (id: string) => Buffer.from(id).toString("base64url");
const key = (name = "AIGNE CLI") => ({ name });
const expire = (id: string) =>
  hub.database.pool.query(
    "UPDATE connect_session SET expires_at = clock_timestamp() - interval '1 second' WHERE id_hash = $1",
    [createHash("sha256").update(id).digest("hex")],
  );

test("what is encrypted opens with the client's steps, and with openssl", () => {
  const [secret, keyId, challenge] = ["aigne_sk_secret ✓", "key_1", "challenge"];
  const accessKeySecret = encryptForClient(secret, keyId, challenge);
  expect(asClient({ accessKeyId: keyId, accessKeySecret, challenge })).toBe(secret);
  expect(encryptForClient(secret, keyId, challenge)).not.toBe(accessKeySecret);
  const passphrase = pbkdf2Sync(challenge, keyId, 256, 32, "sha512").toString("hex");
  const args = ["enc", "-d", "-aes-256-cbc", "-md", "md5", "-a", "-A", "-pass", `pass:${passphrase}`];
  const opened = execFileSync("openssl", args, { input: accessKeySecret, stdio: ["pipe", "pipe", "ignore"] });
  expect(opened.toString("utf8")).toBe(secret);
});

describe("a session", () => {
  test("waits, hands over the key as often as it is asked, and is over once it is ended", async () => {
    const scope = await org();
    const { id } = await openConnectSession();
    expect(id).toMatch(/^[\w-]{43}$/);
    expect(await readConnectSession(id)).toBeNull();
    expect(await isConnectPending(tokenOf(id))).toBe(true);
    await allowConnect(scope, {
      token: tokenOf(id),
      key: { name: "CLI", budgetUsd: 5_000_000_000n, budgetPeriod: "month" },
    });
    const answer = await readConnectSession(id);
    expect(await readConnectSession(id)).toEqual(answer);
    const secret = asClient(answer as Record<string, string>);
    expect(isWellFormedKey(secret)).toBe(true);
    expect(secret).toMatch(/^aigne_sk_/);
    const { rows } = await hub.database.pool.query("SELECT org_id, name, last4 FROM api_key WHERE id = $1", [
      answer?.accessKeyId,
    ]);
    expect(rows).toEqual([{ org_id: scope.orgId, name: "CLI", last4: secret.slice(-4) }]);
    expect(await isConnectPending(tokenOf(id))).toBe(false);
    await endConnectSession(id);
    await endConnectSession(id);
    await expect(readConnectSession(id)).rejects.toMatchObject({ code: "not_found" });
    const audits = await hub.database.pool.query("SELECT action FROM audit_event WHERE org_id = $1", [scope.orgId]);
    expect(audits.rows).toEqual([{ action: "key.create" }]);
  });

  test("leaves nothing in the database with which the key could be opened", async () => {
    const scope = await org();
    const { id } = await openConnectSession();
    await allowConnect(scope, { token: tokenOf(id), key: key() });
    const secret = asClient((await readConnectSession(id)) as unknown as Record<string, string>);
    const { rows } = await hub.database.pool.query("SELECT json_agg(s)::text AS text FROM connect_session s");
    for (const hidden of [id, secret, challengeOf(id)]) expect(rows[0].text).not.toContain(hidden);
  });

  test("is over after ten minutes without a decision, and a minute after it", async () => {
    const scope = await org();
    const left = async (id: string) => {
      const { rows } = await hub.database.pool.query(
        "SELECT extract(epoch FROM expires_at - clock_timestamp())::float AS left FROM connect_session WHERE id_hash = $1",
        [createHash("sha256").update(id).digest("hex")],
      );
      return rows[0].left as number;
    };
    const { id } = await openConnectSession();
    expect(await left(id)).toBeCloseTo(600, -1);
    await allowConnect(scope, { token: tokenOf(id), key: key() });
    expect(await left(id)).toBeLessThanOrEqual(60);
    await expire(id);
    await expect(readConnectSession(id)).rejects.toMatchObject({ code: "not_found" });
    const other = await openConnectSession();
    await expire(other.id);
    const token = tokenOf(other.id);
    await expect(allowConnect(scope, { token, key: key() })).rejects.toMatchObject({ code: "not_found" });
    const prune = maintenanceJobs.find(({ name }) => name === "prune_expired");
    await prune?.run({}, { sql: hub.database.pool, signal: new AbortController().signal } as never);
    expect(
      (
        await hub.database.pool.query("SELECT count(*)::int AS n FROM connect_session WHERE id_hash = $1", [
          createHash("sha256").update(id).digest("hex"),
        ])
      ).rows[0].n,
    ).toBe(0);
  });

  test("that is denied tells the program so, and makes no key", async () => {
    const scope = await org();
    const { id } = await openConnectSession();
    await denyConnect(scope, { token: tokenOf(id) });
    await expect(readConnectSession(id)).rejects.toMatchObject({ code: "forbidden" });
    const token = tokenOf(id);
    await expect(allowConnect(scope, { token, key: key() })).rejects.toMatchObject({ code: "not_found" });
    const { rows } = await hub.database.pool.query("SELECT 1 FROM api_key WHERE org_id = $1", [scope.orgId]);
    expect(rows).toEqual([]);
  });

  test("that ten clicks allow at once makes one key", async () => {
    const scope = await org();
    const { id } = await openConnectSession();
    const clicks = Array.from({ length: 10 }, () => allowConnect(scope, { token: tokenOf(id), key: key() }));
    const results = await Promise.allSettled(clicks);
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    const { rows } = await hub.database.pool.query("SELECT 1 FROM api_key WHERE org_id = $1", [scope.orgId]);
    expect(rows).toHaveLength(1);
  });

  test.each(["viewer", "billing"] as const)("is not for a %s to allow", async (role) => {
    const { id } = await openConnectSession();
    await expect(allowConnect(await org(role), { token: tokenOf(id), key: key() })).rejects.toMatchObject({
      code: "forbidden",
    });
    expect(await readConnectSession(id)).toBeNull();
  });

  test.each(["", "x", "%%%", tokenOf("short"), "a".repeat(200)])("is not found by the token %j", async (token) => {
    expect(await isConnectPending(token)).toBe(false);
    await expect(allowConnect(await org(), { token, key: key() })).rejects.toMatchObject({ code: "not_found" });
  });
});

test("the books balance", async () => {
  expect((await hub.call("GET", "/ledger/violations")).body).toEqual({ violations: [] });
});
