import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type ContractHub, DOORS, startContractHub, type Tenant } from "./hub";

let hub: ContractHub;
let tenant: Tenant;

beforeAll(async () => {
  hub = await startContractHub();
});
beforeEach(async () => {
  tenant = await hub.tenant();
  hub.openaiTruth.clear();
});
afterEach(() => hub.assertHealthy(tenant));
afterAll(() => hub.stop());

const messages = [{ role: "user", content: "say some words" }];

describe.each(DOORS)("%s door", (door) => {
  const call = (key: string, model: string, more: { body?: Record<string, unknown>; signal?: AbortSignal } = {}) =>
    hub.send(door, "/chat/completions", {
      method: "POST",
      headers: { authorization: `Bearer ${tenant.key}`, "content-type": "application/json", "idempotency-key": key },
      body: JSON.stringify({ model, messages, ...more.body }),
      ...(more.signal && { signal: more.signal }),
    });

  test("the same key gets the same answer again, free, and nothing goes upstream", async () => {
    const model = await hub.relayModel("text");
    const first = await call("again", model);
    const text = await first.text();
    await hub.quiet(tenant);
    const balance = await hub.balanceNano(tenant);
    const again = await call("again", model);
    expect([again.status, again.headers.get("x-aigne-replayed")]).toEqual([200, "true"]);
    expect(again.headers.get("x-request-id")).toBe(first.headers.get("x-request-id"));
    expect(await again.text()).toBe(text);
    expect(await hub.balanceNano(tenant)).toBe(balance);
    expect(hub.openaiTruth.requests).toHaveLength(1);
  });

  test("of calls that come at once one runs, the others come again for its answer", async () => {
    const model = await hub.relayModel("first-byte:ms=300");
    const answers = await Promise.all(Array.from({ length: 8 }, () => call("at-once", model)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(7).fill(409)]);
    for (const answer of answers.filter(({ status }) => status === 409)) {
      expect(answer.headers.get("x-should-retry")).toBe("true");
      expect((await answer.json()).error.code).toBe("idempotency_in_flight");
    }
    await Promise.all(answers.filter(({ status }) => status === 200).map((answer) => answer.text()));
    await hub.quiet(tenant);
    expect((await call("at-once", model)).headers.get("x-aigne-replayed")).toBe("true");
    expect(hub.openaiTruth.requests).toHaveLength(1);
  });

  test("another body is a mistake, another path or key is another call", async () => {
    const model = await hub.relayModel("text");
    await (await call("used", model)).text();
    await hub.quiet(tenant);
    const other = await call("used", model, { body: { temperature: 1 } });
    expect([other.status, (await other.json()).error.code]).toEqual([422, "idempotency_mismatch"]);
    expect((await call("unused", model)).status).toBe(200);
    await hub.quiet(tenant);
  });

  test("a stream cannot be repeated: the answer names the call that ran", async () => {
    const model = await hub.relayModel("text");
    const body = { stream: true };
    const first = await call("stream", model, { body });
    await first.text();
    await hub.quiet(tenant);
    const again = await call("stream", model, { body });
    expect([again.status, again.headers.get("x-should-retry")]).toEqual([409, "false"]);
    const { error } = await again.json();
    expect(error.code).toBe("idempotency_replay_unavailable");
    expect(error.message).toContain(first.headers.get("x-request-id"));
  });

  test("a call that failed and cost nothing may be tried again with its key", async () => {
    const model = await hub.relayModel(`flaky:times=1,status=500,${door}`);
    expect((await call("failed", model)).status).toBe(502);
    await hub.quiet(tenant);
    expect((await call("failed", model)).status).toBe(200);
    await hub.quiet(tenant);
  });

  test("a client that leaves finds the whole answer when it comes back", async () => {
    const model = await hub.relayModel("first-byte:ms=2500");
    const controller = new AbortController();
    const left = call("left", model, { signal: controller.signal }).catch(() => null);
    await expect.poll(() => hub.openaiTruth.last).toBeDefined();
    controller.abort();
    await left;
    await hub.quiet(tenant);
    const back = await call("left", model);
    expect([back.status, back.headers.get("x-aigne-replayed")]).toEqual([200, "true"]);
    expect((await back.json()).usage.completion_tokens).toBe(12);
    expect(hub.openaiTruth.requests).toHaveLength(1);
  });

  test("a key longer than 255 characters is refused", async () => {
    expect((await call("x".repeat(256), await hub.relayModel("text"))).status).toBe(400);
  });
});
