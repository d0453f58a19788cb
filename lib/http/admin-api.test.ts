import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AdminHub, startAdminHub } from "@/e2e/support/admin-api";

let hub: AdminHub;
beforeAll(async () => {
  hub = await startAdminHub();
});
afterAll(() => hub.close());

const org = (name = "Acme") => ({ name });

describe("401 and 403", () => {
  test.each([
    ["no key", {}, "management key"],
    ["an app key", { authorization: `Bearer aigne_sk_${"a".repeat(49)}` }, "not a management key"],
    ["an unknown key", { authorization: `Bearer aigne_mk_${"z".repeat(40)}` }, "does not exist"],
    ["junk", { authorization: "Bearer ' OR 1=1" }, "management key"],
    ["a short key", { authorization: "Bearer aigne_mk_short" }, "not a management key"],
  ])("%s", async (_, headers, message) => {
    const answer = await hub.call("GET", "/orgs", undefined, { authorization: "", ...headers });
    expect(answer.status).toBe(401);
    expect(answer.body.error).toMatchObject({ type: "invalid_request_error", param: null, code: "invalid_api_key" });
    expect(answer.body.error.message).toContain(message);
    expect(answer.headers.get("x-request-id")).toMatch(/^req_/);
    expect(answer.headers.get("x-should-retry")).toBe("false");
  });

  test("revoked and expired keys say so", async () => {
    const revoked = await hub.keyWith(["orgs.read"], { status: "revoked" });
    const expired = await hub.keyWith(["orgs.read"], { expiresAt: new Date(Date.now() - 1000) });
    for (const [key, word] of [
      [revoked, "revoked"],
      [expired, "expired"],
    ] as const) {
      const answer = await hub.call("GET", "/orgs", undefined, { authorization: `Bearer ${key}` });
      expect(answer.status).toBe(401);
      expect(answer.body.error.message).toContain(word);
    }
  });

  test("a key of one organisation is not for the instance", async () => {
    const key = await hub.keyWith(["orgs.read"], { orgId: "org_1" });
    const answer = await hub.call("GET", "/orgs", undefined, { authorization: `Bearer ${key}` });
    expect(answer.status).toBe(403);
  });

  test("a scope that the key lacks is refused and audited; staff scopes never count", async () => {
    const key = await hub.keyWith(["orgs.read", "staff.manage"]);
    const headers = { authorization: `Bearer ${key}` };
    expect((await hub.call("GET", "/orgs", undefined, headers)).status).toBe(200);
    const answer = await hub.call("POST", "/orgs", org(), headers);
    expect(answer.status).toBe(403);
    expect(answer.body.error).toMatchObject({
      type: "permission_error",
      message: expect.stringContaining("orgs.manage"),
    });
    const { rows } = await hub.database.pool.query(
      "SELECT target, outcome FROM audit_event WHERE action = 'admin.denied'",
    );
    expect(rows).toContainEqual({ target: "POST /orgs", outcome: "denied" });
  });

  test("every endpoint refuses a key without scopes", async () => {
    const { ADMIN_ENDPOINTS } = await import("@/lib/http/openapi");
    const headers = { authorization: `Bearer ${await hub.keyWith([])}` };
    for (const { method, path } of ADMIN_ENDPOINTS) {
      const answer = await hub.call(
        method,
        path.replace(/\{\w+\+?\}/g, "x"),
        method === "GET" ? undefined : {},
        headers,
      );
      expect([method, path, answer.status]).toEqual([method, path, 403]);
    }
  });
});

describe("404 and 405", () => {
  test("an unknown path", async () => {
    const answer = await hub.call("GET", "/nothing/here");
    expect(answer.status).toBe(404);
    expect(answer.body.error).toMatchObject({ code: "unknown_url", type: "invalid_request_error" });
  });
  test("a wrong method names the right ones", async () => {
    const answer = await hub.call("DELETE", "/orgs", {});
    expect(answer.status).toBe(405);
    expect(answer.headers.get("allow")).toBe("POST, GET");
    expect(answer.body.error.code).toBe("method_not_allowed");
  });
  test("broken percent-encoding", async () => {
    expect((await hub.call("GET", "/orgs/%E0%A4%A")).status).toBe(400);
  });
});

