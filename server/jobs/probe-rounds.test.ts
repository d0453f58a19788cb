import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type TestDatabase, testDatabase } from "@/e2e/support/database";
import { type ModelText, makeModel, makeProvider } from "@/e2e/support/fixtures";
import type { ServicesNow } from "@/lib/health/service-state";
import { logger } from "@/lib/log";
import { createPool } from "@/lib/pg";
import { generateSecretsKeyPair } from "@/lib/secrets";
import { createProbeRounds } from "@/server/jobs/probe-rounds";

let database: TestDatabase;
let pool: pg.Pool;
let keys: Awaited<ReturnType<typeof generateSecretsKeyPair>>;
let baseUrl: string;
/** Keys the upstream accepts, those whose account is empty, and the calls it saw. */
const accepted = new Set<string>();
const unpaid = new Set<string>();
const seen: string[] = [];
let isDown = false;

const server = createServer((request, response) => {
  const key = request.headers.authorization?.replace("Bearer ", "") ?? "";
  seen.push(`${key} ${request.url}`);
  const answer = (status: number, body: unknown) => {
    response.statusCode = status;
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(body));
  };
  if (isDown) return answer(500, { error: { message: "The server had an error" } });
  if (!accepted.has(key)) return answer(401, { error: { message: "Incorrect API key" } });
  if (request.url === "/v1/models" && key.startsWith("sk-listless")) return answer(404, { detail: "Not Found" });
  if (request.url === "/v1/models") return answer(200, { data: [{ id: "m" }] });
  if (request.url === "/v1/user/balance") {
    const total_balance = unpaid.has(key) ? "0.00" : "12.50";
    return answer(200, { is_available: true, balance_infos: [{ currency: "CNY", total_balance }] });
  }
  if (unpaid.has(key)) {
    const message = "You exceeded your current quota, please check your plan and billing details.";
    return answer(429, { error: { message, type: "insufficient_quota", code: "insufficient_quota" } });
  }
  const choices = [{ index: 0, message: { role: "assistant", content: "Hi" }, finish_reason: "stop" }];
  answer(200, {
    id: "c",
    object: "chat.completion",
    created: 1,
    model: "m",
    choices,
    usage: { prompt_tokens: 3, completion_tokens: 2 },
  });
});

beforeAll(async () => {
  [database, keys] = await Promise.all([testDatabase(), generateSecretsKeyPair()]);
  pool = createPool(database.roleUrl("worker"), { max: 2, applicationName: "test-worker" });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
});
afterAll(async () => {
  server.close();
  await pool.end();
  await database.drop();
});

type Given = { kind?: string; models?: Partial<ModelText>[]; refusal?: "auth" | "balance" };

async function connect(apiKey: string, { kind = "openai", models = [] }: Given = {}) {
  const secrets = { keyPepper: "pepper", secretsPublicKey: keys.publicKey };
  const provider = await makeProvider(database.pool, secrets, { kind, baseUrl, apiKeys: [apiKey] });
  for (const model of models)
    await makeModel(database.pool, { offers: [{ provider, upstreamModel: "cheap" }], ...model });
  return { providerId: provider.id, id: provider.credentialIds[0] as string };
}

/** A credential that was refused `ago` and tested last `tested` ago. */
async function refused(apiKey: string, ago: string, tested: string | null = null, given: Given = {}): Promise<string> {
  const { id } = await connect(apiKey, given);
  await database.pool.query("select disable_credential($1, 'refused', $2)", [id, given.refusal ?? "auth"]);
  await database.pool.query(
    "update credential set updated_at = clock_timestamp() - $2::interval, last_tested_at = clock_timestamp() - $3::interval where id = $1",
    [id, ago, tested],
  );
  return id;
}
const stateOf = async (id: string) =>
  (await database.pool.query("select status, status_reason as reason from credential where id = $1", [id])).rows[0];
const recheck = (sql = pool) => createProbeRounds({ sql, secretsKey: keys.secretKey, log: logger("test") })();
const callsOf = (key: string) => seen.filter((call) => call.startsWith(`${key} `)).length;

