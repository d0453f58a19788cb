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
  /** Starts a call and leaves as soon as the upstream has it and has sent so many tokens. The call's id is then only known
   *  to the books. */
  const leave = async (upstream: string, body: Record<string, unknown>, tokens = 0) => {
    const model = await hub.relayModel(upstream);
    const controller = new AbortController();
    const answer = hub
      .send(door, "/chat/completions", {
        method: "POST",
        headers: { authorization: `Bearer ${tenant.key}`, "content-type": "application/json" },
        body: JSON.stringify({ model, messages, ...body }),
        signal: controller.signal,
      })
      .then((response) => response.text())
      .catch(() => null);
    await expect.poll(() => hub.openaiTruth.last?.model).toBe(upstream);
    await expect.poll(() => hub.openaiTruth.last?.tokens).toBeGreaterThanOrEqual(tokens);
    controller.abort();
    // the portable door has nobody to tell that the client is gone
    if (door === "fast") expect(await answer).toBeNull();
    await hub.quiet(tenant);
    return { event: await hub.onlyCall(tenant), truth: hub.openaiTruth.last };
  };

  test.each([
    [false, "first-byte:ms=300", 0],
    [true, "trickle:interval=40,tokens=12", 2],
  ])("a usage report that comes within the grace is charged (stream: %s)", async (stream, upstream, tokens) => {
    const { event, truth } = await leave(upstream, { stream }, tokens);
    expect(event).toMatchObject({ outcome: "client_gone", usageSource: "reported", outputTokens: 12 });
    expect(event.priceNano).toBe(hub.priceOf(truth));
    expect(truth?.outcome).toBe("complete");
  });

  test("an upstream that never ends its answer is let go after the grace, what arrived is charged", async () => {
    const { event, truth } = await leave("stall:after=5", { stream: true }, 5);
    expect(event).toMatchObject({ outcome: "client_gone", usageSource: "estimated", outputTokens: 5 });
    expect(event.priceNano).toBe(BigInt(event.inputTokens) * 1_000n + 5n * 4_000n);
    await expect.poll(() => truth?.outcome, { timeout: 5_000 }).toBe("client-gone");
  });

  test("once the upstream has begun to answer, the input is charged although nothing was said", async () => {
    const { event } = await leave("stall:after=0", { stream: true });
    expect(event).toMatchObject({ outcome: "client_gone", usageSource: "estimated", outputTokens: 0 });
    expect(event.priceNano).toBe(BigInt(event.inputTokens) * 1_000n);
    expect(event.inputTokens).toBeGreaterThan(0);
  });

  test.each([false, true])(
    "without response headers nothing is charged, and the upstream is let go (stream: %s)",
    async (stream) => {
      const { event, truth } = await leave("first-byte:ms=10000", { stream });
      expect(event).toMatchObject({ outcome: "client_gone", priceNano: 0n });
      await expect.poll(() => truth?.outcome, { timeout: 5_000 }).toBe("client-gone");
    },
  );

  describe.each([
    { route: "relay", modelOf: (scenario: string) => hub.relayModel(scenario), truth: () => hub.openaiTruth },
    {
      route: "translate",
      modelOf: (scenario: string) => hub.translatedModel(scenario),
      truth: () => hub.anthropicTruth,
    },
  ])("$route", ({ route, modelOf, truth }) => {
    test("a reader that stops reading stops the upstream, and one that leaves lets it go", async () => {
      truth().clear();
      const model = await modelOf("endless:nolimit,interval=0");
      const controller = new AbortController();
      const response = await hub.send(door, "/chat/completions", {
        method: "POST",
        headers: { authorization: `Bearer ${tenant.key}`, "content-type": "application/json" },
        body: JSON.stringify({ model, messages, stream: true }),
        signal: controller.signal,
      });
      const record = truth().last;
      let seen = -1;
      // stands still once every buffer on the way is full
      await expect
        .poll(
          () => {
            const still = record?.tokens === seen;
            seen = record?.tokens ?? 0;
            return still;
          },
          { timeout: 10_000, interval: 300 },
        )
        .toBe(true);
      controller.abort();
      await response.body?.cancel().catch(() => null);
      await expect.poll(() => record?.outcome, { timeout: 5_000 }).toBe("client-gone");
      await hub.quiet(tenant);
      const event = await hub.onlyCall(tenant);
      expect(event).toMatchObject({ outcome: "client_gone", usageSource: "estimated", route });
      expect(event.outputTokens).toBeGreaterThan(0);
    });

    test.each([true, false])(
      "a client that leaves before anything was said lets the upstream go, stream: %s",
      async (stream) => {
        truth().clear();
        const model = await modelOf("first-byte:ms=10000");
        const controller = new AbortController();
        const left = hub
          .send(door, "/chat/completions", {
            method: "POST",
            headers: { authorization: `Bearer ${tenant.key}`, "content-type": "application/json" },
            body: JSON.stringify({ model, messages, stream }),
            signal: controller.signal,
          })
          .then((response) => response.text())
          .catch(() => null);
        await expect.poll(() => truth().last?.model).toBe("first-byte:ms=10000");
        const record = truth().last;
        controller.abort();
        if (door === "fast") expect(await left).toBeNull();
        await expect.poll(() => record?.outcome, { timeout: 5_000 }).toBe("client-gone");
        await hub.quiet(tenant);
        expect(await hub.onlyCall(tenant)).toMatchObject({ outcome: "client_gone", priceNano: 0n, route });
      },
    );
  });

  test("an upstream that ignores the limit cannot take the wallet below zero", async () => {
    const poor = await hub.tenant({ creditUsd: "0.005" });
    const model = await hub.relayModel("text:tokens=3000,nolimit");
    const response = await hub.post(door, "/chat/completions", poor.key, { model, messages });
    expect(response.status).toBe(200);
    await response.text();
    const event = await hub.settled(response.headers.get("x-request-id"));
    expect(event).toMatchObject({ outputTokens: 3_000, usageSource: "reported" });
    expect(await hub.balanceNano(poor)).toBe(0n);
    await hub.assertHealthy(poor);
  });
});

test("an upstream that fails after ten silent seconds is still taken over by the next", {
  timeout: 30_000,
}, async () => {
  const model = await hub.relayModel(["error:500,ms=10500", "text"]);
  const response = await hub.post("fast", "/chat/completions", tenant.key, { model, messages, stream: true });
  expect(response.status).toBe(200);
  const text = await response.text();
  expect(text.startsWith(": ping")).toBe(true);
  expect(text).toContain("amber");
  expect(text).toContain("[DONE]");
  expect(await hub.settled(response.headers.get("x-request-id"))).toMatchObject({ outcome: "ok", outputTokens: 12 });
});