describe("400", () => {
  test.each([
    ["not JSON", "{", null, "JSON"],
    ["an empty body", "", null, "JSON"],
    ["no object", "[]", null, "object"],
    ["null", "null", null, "object"],
    ["a missing field", {}, "name", "required"],
    ["a wrong type", { name: 5 }, "name", "string"],
    ["an unknown field", { name: "A", role: "owner" }, "role", "Unknown field"],
    ["a mass assignment", { name: "A", id: "org_x", status: "active" }, "id", "Unknown field"],
    ["a bad slug", { name: "A", slug: "No Spaces" }, "slug", "lower-case"],
    ["a reserved slug", { name: "A", slug: "admin" }, "slug", "reserved"],
    ["a bad address", { name: "A", ownerEmail: "x" }, "ownerEmail", "e-mail"],
    ["a zero limit", { name: "A", rpm: 0 }, "rpm", "at least 1"],
    ["a fraction", { name: "A", rpm: 1.5 }, "rpm", "whole number"],
    ["a negative budget", { name: "A", budgetUsd: "-1" }, "budgetUsd", "negative"],
    ["a period without a budget", { name: "A", budgetPeriod: "day" }, "budgetPeriod", "budgetUsd"],
  ])("%s", async (_, body, param, message) => {
    const answer = await hub.call("POST", "/orgs", body);
    expect(answer.status).toBe(400);
    expect(answer.body.error.param).toBe(param);
    expect(answer.body.error.message).toContain(message);
  });

  test("an unknown query parameter and a wrong limit", async () => {
    expect((await hub.call("GET", "/orgs?orgID=1")).body.error).toMatchObject({ param: "orgID" });
    expect((await hub.call("GET", "/orgs?limit=0")).body.error).toMatchObject({ param: "limit" });
    expect((await hub.call("GET", "/orgs?limit=1001")).status).toBe(400);
    expect((await hub.call("GET", "/orgs?cursor=xyz")).body.error).toMatchObject({ param: "cursor" });
  });

  test("a body that is too large", async () => {
    const answer = await hub.call("POST", "/orgs", { name: "x".repeat(1_000_001) });
    expect(answer.status).toBe(413);
  });

  test("a deeply nested body is an error, not a crash", async () => {
    const answer = await hub.call("POST", "/orgs", "[".repeat(100_000) + "]".repeat(100_000));
    expect(answer.status).toBe(400);
  });

  test("prototype keys are dropped", async () => {
    const answer = await hub.call("POST", "/orgs", '{"name":"P","__proto__":{"admin":true}}');
    expect(answer.status).toBe(201);
  });
});