test("a credential that works again is active again; one that does not stays disabled and says why", async () => {
  accepted.add("sk-mended");
  const mended = await refused("sk-mended", "31 seconds");
  const dead = await refused("sk-dead", "31 seconds");
  await recheck();
  expect(await stateOf(mended)).toEqual({ status: "active", reason: null });
  expect(await stateOf(dead)).toEqual({ status: "disabled", reason: expect.stringContaining("HTTP 401") });
  expect(seen).toContain("sk-dead /v1/models");
});

test.each([
  ["sk-new", "15 seconds", null, 0],
  ["sk-due", "30 seconds", null, 1],
  // tested 60 s after the refusal: the next look is 60 s later
  ["sk-early", "110 seconds", "50 seconds", 0],
  ["sk-again", "121 seconds", "60.5 seconds", 1],
  ["sk-old", "30 days", "59 minutes", 0],
  ["sk-older", "30 days", "61 minutes", 1],
])("%s, refused %s ago and tested %s ago, is tested %i times", async (key, ago, tested, times) => {
  await refused(key, ago, tested);
  await recheck();
  await recheck();
  expect(callsOf(key)).toBe(times);
});

test("one that an operator disabled is left alone", async () => {
  const id = await refused("sk-off", "1 day");
  await database.pool.query("update credential set enabled = false where id = $1", [id]);
  await recheck();
  expect(callsOf("sk-off")).toBe(0);
});

test("workers at the same time test a credential once; one that was left while verifying is tested again", async () => {
  await refused("sk-shared", "1 day");
  await Promise.all([recheck(), recheck(), recheck()]);
  expect(callsOf("sk-shared")).toBe(1);
  const left = await refused("sk-left", "1 day", "2 minutes");
  await database.pool.query("update credential set status = 'verifying' where id = $1", [left]);
  await recheck();
  expect(callsOf("sk-left")).toBe(1);
  expect((await stateOf(left)).status).toBe("disabled");
});

test("one that was refused for its balance does not pass on its model list: a call decides", async () => {
  accepted.add("sk-broke");
  unpaid.add("sk-broke");
  const id = await refused("sk-broke", "31 seconds", null, { refusal: "balance", models: [{}] });
  await recheck();
  expect(await stateOf(id)).toEqual({ status: "disabled", reason: expect.stringContaining("exceeded your current") });
  expect(seen).toContain("sk-broke /v1/chat/completions");
  unpaid.delete("sk-broke");
  await database.pool.query("update credential set updated_at = 'epoch', last_tested_at = 'epoch' where id = $1", [id]);
  await recheck();
  expect(await stateOf(id)).toEqual({ status: "active", reason: null });
});

test("without a chat model nothing can verify it, and it says so", async () => {
  accepted.add("sk-mute");
  const id = await refused("sk-mute", "31 seconds", null, { refusal: "balance", models: [{ type: "embedding" }] });
  await recheck();
  expect(await stateOf(id)).toEqual({ status: "disabled", reason: expect.stringContaining("only a call can verify") });
});

test("where the provider tells the balance, that decides, and no call is made", async () => {
  for (const key of ["sk-deep-empty", "sk-deep-paid"]) accepted.add(key);
  unpaid.add("sk-deep-empty");
  const given = { kind: "deepseek", refusal: "balance" as const, models: [{}] };
  const empty = await refused("sk-deep-empty", "31 seconds", null, given);
  const paid = await refused("sk-deep-paid", "31 seconds", null, given);
  await recheck();
  expect(await stateOf(empty)).toEqual({ status: "disabled", reason: "The account has no credit left." });
  expect(await stateOf(paid)).toEqual({ status: "active", reason: null });
  expect(seen.filter((call) => call.startsWith("sk-deep") && call.endsWith("completions"))).toEqual([]);
  const { rows } = await database.pool.query(
    "select credential_id, balance, balance_unit from credential_health where credential_id = any($1) order by balance",
    [[empty, paid]],
  );
  expect(rows.map(({ balance, balance_unit }) => `${balance} ${balance_unit}`)).toEqual(["0.00 CNY", "12.50 CNY"]);
});

