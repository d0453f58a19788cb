import { expect, test } from "@playwright/test";
import { fetch } from "undici";
import { count, deadlocks, manyConnections, type Stage, setStage } from "./stage";

test.describe.configure({ mode: "serial" });

let stage: Stage;
test.beforeAll(async () => {
  test.setTimeout(120_000);
  // in several processes: what one of them knows must not matter
  stage = await setStage({ env: { GATEWAY_WORKERS: String(count(2, 4)) } });
});
test.afterAll(async () => {
  const found = await deadlocks(stage.sql);
  await stage.stop();
  expect(found).toBe(0);
});

const ROUNDS = count(1, 25);

const CALLS = 1_000;
const AFFORDABLE = 100;

for (const [stream, round] of [false, true].flatMap((shape) =>
  Array.from({ length: ROUNDS }, (_, n) => [shape, n + 1] as const),
))
  test(`round ${round}: of ${CALLS} ${stream ? "streams" : "calls"} at once, exactly the ${AFFORDABLE} that the credit pays for are served`, async () => {
    test.setTimeout(120_000);
    const model = await stage.model("text:tokens=5,ms=20", { perRequest: "0.01" });
    const { orgId, key } = await stage.tenant("1.00");
    stage.upstream.truth.clear();

    const answers = await Promise.all(
      Array.from({ length: CALLS }, async () => {
        const response = await fetch(`${stage.hub.url}/api/v1/chat/completions`, {
          method: "POST",
          dispatcher: manyConnections,
          headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
          body: JSON.stringify({ model, messages: [{ role: "user", content: "hi" }], stream }),
        });
        return { status: response.status, text: await response.text() };
      }),
    );

    const byStatus = Object.groupBy(answers, ({ status }) => status);
    const figures = Object.entries(byStatus).map(([status, of]) => [status, of?.length]);
    expect(Object.fromEntries(figures)).toEqual({ 200: AFFORDABLE, 402: CALLS - AFFORDABLE });
    for (const { text } of byStatus[402] ?? [])
      expect(JSON.parse(text).error).toMatchObject({ type: "insufficient_quota", code: "insufficient_quota" });
    expect(stage.upstream.truth.summary()).toMatchObject({ total: AFFORDABLE, complete: AFFORDABLE });
    await expect
      .poll(() => stage.admin("GET", `/orgs/${orgId}/wallet`))
      .toMatchObject({ balanceUsd: "0", heldUsd: "0", availableUsd: "0" });
    expect(await stage.violations()).toEqual([]);
  });
