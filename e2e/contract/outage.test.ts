import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { assertHealthy, type TestDatabase, testDatabase } from "@/e2e/support/database";
import { makeKey, makeModel, makeOrg, makeProvider, type OrgRow } from "@/e2e/support/fixtures";
import { type Line, openLine } from "@/e2e/support/line";
import { startOpenAISimulator } from "@/e2e/support/providers/openai";
import type { Simulator } from "@/e2e/support/providers/server";
import { SLICE_TOKENS } from "@/lib/gateway/hold-size";
import { generateSecretsKeyPair } from "@/lib/secrets";
import { type OpenDoors, openDoors } from "./doors";
import { readCall } from "./settled-call";

let database: TestDatabase;
let upstream: Simulator;
let line: Line;
let doors: OpenDoors;
let org: OrgRow;
let key: string;
let quick: string;
let slow: string;
let long: string;

beforeAll(async () => {
  [database, upstream] = await Promise.all([testDatabase(), startOpenAISimulator()]);
  const pair = await generateSecretsKeyPair();
  const secrets = { keyPepper: randomBytes(32).toString("hex"), secretsPublicKey: pair.publicKey };
  const provider = await makeProvider(database.pool, secrets, { kind: "openai", baseUrl: upstream.baseUrl });
  const price = { input: "1", output: "4" };
  quick = await makeModel(database.pool, { price, offers: [{ provider, upstreamModel: "text" }] });
  slow = await makeModel(database.pool, {
    price,
    offers: [{ provider, upstreamModel: "trickle:interval=50,tokens=30" }],
  });
  long = await makeModel(database.pool, {
    price,
    offers: [{ provider, upstreamModel: "trickle:interval=1,tokens=4000" }],
    maxOutputTokens: 16_384,
  });
  org = await makeOrg(database.pool, { creditUsd: "10" });
  ({ key } = await makeKey(database.pool, secrets, org));
  line = await openLine(database.roleUrl("gateway"));
  doors = await openDoors({
    database: { ...database, roleUrl: () => line.url },
    keyPepper: secrets.keyPepper,
    secretsKey: pair.secretKey,
  });
});
afterEach(() => line.set("open"));
afterAll(async () => {
  await doors.close();
  line.close();
  await upstream.stop();
  await assertHealthy(database.pool, org.id).finally(() => database.drop());
});

const call = (model: string, stream = false) =>
  doors.fast.fetch(`${doors.fast.baseUrl}/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model, stream, messages: [{ role: "user", content: "hi" }] }),
  });

describe.each(["down", "silent"] as const)("a database that is %s", (state) => {
  test("new calls are told to wait, running ones end and are settled afterwards", async () => {
    expect((await call(quick)).status).toBe(200);
    const running = await call(slow, true);
    line.set(state);

    const askedAt = performance.now();
    const refused = await call(quick);
    expect([refused.status, refused.headers.get("retry-after"), refused.headers.get("x-should-retry")]).toEqual([
      503,
      "2",
      "true",
    ]);
    expect((await refused.json()).error.code).toBe("unavailable");
    expect(performance.now() - askedAt).toBeLessThan(2_500);
    expect(await running.text()).toContain("[DONE]");

    line.set("open");
    await expect.poll(async () => (await call(quick)).status, { timeout: 5_000, interval: 50 }).toBe(200);
    const settled = () => readCall(database.pool, running.headers.get("x-request-id") ?? "");
    await expect.poll(settled, { timeout: 5_000, interval: 50 }).toMatchObject({ outcome: "ok", outputTokens: 30 });
    // a hold that nobody waited for is given back
    const open = "select count(*)::int as open from hold where org_id = $1 and state = 'open'";
    await expect
      .poll(async () => (await database.pool.query(open, [org.id])).rows[0]?.open, { timeout: 5_000, interval: 50 })
      .toBe(0);
  });
});

test("a stream that outlasts its slice waits for the database and then goes on", async () => {
  const running = await call(long, true);
  line.set("silent");
  let received = "";
  const whole = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of running.body ?? []) received += decoder.decode(chunk, { stream: true });
  })();
  const tokens = () => received.split('"content":"').length - 1;
  let before = -1;
  const standsStill = () => {
    const still = tokens() > 0 && tokens() === before;
    before = tokens();
    return still;
  };
  await expect.poll(standsStill, { timeout: 8_000, interval: 500 }).toBe(true);
  expect(tokens()).toBeLessThan(2 * SLICE_TOKENS);
  line.set("open");
  await whole;
  expect(received).toContain("[DONE]");
  const settled = () => readCall(database.pool, running.headers.get("x-request-id") ?? "");
  await expect.poll(settled, { timeout: 5_000, interval: 50 }).toMatchObject({ outcome: "ok", outputTokens: 4_000 });
});

test("a function that was taken away is 503 at once, and served again when it is given back", async () => {
  const grant = (verb: string) =>
    database.pool.query(
      `${verb} execute on function authorize_batch(jsonb, text, bigint, interval) ${verb === "grant" ? "to" : "from"} hub_gateway`,
    );
  await grant("revoke");
  try {
    const refused = await call(quick);
    expect([refused.status, (await refused.json()).error.code]).toEqual([503, "unavailable"]);
  } finally {
    await grant("grant");
  }
  expect((await call(quick)).status).toBe(200);
});