/** As if it had last been looked at long ago. */
const age = (id: string) =>
  database.pool.query("update credential set updated_at = 'epoch', last_tested_at = 'epoch' where id = $1", [id]);

test("an account that runs out rests its credential until a later check finds it paid", async () => {
  accepted.add("sk-deep-spent").add("sk-deep-spare");
  unpaid.add("sk-deep-spent");
  const { id } = await connect("sk-deep-spent", { kind: "deepseek" });
  const rest = async () =>
    (
      await database.pool.query(
        "select openings, reason, until > clock_timestamp() + interval '15 minutes' as outlasts from breaker where target = $1",
        [id],
      )
    ).rows;
  await age(id);
  await recheck();
  expect(await stateOf(id)).toEqual({ status: "active", reason: "The account has no credit left." });
  expect(await rest()).toEqual([{ openings: 0, reason: "balance", outlasts: true }]);
  unpaid.delete("sk-deep-spent");
  await age(id);
  await recheck();
  expect(await stateOf(id)).toEqual({ status: "active", reason: null });
  expect(await rest()).toEqual([]);
});

test("where an upstream has no list of models, a call decides; without a chat model nothing is known", async () => {
  accepted.add("sk-listless-chat").add("sk-listless-vectors");
  const chat = await connect("sk-listless-chat", { models: [{}] });
  const vectors = await connect("sk-listless-vectors", { models: [{ type: "embedding" }] });
  await age(chat.id);
  await age(vectors.id);
  await recheck();
  expect(await stateOf(chat.id)).toEqual({ status: "active", reason: null });
  expect(seen).toContain("sk-listless-chat /v1/chat/completions");
  expect(await stateOf(vectors.id)).toEqual({ status: "active", reason: expect.stringContaining("no list of models") });
  const { rows } = await database.pool.query<{ now: ServicesNow }>("select services_now() as now");
  const checks = new Map(rows[0]?.now.checks?.map(({ provider, ok }) => [provider, ok]));
  expect([checks.get(chat.providerId), checks.has(vectors.providerId)]).toEqual([true, false]);
  const { rows: days } = await database.pool.query("select ok, failed from service_day where subject_id = any($1)", [
    [chat.providerId, vectors.providerId],
  ]);
  expect(days.map(({ ok, failed }) => [Number(ok), Number(failed)])).toEqual([[1, 0]]);
});

test("a key that was revoked is found on schedule, before a call meets it", async () => {
  const { id } = await connect("sk-revoked");
  const { id: fresh } = await connect("sk-fresh");
  await database.pool.query(
    "update credential set updated_at = clock_timestamp() - interval '16 minutes' where id = $1",
    [id],
  );
  await recheck();
  expect(await stateOf(id)).toEqual({ status: "disabled", reason: expect.stringContaining("HTTP 401") });
  expect([(await stateOf(fresh)).status, callsOf("sk-fresh")]).toEqual(["active", 0]);
  const { rows } = await database.pool.query(
    "select origin, method, ok, failure_class, error from provider_probe where credential_id = $1",
    [id],
  );
  expect(rows).toEqual([
    { origin: "schedule", method: "models", ok: false, failure_class: "auth", error: "HTTP 401: Incorrect API key" },
  ]);
});

test("a key that may not list models, but serves calls, stays", async () => {
  const { id } = await connect("sk-narrow", { models: [{}] });
  accepted.add("sk-narrow");
  await database.pool.query("update credential set updated_at = 'epoch' where id = $1", [id]);
  const list = server.listeners("request")[0] as (...args: unknown[]) => void;
  server.removeAllListeners("request");
  server.on("request", (request, response) => {
    if (request.url !== "/v1/models") return list(request, response);
    response.writeHead(403).end('{"error":{"message":"Missing scopes: api.model.read"}}');
  });
  await recheck();
  server.removeAllListeners("request");
  server.on("request", list);
  expect(await stateOf(id)).toEqual({ status: "active", reason: null });
});

