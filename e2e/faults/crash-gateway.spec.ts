import { expect, test } from "@playwright/test";
import type { CrashPoint } from "@/lib/crash-points";
import { parseUsd } from "@/lib/money";
import { eventsOf, expectExactBooks, lastClosed, openHolds, PRICE } from "./books";
import { type Answer, type Call, call } from "./calls";
import { GATEWAY_POINTS, makePoints } from "./points";
import { count, deadlocks, type Stage, setStage } from "./stage";

// The gateway is killed at every labelled point of the money path.

test.describe.configure({ mode: "serial" });

const points = makePoints();
let stage: Stage;
test.beforeAll(async () => {
  test.setTimeout(120_000);
  stage = await setStage({ env: { GATEWAY_WORKERS: "2", HUB_CRASH_POINTS: points.directory } });
});
test.afterAll(async () => {
  const found = await deadlocks(stage.sql);
  await stage.stop();
  points.remove();
  expect(found).toBe(0);
});

const INTERVAL_MS = 10;

type Tagged = Answer & { tag: string };
type Ground = { tag: string; orgId: string; key: string };
/** Calls that make a process come by a point. */
type Traffic = { creditUsd?: string; send(ground: Ground): Promise<Tagged[]> };

async function send({ tag, key }: Ground, n: number, scenario: string | string[], options: Partial<Call> = {}) {
  const model = await stage.model(scenario, PRICE);
  return Promise.all(
    Array.from({ length: n }, async (_, i): Promise<Tagged> => {
      const mark = `${tag}-${options.stream ? "stream" : "whole"}-${i}`;
      return { ...(await call({ url: stage.hub.url, key, model, tag: mark, ...options })), tag: mark };
    }),
  );
}

const usual: Traffic = {
  send: async (ground) =>
    (
      await Promise.all([
        send(ground, 4, "text:tokens=10,ms=20"),
        send(ground, 4, `trickle:interval=${INTERVAL_MS},tokens=80`, { stream: true }),
      ])
    ).flat(),
};
const growing: Traffic = { send: (ground) => send(ground, 3, "zero-latency:chunks=4000", { stream: true }) };
/** The upstream sends more than the credit affords, whatever it is told. */
const exhausting: Traffic = {
  creditUsd: "0.007",
  send: (ground) => send(ground, 1, "zero-latency:chunks=9000,nolimit", { stream: true }),
};
const leaving: Traffic = {
  send: (ground) => send(ground, 3, `endless:interval=${INTERVAL_MS}`, { stream: true, leaveAfter: 5 }),
};
/** The first route fails at once. */
const failing: Traffic = { send: (ground) => send(ground, 4, ["error=500", "text:tokens=10"]) };

/** Somebody else has the wallet for longer than a caller waits, so that what was asked for is given up. */
const blocked: Traffic = {
  send: async (ground) => {
    const client = await stage.sql.connect();
    await client.query("begin");
    await client.query("select from wallet where org_id = $1 for update", [ground.orgId]);
    const answers = await send(ground, 3, "text:tokens=10");
    await client.query("rollback");
    client.release();
    for (const { status } of answers) expect([0, 503]).toContain(status);
    return answers;
  },
};

/** Swept while they run: their ends are posted on top of what the sweeper charged. */
const swept: Traffic = {
  send: async (ground) => {
    const streams = send(ground, 3, `trickle:interval=${INTERVAL_MS},tokens=200`, { stream: true });
    await expect.poll(() => openHolds(stage, [ground.orgId]), { intervals: [20] }).toBe(3);
    const client = await stage.sql.connect();
    await client.query("begin");
    await client.query("select from wallet where org_id = $1 for update", [ground.orgId]);
    const expire = "update hold set expires_at = hub_now() - interval '1 minute' where org_id = $1 and state = 'open'";
    await client.query(expire, [ground.orgId]);
    await client.query("select * from sweep_holds()");
    await client.query("commit");
    client.release();
    return streams;
  },
};

const TRAFFIC: Partial<Record<CrashPoint, Traffic>> = {
  "hold.used_up": growing,
  "hold.extended": growing,
  "hold.exhausted": exhausting,
  "client.left": leaving,
  "client.abandoned": leaving,
  "attempt.failed": failing,
  "void.unsent": blocked,
  "void.sent": blocked,
  "void.committed": blocked,
  "adjust.unsent": swept,
  "adjust.sent": swept,
  "adjust.committed": swept,
};

/** The points of a start. A death before leaves what it finds. */
const OF_START: readonly CrashPoint[] = GATEWAY_POINTS.filter((point) => /^(boot|replay)\./.test(point));

/** For `npm test`: each kind of traffic, and the moments between a statement and its answer. */
const SHORT: readonly CrashPoint[] = [
  ...(["authorize.sent", "content.written", "hold.extended", "spool.written", "settle.sent"] as const),
  ...(["answer.settled", "replay.settled", "adjust.committed", "void.committed"] as const),
];
/** Those that no crash of the short form passes through. */
const ALSO: readonly Traffic[] = [exhausting, leaving, failing];

/** How often the gateway's processes have started and settled what they found. */
async function lives(): Promise<number> {
  const booted = "select sum(epoch)::int as n from node where id not like 'worker:%' and spool_replayed is not null";
  return (await stage.sql.query<{ n: number }>(booted)).rows[0]?.n ?? 0;
}

async function traffic({ creditUsd = "1", send }: Traffic, tag: string, arm = () => {}) {
  const { orgId, key } = await stage.tenant(creditUsd);
  arm();
  return { orgId, creditNano: parseUsd(creditUsd), answers: await send({ tag, orgId, key }) };
}

test("killed at each point, the gateway loses no charge, doubles none and takes none too many", async () => {
  test.setTimeout(count(240_000, 900_000));
  const struck: { point: CrashPoint; at: number; served: Awaited<ReturnType<typeof traffic>> }[] = [];
  for (const point of count(SHORT, GATEWAY_POINTS)) {
    const before = await lives();
    const isOfStart = OF_START.includes(point);
    const served = await traffic(TRAFFIC[point] ?? usual, point, () => {
      points.arm(point);
      if (isOfStart) points.arm("spool.written");
    });
    struck.push({ point, at: await points.struck(point), served });
    await expect.poll(lives, { timeout: 20_000, intervals: [50] }).toBeGreaterThanOrEqual(before + (isOfStart ? 2 : 1));
  }
  const others = await Promise.all(ALSO.map((one, i) => traffic(one, `also-${i}`)));

  const all = [...struck.map(({ served }) => served), ...others];
  const orgIds = all.map(({ orgId }) => orgId);
  await expect.poll(() => openHolds(stage, orgIds), { timeout: 60_000, intervals: [250] }).toBe(0);
  let events = 0;
  for (const served of all) events += await expectExactBooks(stage, served);
  const openMs = await Promise.all(struck.map(async ({ at, served }) => (await lastClosed(stage, served.orgId)) - at));
  console.log(
    `killed at ${struck.length} points: ${events} events; the last hold was closed ${Math.max(...openMs)} ms after the death`,
  );
  expect(Math.max(...openMs)).toBeLessThanOrEqual(60_000);
  for (const { served, point } of struck) {
    const paid = (await eventsOf(stage, served.orgId)).filter(({ price_nano }) => price_nano !== "0").length;
    const whole = served.answers.filter(({ isWhole }) => isWhole).length;
    expect(paid, point).toBeGreaterThanOrEqual(whole);
  }
  expect(points.unreached(GATEWAY_POINTS), "points that no process comes by").toEqual([]);
  expect(await stage.violations()).toEqual([]);
});
