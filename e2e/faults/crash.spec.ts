import { expect, test } from "@playwright/test";
import { fetch } from "undici";
import { count, deadlocks, killFamily, manyConnections, postmasterPid, type Stage, setStage } from "./stage";

test.describe.configure({ mode: "serial" });

let stage: Stage;
test.beforeAll(async () => {
  test.setTimeout(120_000);
  stage = await setStage();
});
test.afterAll(async () => {
  const found = await deadlocks(stage.sql);
  await stage.stop();
  expect(found).toBe(0);
});

const STREAMS = count(50, 200);
const rounds = (short: number, full: number) => Array.from({ length: count(short, full) }, (_, n) => n + 1);
const INTERVAL_MS = 20;
const TOKENS = 2_000;
/** What a crash may leave unpaid: the tokens of half a second, and one for the timer's grain. */
const UNPAID_TOKENS = 500 / INTERVAL_MS + 1;

type Started = { tag: string; requestId: string; done: Promise<{ text: string; cut: boolean }> };

async function startStream(model: string, key: string, tag: string): Promise<Started> {
  const response = await fetch(`${stage.hub.url}/api/v1/chat/completions`, {
    method: "POST",
    dispatcher: manyConnections,
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model, messages: [{ role: "user", content: "hi" }], stream: true, user: tag }),
  });
  expect(response.status).toBe(200);
  const decoder = new TextDecoder();
  const read = async () => {
    let text = "";
    try {
      for await (const chunk of response.body ?? []) text += decoder.decode(chunk, { stream: true });
      return { text, cut: false };
    } catch {
      return { text, cut: true };
    }
  };
  return { tag, requestId: response.headers.get("x-request-id") ?? "", done: read() };
}

type EventRow = {
  id: string;
  outcome: string;
  usage_source: string;
  input_tokens: number;
  output_tokens: number;
  price_nano: string;
};

async function eventsOf(orgId: string): Promise<EventRow[]> {
  return (await stage.sql.query<EventRow>("select * from usage_event where org_id = $1 and kind = 'call'", [orgId]))
    .rows;
}

async function openHolds(orgId: string): Promise<number> {
  return (await stage.sql.query("select count(*)::int as open from hold where org_id = $1 and state = 'open'", [orgId]))
    .rows[0]?.open;
}

/** Streams that all run, long enough for their first checkpoints. */
async function startStreams(prefix: string, streamCount: number) {
  const model = await stage.model(`trickle:interval=${INTERVAL_MS},tokens=${TOKENS}`, { input: "1", output: "4" });
  const { orgId, key } = await stage.tenant("100");
  stage.upstream.truth.clear();
  const streams = await Promise.all(
    Array.from({ length: streamCount }, (_, i) => startStream(model, key, `${prefix}-${i}`)),
  );
  const sent = ({ tag }: Started) => stage.upstream.truth.byTag(tag)[0]?.tokens ?? 0;
  await expect.poll(() => Math.min(...streams.map(sent)), { timeout: 20_000 }).toBeGreaterThan(75);
  return { orgId, key, streams, sent };
}

/** Each stream has one event, paid for its input and all tokens but those of the last half second; nothing stays held. */
async function expectAllCharged({ orgId, streams, sent }: Awaited<ReturnType<typeof startStreams>>) {
  await expect.poll(() => openHolds(orgId), { timeout: 60_000, intervals: [500] }).toBe(0);
  const events = await eventsOf(orgId);
  expect(events.map(({ id }) => id).sort()).toEqual(streams.map(({ requestId }) => requestId).sort());
  for (const event of events) {
    const tokens = sent(streams.find(({ requestId }) => requestId === event.id) as Started);
    expect(event.outcome).toBe("crashed");
    expect(event.input_tokens).toBeGreaterThan(0);
    expect(event.output_tokens, `${event.id} of ${tokens} sent`).toBeLessThanOrEqual(tokens);
    expect(event.output_tokens, `${event.id} of ${tokens} sent`).toBeGreaterThanOrEqual(tokens - UNPAID_TOKENS);
    expect(BigInt(event.price_nano)).toBe(BigInt(event.input_tokens) * 1_000n + BigInt(event.output_tokens) * 4_000n);
  }
  const seen = stage.upstream.truth.requests.filter(({ tag }) => streams.some((stream) => stream.tag === tag));
  expect(seen).toHaveLength(streams.length);
  expect(await stage.admin("GET", `/orgs/${orgId}/wallet`)).toMatchObject({ heldUsd: "0" });
  expect(await stage.violations()).toEqual([]);
}

for (const round of rounds(1, 20))
  test(`round ${round}: the gateway is killed with ${STREAMS} streams in flight: none is lost or charged twice, every hold is closed`, async () => {
    test.setTimeout(180_000);
    const started = await startStreams("gateway", STREAMS);
    const before = stage.hub.pids().gateway;
    killFamily(before);
    // a cut stream never looks like a clean end
    for (const { text } of await Promise.all(started.streams.map(({ done }) => done)))
      expect(text).not.toContain("[DONE]");
    await expect.poll(() => stage.hub.pids().gateway, { timeout: 20_000 }).not.toBe(before);
    await expectAllCharged(started);

    const again = await startStream(await stage.model("text", { input: "1", output: "4" }), started.key, "after-crash");
    expect((await again.done).text).toContain("[DONE]");
  });

