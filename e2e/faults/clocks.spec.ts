import { expect, test } from "@playwright/test";
import { parseUsd } from "@/lib/money";
import { eventsOf, expectExactBooks, openHolds, PRICE } from "./books";
import { call } from "./calls";
import { type Node, startGatewayNode } from "./nodes";
import { count, deadlocks, pause, type Stage, setStage } from "./stage";

// Clocks that are wrong change nothing about money: the database's decides, and its own jumps end no call.

test.describe.configure({ mode: "serial" });

let stage: Stage;
let nodes: Node[];
test.beforeAll(async () => {
  test.setTimeout(120_000);
  stage = await setStage({ env: { GATEWAY_WORKERS: "1" } });
  nodes = await Promise.all(
    [-1, 1].map((hours) =>
      startGatewayNode(stage, { name: `off-by-${hours}h`, env: { NODE_OPTIONS: `--import ${wrongClock(hours)}` } }),
    ),
  );
});
test.afterAll(async () => {
  const found = await deadlocks(stage.sql);
  await Promise.all(nodes.map((node) => node.stop()));
  await stage.stop();
  expect(found).toBe(0);
});

/** A module that puts the wall clock of its process wrong. */
function wrongClock(hours: number): string {
  const code = `const now = Date.now, Right = Date; const off = ${hours * 3_600_000};
    globalThis.Date = class extends Right { constructor(...given) { super(...(given.length ? given : [now() + off])); } static now() { return now() + off; } };`;
  return `data:text/javascript,${encodeURIComponent(code)}`;
}

test("gateways an hour fast and slow: holds last, credit expires when it does, each call is charged once", async () => {
  test.setTimeout(120_000);
  const slow = await stage.model("trickle:interval=20,tokens=350", PRICE);
  const quick = await stage.model("text:tokens=10", PRICE);
  const { orgId, key } = await stage.tenant("10");
  const tagged = async (url: string, model: string, stream: boolean, tag: string) => ({
    ...(await call({ url, key, model, stream, tag })),
    tag,
  });
  // over more than one turn of the sweeper
  const streams = nodes.flatMap(({ url }, n) =>
    Array.from({ length: 5 }, (_, i) => tagged(url, slow, true, `clock-${n}-${i}`)),
  );
  const promo = await stage.tenant("0.000001");
  const until = new Date(Date.now() + 5_000);
  const credit = { amountUsd: "1", kind: "promo", reason: "fault test", expiresAt: until.toISOString() };
  await stage.admin("POST", `/orgs/${promo.orgId}/credits`, credit);
  const spend = () => Promise.all(nodes.map(({ url }) => call({ url, key: promo.key, model: quick })));
  expect((await spend()).map(({ status }) => status)).toEqual([200, 200]);
  await pause(until.getTime() - Date.now());
  expect((await spend()).map(({ status }) => status)).toEqual([402, 402]);

  const answers = await Promise.all(streams);
  expect(answers.filter(({ isWhole }) => !isWhole)).toEqual([]);
  await expect.poll(() => openHolds(stage, [orgId, promo.orgId])).toBe(0);
  expect(await expectExactBooks(stage, { orgId, creditNano: parseUsd("10"), answers })).toBe(10);
  for (const { outcome } of await eventsOf(stage, orgId)) expect(outcome).toBe("ok");
  expect(await stage.violations()).toEqual([]);
});

// Half a minute of waiting: lib/billing/sweeper.test.ts shows the same at once, with a clock of its own.
if (count(false, true)) {
  test("the database's clock jumps five minutes ahead: no call is swept, none is charged twice", async () => {
    test.setTimeout(120_000);
    const steady =
      "select clock_timestamp() - booted_at > interval '25 seconds' as is from node where id like 'worker:%'";
    const isSteady = async () => (await stage.sql.query<{ is: boolean }>(steady)).rows[0]?.is;
    // a sweeper believes in a node's silence only then
    await expect.poll(isSteady, { timeout: 40_000 }).toBe(true);
    const slow = await stage.model("trickle:interval=20,tokens=700", PRICE);
    const late = await stage.model("text:tokens=10,ms=14000", PRICE);
    const { orgId, key } = await stage.tenant("10");
    const urls = [stage.hub.url, ...nodes.map(({ url }) => url)];
    const running = urls.flatMap((url, n) =>
      [slow, late].map(async (model, i) => {
        const tag = `jump-${n}-${i}`;
        return { ...(await call({ url, key, model, stream: i === 0, tag })), tag };
      }),
    );
    await expect.poll(() => openHolds(stage, [orgId]), { intervals: [50] }).toBe(2 * urls.length);
    const clock = (ahead: string) =>
      stage.sql.query(`create or replace function hub_now() returns timestamptz language sql volatile parallel safe as
        $$ select date_trunc('milliseconds', clock_timestamp() + interval '${ahead}') $$`);
    await clock("5 minutes");
    const answers = await Promise.all(running);
    await expect.poll(() => openHolds(stage, [orgId])).toBe(0);
    const events = await eventsOf(stage, orgId);
    expect(events.map(({ kind, outcome }) => `${kind} ${outcome}`)).toEqual(Array(2 * urls.length).fill("call ok"));
    expect(answers.filter(({ isWhole }) => !isWhole)).toEqual([]);
    await expectExactBooks(stage, { orgId, creditNano: parseUsd("10"), answers });
    expect(await stage.violations()).toEqual([]);
  });
}
