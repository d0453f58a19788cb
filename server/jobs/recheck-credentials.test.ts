import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type TestDatabase, testDatabase } from "@/e2e/support/database";
import { makeProvider } from "@/e2e/support/fixtures";
import { logger } from "@/lib/log";
import { createPool } from "@/lib/pg";
import { generateSecretsKeyPair } from "@/lib/secrets";
import { createCredentialRecheck } from "@/server/jobs/recheck-credentials";

let database: TestDatabase;
let pool: pg.Pool;
let keys: Awaited<ReturnType<typeof generateSecretsKeyPair>>;
let baseUrl: string;
/** Keys the upstream accepts, and the calls it saw. */
const accepted = new Set<string>();
const seen: string[] = [];

const server = createServer((request, response) => {
  const key = request.headers.authorization?.replace("Bearer ", "") ?? "";
  seen.push(`${key} ${request.url}`);
  response.statusCode = accepted.has(key) ? 200 : 401;
  response.end(accepted.has(key) ? '{"data":[{"id":"m"}]}' : '{"error":{"message":"Incorrect API key"}}');
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

/** A credential that was refused `ago` and tested last `tested` ago. */
async function refused(apiKey: string, ago: string, tested: string | null = null): Promise<string> {
  const secrets = { keyPepper: "pepper", secretsPublicKey: keys.publicKey };
  const { credentialIds } = await makeProvider(database.pool, secrets, { kind: "openai", baseUrl, apiKeys: [apiKey] });
  const id = credentialIds[0] as string;
  await database.pool.query("select disable_credential($1, 'refused')", [id]);
  await database.pool.query(
    "update credential set updated_at = clock_timestamp() - $2::interval, last_tested_at = clock_timestamp() - $3::interval where id = $1",
    [id, ago, tested],
  );
  return id;
}
const stateOf = async (id: string) =>
  (await database.pool.query("select status, status_reason as reason from credential where id = $1", [id])).rows[0];
const recheck = () => createCredentialRecheck({ sql: pool, secretsKey: keys.secretKey, log: logger("test") })();
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