describe("Idempotency-Key", () => {
  const headers = (key: string) => ({ "idempotency-key": key });

  test("the same call gets the first answer, once made", async () => {
    const first = await hub.call("POST", "/orgs", org("Once"), headers("k1"));
    const second = await hub.call("POST", "/orgs", org("Once"), headers("k1"));
    expect(first.status).toBe(201);
    expect(second.status).toBe(201);
    expect(second.body).toEqual(first.body);
    expect(second.headers.get("x-aigne-replayed")).toBe("true");
    expect(second.headers.get("x-request-id")).not.toBe(first.headers.get("x-request-id"));
    const { rows } = await hub.database.pool.query("SELECT count(*)::int AS n FROM org WHERE name = 'Once'");
    expect(rows[0].n).toBe(1);
  });

  test("another body is refused, another path or caller is another call", async () => {
    await hub.call("POST", "/orgs", org("K2"), headers("k2"));
    const other = await hub.call("POST", "/orgs", org("K2 other"), headers("k2"));
    expect(other.status).toBe(422);
    expect(other.body.error.code).toBe("idempotency_mismatch");
    const caller = await hub.keyWith(["orgs.manage"]);
    const fromOther = await hub.call("POST", "/orgs", org("K2 other"), {
      ...headers("k2"),
      authorization: `Bearer ${caller}`,
    });
    expect(fromOther.status).toBe(201);
  });

  test("of twenty at once one runs; the others wait or repeat", async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => hub.call("POST", "/orgs", org("Race"), headers("race"))),
    );
    const { rows } = await hub.database.pool.query("SELECT count(*)::int AS n FROM org WHERE name = 'Race'");
    expect(rows[0].n).toBe(1);
    expect(new Set(answers.map(({ status }) => status))).toEqual(
      new Set([201, 409].filter((s) => answers.some((a) => a.status === s))),
    );
    expect(
      answers.filter(({ status }) => status === 409).every(({ body }) => body.error.code === "idempotency_in_flight"),
    ).toBe(true);
  });

  test("a failure is not kept", async () => {
    expect((await hub.call("POST", "/orgs", { name: "F", slug: "admin" }, headers("k3"))).status).toBe(400);
    expect((await hub.call("POST", "/orgs", org("F"), headers("k3"))).status).toBe(201);
  });

  test("the write and its answer are kept together or not at all", async () => {
    await hub.database.pool.query(`
      CREATE FUNCTION fail_to_keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'crash'; END $$;
      CREATE TRIGGER fail_to_keep BEFORE UPDATE ON admin_idempotency FOR EACH ROW EXECUTE FUNCTION fail_to_keep()`);
    const failed = await hub.call("POST", "/orgs", org("Atomic"), headers("k6"));
    await hub.database.pool.query("DROP FUNCTION fail_to_keep CASCADE");
    expect(failed.status).toBe(500);
    const again = await hub.call("POST", "/orgs", org("Atomic"), headers("k6"));
    expect(again.status).toBe(201);
    expect(again.headers.get("x-aigne-replayed")).toBeNull();
    const { rows } = await hub.database.pool.query("SELECT id FROM org WHERE name = 'Atomic'");
    expect(rows).toEqual([{ id: again.body.id }]);
  });

  test("a call that somebody took over because it was slow does not happen too", async () => {
    const { once } = await import("@/lib/http/admin-idempotency");
    const { change } = await import("@/lib/db");
    const call = { keyId: "mk_slow", secret: "s", path: "/p", key: "k7", method: "POST", body: "{}" };
    const slow = once(
      call,
      async (remember) => {
        await hub.database.pool.query(
          "UPDATE admin_idempotency SET created_at = created_at + interval '1 minute' WHERE key = 'k7'",
        );
        return change({ request: { id: "req_1", ip: null, remember } }, (tx) =>
          tx.setting.create({ data: { key: "made_by_slow", value: 1 } }),
        );
      },
      (body) => ({ status: 200, body }),
    );
    await expect(slow).rejects.toMatchObject({ code: "idempotency_in_flight" });
    const { rows } = await hub.database.pool.query("SELECT * FROM setting WHERE key = 'made_by_slow'");
    expect(rows).toEqual([]);
  });

  test("after a day the key is free again; an abandoned call frees it after a minute", async () => {
    await hub.call("POST", "/orgs", org("Old"), headers("k4"));
    await hub.database.pool.query(
      "UPDATE admin_idempotency SET created_at = created_at - interval '25 hours' WHERE key = 'k4'",
    );
    const again = await hub.call("POST", "/orgs", org("New"), headers("k4"));
    expect(again.body.name).toBe("New");
    await hub.database.pool.query("UPDATE admin_idempotency SET status = NULL, response = NULL WHERE key = 'k4'");
    expect((await hub.call("POST", "/orgs", org("New"), headers("k4"))).status).toBe(409);
    await hub.database.pool.query(
      "UPDATE admin_idempotency SET created_at = created_at - interval '2 minutes' WHERE key = 'k4'",
    );
    expect((await hub.call("POST", "/orgs", org("New"), headers("k4"))).status).toBe(201);
  });

  test("a stored answer does not reveal the key it holds", async () => {
    const { body: owner } = await hub.call("POST", "/orgs", org("Sealed"));
    const first = await hub.call("POST", `/orgs/${owner.id}/keys`, { name: "k" }, headers("k5"));
    const again = await hub.call("POST", `/orgs/${owner.id}/keys`, { name: "k" }, headers("k5"));
    expect(again.body.key).toBe(first.body.key);
    const { rows } = await hub.database.pool.query("SELECT response::text FROM admin_idempotency WHERE key = 'k5'");
    expect(rows[0].response).not.toContain(first.body.key.slice(9, 30));
  });

  test("an overlong key is refused", async () => {
    expect((await hub.call("POST", "/orgs", org(), headers("x".repeat(256)))).status).toBe(400);
  });
});

test("no answer is cached, every answer has a request id", async () => {
  const answer = await hub.call("GET", "/settings");
  expect(answer.status).toBe(200);
  expect(answer.headers.get("cache-control")).toBe("private, no-store");
  expect(answer.headers.get("x-request-id")).toMatch(/^req_/);
});