describe("a route whose breaker is open", () => {
  async function open(key: string, ago: string, type = "chat") {
    accepted.add(key);
    const { id } = await connect(key, { models: [{ type }] });
    const { rows } = await database.pool.query(
      `insert into breaker (target, until, openings, reason)
       select offer.id || '/' || credential.id, clock_timestamp() - $2::interval, 2, 'server'
       from credential join offer using (provider_id) where credential.id = $1 returning target`,
      [id, ago],
    );
    const { target } = rows[0];
    const state = async () =>
      (
        await database.pool.query(
          "select openings, until > clock_timestamp() as rests, probe_until is not null as kept from breaker where target = $1",
          [target],
        )
      ).rows[0] ?? "closed";
    return { id, state };
  }

  test("is closed by a check that finds it well, without traffic", async () => {
    const { state } = await open("sk-back", "11 seconds");
    await recheck();
    expect(await state()).toBe("closed");
    expect(seen).toContain("sk-back /v1/chat/completions");
  });

  test("is closed by a call where the upstream has no list of models; without a chat model it is left to traffic", async () => {
    const chat = await open("sk-listless-back", "11 seconds");
    const vectors = await open("sk-listless-vector", "11 seconds", "embedding");
    await recheck();
    expect(await chat.state()).toBe("closed");
    expect(await vectors.state()).toEqual({ openings: 2, rests: false, kept: false });
  });

  test("shows what the call of its check took, which no ledger has", async () => {
    const { id } = await open("sk-counted", "11 seconds");
    await recheck();
    const { rows } = await database.pool.query(
      `select calls::int, input_tokens::int as input, output_tokens::int as output from check_day
       where offer_id in (select offer.id from offer join credential using (provider_id) where credential.id = $1)`,
      [id],
    );
    expect(rows).toEqual([{ calls: 1, input: 3, output: 2 }]);
  });

  test("is left to traffic for ten seconds", async () => {
    const { state } = await open("sk-busy", "9 seconds");
    await recheck();
    expect([callsOf("sk-busy"), (await state()).openings]).toEqual([0, 2]);
  });

  test("rests longer when it still fails, and costs no call then", async () => {
    const { state } = await open("sk-down", "11 seconds");
    isDown = true;
    await recheck();
    isDown = false;
    expect(await state()).toEqual({ openings: 3, rests: true, kept: false });
    expect(seen).not.toContain("sk-down /v1/chat/completions");
  });

  test("of no chat model stays half-open: the next call decides", async () => {
    const { state } = await open("sk-vector", "11 seconds", "embedding");
    await recheck();
    expect([callsOf("sk-vector"), await state()]).toEqual([1, { openings: 2, rests: false, kept: false }]);
  });

  test("loses a credential that is refused", async () => {
    const { id } = await open("sk-gone", "11 seconds");
    accepted.delete("sk-gone");
    await recheck();
    expect((await stateOf(id)).status).toBe("disabled");
  });

  test("is probed by one of several workers", async () => {
    await open("sk-once", "11 seconds");
    await Promise.all([recheck(), recheck(), recheck()]);
    expect(seen.filter((call) => call === "sk-once /v1/chat/completions")).toHaveLength(1);
  });

  test("is not probed again by a worker that found it before another closed it", async () => {
    const { id } = await open("sk-late", "11 seconds");
    const query = async (text: string, values?: unknown[]) => {
      if (text.includes("breaker_claim") && String(values?.[0]).endsWith(id)) await recheck();
      return pool.query(text, values);
    };
    // safe because the rounds only ask
    await recheck({ query } as unknown as typeof pool);
    expect(seen.filter((call) => call === "sk-late /v1/chat/completions")).toHaveLength(1);
  });
});

test("the history keeps the last fifty checks of a credential", async () => {
  const { id, providerId } = await connect("sk-history");
  await database.pool.query(
    `insert into provider_probe (id, kind, provider_id, credential_id, created_at)
     select 'h' || n, 'test_credential', $1, $2, clock_timestamp() - n * interval '1 minute' from generate_series(1, 80) n`,
    [providerId, id],
  );
  await pool.query("select prune_health()");
  const { rows } = await database.pool.query(
    "select count(*)::int as kept, min(created_at) > clock_timestamp() - interval '51 minutes' as latest from provider_probe where credential_id = $1",
    [id],
  );
  expect(rows).toEqual([{ kept: 50, latest: true }]);
});
