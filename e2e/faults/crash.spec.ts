import { expect, test } from "@playwright/test";
import { fetch } from "undici";
import { killFamily, manyConnections, postmasterPid, type Stage, setStage } from "./stage";

test.describe.configure({ mode: "serial" });

let stage: Stage;
test.beforeAll(async () => {
  test.setTimeout(120_000);
  stage = await setStage();
});
test.afterAll(() => stage.stop());

const STREAMS = 50;
const INTERVAL_MS = 20;
const TOKENS = 2_000;
const INPUT = { nano: 1_000n };
const OUTPUT = { nano: 4_000n };
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

test(`the gateway is killed with ${STREAMS} streams in flight: none is lost or charged twice, every hold is closed`, async () => {
  test.setTimeout(180_000);
  const model = await stage.model(`trickle:interval=${INTERVAL_MS},tokens=${TOKENS}`, { input: "1", output: "4" });
  const { orgId, key } = await stage.tenant("100");
  const streams = await Promise.all(Array.from({ length: STREAMS }, (_, i) => startStream(model, key, `crash-${i}`)));
  const record = (tag: string) => stage.upstream.truth.byTag(tag)[0];
  await expect
    .poll(() => Math.min(...streams.map(({ tag }) => record(tag)?.tokens ?? 0)), { timeout: 20_000 })
    .toBeGreaterThan(75);

  const before = stage.hub.pids().gateway;
  killFamily(before);
  const answers = await Promise.all(streams.map(({ done }) => done));
  // a cut stream never looks like a clean end
  for (const { text } of answers) expect(text).not.toContain("[DONE]");

  await expect.poll(() => stage.hub.pids().gateway, { timeout: 20_000 }).not.toBe(before);
  await expect.poll(() => openHolds(orgId), { timeout: 60_000, intervals: [500] }).toBe(0);

  const events = await eventsOf(orgId);
  expect(new Set(events.map(({ id }) => id))).toEqual(new Set(streams.map(({ requestId }) => requestId)));
  expect(events).toHaveLength(STREAMS);
  for (const event of events) {
    const tag = streams.find(({ requestId }) => requestId === event.id)?.tag ?? "";
    const sent = record(tag)?.tokens ?? 0;
    expect(event.outcome).toBe("crashed");
    expect(event.input_tokens).toBeGreaterThan(0);
    expect(event.output_tokens, `${event.id} of ${sent} sent`).toBeLessThanOrEqual(sent);
    expect(event.output_tokens, `${event.id} of ${sent} sent`).toBeGreaterThanOrEqual(sent - UNPAID_TOKENS);
    expect(BigInt(event.price_nano)).toBe(
      BigInt(event.input_tokens) * INPUT.nano + BigInt(event.output_tokens) * OUTPUT.nano,
    );
  }
  expect(stage.upstream.truth.requests.filter(({ tag }) => tag?.startsWith("crash-"))).toHaveLength(STREAMS);
  expect(await stage.admin("GET", `/orgs/${orgId}/wallet`)).toMatchObject({ heldUsd: "0" });
  expect(await stage.violations()).toEqual([]);

  const again = await startStream(await stage.model("text", { input: "1", output: "4" }), key, "after-crash");
  expect((await again.done).text).toContain("[DONE]");
});

test("the database is killed and comes back: settled calls stay settled, streams go on, new calls are refused only meanwhile", async () => {
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
  // one quick call came before this tenant's, in the test above
  expect(events.filter(({ output_tokens }) => output_tokens === 12).length).toBe(served - 1);
  expect(await stage.violations()).toEqual([]);
});
