import type pg from "pg";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { type TestDatabase, testDatabase } from "@/e2e/support/database";
import { makeKey, makeModel, makeOrg, makeProvider } from "@/e2e/support/fixtures";
import { openLine } from "@/e2e/support/line";
import { createSnapshotStore, type SnapshotStore } from "@/lib/gateway/snapshot-store";
import { newId } from "@/lib/ids";
import { connectListener } from "@/lib/pg";
import { generateSecretsKeyPair } from "@/lib/secrets";

let database: TestDatabase;
let secrets: { keyPepper: string; secretsPublicKey: string };
const stores: SnapshotStore[] = [];

beforeAll(async () => {
  database = await testDatabase();
  secrets = { keyPepper: "pepper", secretsPublicKey: (await generateSecretsKeyPair()).publicKey };
});
afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.stop()));
});
afterAll(() => database.drop());

const run = (statement: string, ...values: unknown[]) => database.pool.query(statement, values);
/** The product promises one second; nothing here waits for the five-second poll. */
const soon = { timeout: 1_000, interval: 10 };

async function watch(connect = () => connectListener(database.roleUrl("gateway"), "test")) {
  const seen = { keys: [] as string[], listening: [] as boolean[], errors: [] as unknown[] };
  let listener: pg.Client | null = null;
  const store = await createSnapshotStore({
    sql: database.pool,
    connectListener: async () => {
      listener = await connect();
      return listener;
    },
    onKeyChange: (payload) => seen.keys.push(payload),
    onHealthChange: () => {},
    onListening: (listening) => seen.listening.push(listening),
    onError: (error) => seen.errors.push(error),
  });
  stores.push(store);
  return { store, ...seen, listener: () => listener as pg.Client | null };
}

async function model(): Promise<string> {
  const provider = await makeProvider(database.pool, secrets, {
    kind: "openai-compatible",
    baseUrl: "https://one.example/v1",
  });
  return makeModel(database.pool, { offers: [{ provider, upstreamModel: "x" }] });
}

const addPrice = (modelId: string, input: string, inMs = 0) =>
  run(
    `insert into price_version (subject, subject_id, rates, content_hash, source, created_by, effective_from)
     values ('model', $1, $2, $3, 'api', 'test', clock_timestamp() + $4 * interval '1 millisecond')`,
    modelId,
    JSON.stringify({ input }),
    newId("hash"),
    inMs,
  );

test("a change replaces the snapshot within a second, and the old one stays as it was", async () => {
  const { store } = await watch();
  const before = store.current();
  const id = await model();
  await expect
    .poll(
      () => store.current().models.get(id)?.price !== undefined && store.current().models.get(id)?.offers.length,
      soon,
    )
    .toBe(1);
  expect(before.models.has(id)).toBe(false);
  expect(Number(store.current().version)).toBeGreaterThan(Number(before.version));

  await run("update model set enabled = false where id = $1", id);
  await expect.poll(() => store.current().models.has(id), soon).toBe(false);
});

test("a new price is in force for new calls within a second", async () => {
  const id = await model();
  const { store } = await watch();
  await addPrice(id, "77");
  await expect.poll(() => store.current().models.get(id)?.price?.rates.input, soon).toBe(77n);
});

test("an announced price comes into force at its time, by the database's clock", async () => {
  const id = await model();
  await addPrice(id, "1");
  const { store } = await watch();
  await addPrice(id, "88", 400);
  await expect.poll(() => store.current().nextPriceInMs, soon).toBeGreaterThan(0);
  expect(store.current().models.get(id)?.price?.rates.input).toBe(1n);
  await expect.poll(() => store.current().models.get(id)?.price?.rates.input, soon).toBe(88n);
});

test("a price announced for after the longest timer does not reload without end", async () => {
  const id = await model();
  await addPrice(id, "5", 40 * 24 * 60 * 60_000);
  const { store, errors } = await watch();
  const snapshot = store.current();
  await new Promise(setImmediate);
  expect(store.current()).toBe(snapshot);
  expect(errors).toEqual([]);
});

test("key and organisation changes are passed on", async () => {
  const org = await makeOrg(database.pool, { creditUsd: "0" });
  const key = await makeKey(database.pool, secrets, org);
  const { keys, listening } = await watch();
  expect(listening).toEqual([true]);
  await run("update api_key set status = 'disabled' where id = $1", key.id);
  await run("update org set status = 'suspended' where id = $1", org.id);
  await expect.poll(() => keys, soon).toEqual([key.id, `org:${org.id}`]);
});

test("refresh shows what was written before it, even while a reading is under way", async () => {
  const { store } = await watch();
  const early = store.refresh();
  const id = await model();
  const late = store.refresh();
  await late;
  expect(store.current().models.has(id)).toBe(true);
  await early;
});

test("refresh reads the whole configuration only where it changed", async () => {
  const { store } = await watch(() => Promise.reject(new Error("no listener")));
  const snapshot = store.current();
  const query = vi.spyOn(database.pool, "query");
  await Promise.all(Array.from({ length: 10 }, () => store.refresh()));
  expect(store.current()).toBe(snapshot);
  // one for the first who asked, one for all who came while it ran
  expect(query).toHaveBeenCalledTimes(2);
  query.mockRestore();
  const id = await model();
  await store.refresh();
  expect(store.current().models.has(id)).toBe(true);
});

test("a lost channel is told and found again, and what changed meanwhile is read", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  try {
    const { store, listening, listener } = await watch();
    const first = listener();
    await first?.end();
    await vi.waitFor(() => expect(listening).toEqual([true, false]));
    const id = await model();
    expect(store.current().models.has(id)).toBe(false);
    vi.advanceTimersByTime(5_000);
    await vi.waitFor(() => expect(listening).toEqual([true, false, true]));
    await vi.waitFor(() => expect(store.current().models.has(id)).toBe(true));
    expect(listener()).not.toBe(first);
  } finally {
    vi.useRealTimers();
  }
});

test("a channel that fell silent is told, left and replaced", async () => {
  const line = await openLine(database.roleUrl("gateway"));
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "setTimeout", "clearTimeout"] });
  try {
    const { store, listening, listener } = await watch(() => connectListener(line.url, "test"));
    const first = listener();
    line.set("silent");
    const id = await model();
    // a poll, and the time it is given
    await vi.advanceTimersByTimeAsync(5_000);
    expect(listening).toEqual([true, false]);
    line.set("open");
    vi.advanceTimersByTime(1_000);
    await vi.waitFor(() => expect(listening).toEqual([true, false, true]));
    await vi.waitFor(() => expect(store.current().models.has(id)).toBe(true));
    expect(listener()).not.toBe(first);
  } finally {
    vi.useRealTimers();
    line.close();
  }
});

test("without a channel the poll finds the change", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  try {
    const { store, listening, errors } = await watch(() => Promise.reject(new Error("no listener")));
    expect(listening).toEqual([]);
    expect(errors).toHaveLength(1);
    const id = await model();
    vi.advanceTimersByTime(5_000);
    await vi.waitFor(() => expect(store.current().models.has(id)).toBe(true));
  } finally {
    vi.useRealTimers();
  }
});

test("a reading that fails keeps the snapshot there is", async () => {
  const { store, errors } = await watch();
  const snapshot = store.current();
  const query = vi.spyOn(database.pool, "query").mockRejectedValueOnce(new Error("database away") as never);
  await store.refresh();
  query.mockRestore();
  expect(store.current()).toBe(snapshot);
  expect(errors).toHaveLength(1);
  await store.refresh();
  expect(store.current()).not.toBe(snapshot);
});
