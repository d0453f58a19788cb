import { expect, test } from "@playwright/test";
import { fetch } from "undici";
import { call } from "./calls";
import { FLOOR_MS, medianP99 } from "./percentile";
import { count, deadlocks, type Stage, setStage } from "./stage";

// F23 and F24 of the fault matrix: what the operator's pages and jobs do does not slow the calls of customers down.

let stage: Stage;
let one: () => Promise<number>;

const HISTORY = 4_000;
const AT_ONCE = 50;
/** How much later a call may be answered. */
const SLOWER = 1.2;
const BLOCK_MS = 500;
const LOOP_DELAY_MS = 50;

// Beside other tests a percentile says nothing about the gateway, so `npm run chaos` alone takes it.
if (count(false, true)) {
  test.describe.configure({ mode: "default" });

  test.beforeAll(async () => {
    test.setTimeout(180_000);
    stage = await setStage();
    const model = await stage.model("zero-latency:tokens=10", { input: "1", output: "4" });
    const { key } = await stage.tenant("1000");
    one = async () => {
      const { status, ms } = await call({ url: stage.hub.url, key, model });
      expect(status).toBe(200);
      return ms;
    };
    // something to be looked through
    for (let made = 0; made < HISTORY; made += AT_ONCE) await Promise.all(Array.from({ length: AT_ONCE }, one));
  });
  test.afterEach(async () => {
    expect(await stage.violations()).toEqual([]);
    expect(await deadlocks(stage.sql)).toBe(0);
  });
  test.afterAll(() => stage.stop());

  test("F23: the books and the figures are read over and over, and one look goes on for long", async () => {
    test.setTimeout(300_000);
    const alone = await medianP99(one);
    const snapshot = await stage.sql.connect();
    await snapshot.query("begin isolation level repeatable read");
    await snapshot.query("select count(*) from usage_event");
    let looks = 0;
    let watching = true;
    const watch = async () => {
      for (; watching; looks++) {
        await stage.violations();
        await stage.admin("GET", "/usage?groupBy=model&limit=100");
      }
    };
    const watched = watch();
    const beside = await medianP99(one);
    watching = false;
    await watched;
    await snapshot.query("commit");
    snapshot.release();
    console.log(`F23: p99 ${alone.toFixed(1)} -> ${beside.toFixed(1)} ms beside ${looks} looks at everything`);
    expect(looks).toBeGreaterThan(0);
    expect(beside).toBeLessThanOrEqual(alone * SLOWER + FLOOR_MS);
  });

  test(`F24: pages and jobs stand still for ${BLOCK_MS} ms again and again`, async () => {
    test.setTimeout(300_000);
    const alone = await medianP99(one);
    let blocks = 0;
    let stopped = false;
    const timer = setInterval(() => {
      stopped = !stopped;
      if (stopped) blocks++;
      for (const role of ["web", "worker"] as const) stage.hub.killRole(role, stopped ? "SIGSTOP" : "SIGCONT");
    }, BLOCK_MS);
    const beside = await medianP99(one);
    clearInterval(timer);
    for (const role of ["web", "worker"] as const) stage.hub.killRole(role, "SIGCONT");
    const delay = await loopDelayMs();
    console.log(
      `F24: p99 ${alone.toFixed(1)} -> ${beside.toFixed(1)} ms beside ${blocks} blocks; p99 of the gateway's loop ${delay} ms`,
    );
    expect(blocks).toBeGreaterThan(0);
    expect(beside).toBeLessThanOrEqual(alone * SLOWER + FLOOR_MS);
    expect(delay).toBeLessThan(LOOP_DELAY_MS);
  });
}

/** The gateway's own figure. */
async function loopDelayMs(): Promise<number> {
  const { url, managementKey } = stage.hub;
  const response = await fetch(`${url}/api/metrics`, { headers: { authorization: `Bearer ${managementKey}` } });
  const seconds = /^hub_nodejs_eventloop_lag_p99_seconds(?:\{.*\})? (\S+)$/m.exec(await response.text())?.[1];
  return Math.round(Number(seconds) * 1_000);
}