for (const round of rounds(1, 10))
  test(`round ${round}: the database is killed and comes back: settled calls stay settled, streams go on, new calls are refused only meanwhile`, async () => {
    test.setTimeout(180_000);
    const slow = await stage.model(`trickle:interval=${INTERVAL_MS},tokens=400`, { input: "1", output: "4" });
    const quick = await stage.model("text", { input: "1", output: "4" });
    const { orgId, key } = await stage.tenant("100");
    const call = async () => {
      const response = await fetch(`${stage.hub.url}/api/v1/chat/completions`, {
        method: "POST",
        dispatcher: manyConnections,
        headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
        body: JSON.stringify({ model: quick, messages: [{ role: "user", content: "hi" }] }),
      });
      const text = await response.text();
      return {
        status: response.status,
        text,
        retryAfter: response.headers.get("retry-after"),
        retry: response.headers.get("x-should-retry"),
      };
    };

    stage.upstream.truth.clear();
    const acknowledged = await Promise.all(Array.from({ length: 20 }, call));
    expect(new Set(acknowledged.map(({ status }) => status))).toEqual(new Set([200]));
    await expect.poll(() => openHolds(orgId)).toBe(0);
    const streams = await Promise.all(Array.from({ length: 10 }, (_, i) => startStream(slow, key, `database-${i}`)));

    killFamily(await postmasterPid(stage.sql));
    const during = await call();
    if (during.status !== 200) {
      expect(during.status).toBe(503);
      expect(JSON.parse(during.text).error).toMatchObject({ type: "server_error", code: "unavailable" });
      expect(Number(during.retryAfter)).toBeGreaterThan(0);
      expect(during.retry).toBe("true");
    }
    await expect.poll(async () => (await call()).status, { timeout: 20_000, intervals: [200] }).toBe(200);

    for (const { text, cut } of await Promise.all(streams.map(({ done }) => done))) {
      expect(cut).toBe(false);
      expect(text).toContain("[DONE]");
    }
    await expect.poll(() => openHolds(orgId), { timeout: 60_000, intervals: [500] }).toBe(0);
    const events = await eventsOf(orgId);
    expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
    for (const { requestId } of streams)
      expect(events.find(({ id }) => id === requestId)).toMatchObject({ outcome: "ok", output_tokens: 400 });
    const served = stage.upstream.truth.requests.filter(
      ({ model, outcome }) => model === "text" && outcome === "complete",
    ).length;
    expect(events.filter(({ output_tokens }) => output_tokens === 12).length).toBe(served);
    expect(await stage.violations()).toEqual([]);
  });

test("calls answered in the moment of the crash are charged in full, each once", async () => {
  test.setTimeout(180_000);
  const model = await stage.model("text:tokens=10,ms=5", { input: "1", output: "4" });
  const { orgId, key } = await stage.tenant("100");
  const answered: string[] = [];
  const before = stage.hub.pids().gateway;
  const callUntilTheCrash = async () => {
    for (;;) {
      try {
        const response = await fetch(`${stage.hub.url}/api/v1/chat/completions`, {
          method: "POST",
          dispatcher: manyConnections,
          headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
          body: JSON.stringify({ model, messages: [{ role: "user", content: "hi" }] }),
        });
        const text = await response.text();
        if (response.status !== 200) return;
        expect(JSON.parse(text).usage.completion_tokens).toBe(10);
        answered.push(response.headers.get("x-request-id") ?? "");
        if (answered.length === 400) killFamily(before);
      } catch {
        return;
      }
    }
  };
  await Promise.all(Array.from({ length: 40 }, callUntilTheCrash));
  expect(answered.length).toBeGreaterThanOrEqual(400);
  await expect.poll(() => openHolds(orgId), { timeout: 60_000, intervals: [500] }).toBe(0);

  const events = await eventsOf(orgId);
  expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
  const byId = new Map(events.map((event) => [event.id, event]));
  const lost = answered.filter((id) => byId.get(id)?.output_tokens !== 10);
  expect(lost).toEqual([]);
  const { rows } = await stage.sql.query("select sum(price_nano)::text as charged from usage_event where org_id = $1", [
    orgId,
  ]);
  const wallet = await stage.sql.query("select posted::text as posted from wallet where org_id = $1", [orgId]);
  expect(100_000_000_000n - BigInt(wallet.rows[0].posted)).toBe(BigInt(rows[0].charged));
  expect(await stage.violations()).toEqual([]);
});

test("every process is killed at once, the database too: after the next start all is charged and closed", async () => {
  test.setTimeout(180_000);
  const started = await startStreams("everything", 20);
  await stage.crashEverything();
  for (const { text } of await Promise.all(started.streams.map(({ done }) => done)))
    expect(text).not.toContain("[DONE]");
  await expectAllCharged(started);
});
