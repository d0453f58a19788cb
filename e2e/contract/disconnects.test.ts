import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { RequestRecord, Truth } from "@/e2e/support/providers/truth";
import { type ContractHub, DOORS, startContractHub, type Tenant } from "./hub";
import { own, recordOf, until } from "./side-by-side";

let hub: ContractHub;

beforeAll(async () => {
  hub = await startContractHub();
});
afterAll(() => hub.stop());

const messages = [{ role: "user", content: "say some words" }];

const isLetGo = (record: RequestRecord) => until(() => expect(record.outcome).toBe("client-gone"));

describe.concurrent.each(DOORS)("%s door", (door) => {
  const call = (tenant: Tenant, model: string, body: Record<string, unknown>, signal?: AbortSignal) =>
    hub.post(door, "/chat/completions", tenant.key, { model, messages, ...body }, signal);

  /** Starts a call of a new tenant and leaves as soon as the upstream has it and has sent so many tokens. The call's id is
   *  then only known to the books. */
  const leave = async (
    { scenario, body, tokens = 0 }: { scenario: string; body: Record<string, unknown>; tokens?: number },
    [modelOf, truth] = [hub.relayModel.bind(hub), hub.openaiTruth] as readonly [
      (name: string) => Promise<string>,
      Truth,
    ],
  ) => {
    const tenant = await hub.tenant();
    const upstream = own(scenario);
    const controller = new AbortController();
    const answer = call(tenant, await modelOf(upstream), body, controller.signal)
      .then((response) => response.text())
      .catch(() => null);
    const record = await recordOf(truth, upstream);
    await until(() => expect(record.tokens).toBeGreaterThanOrEqual(tokens));
    controller.abort();
    // the portable door has nobody to tell that the client is gone
    if (door === "fast") expect(await answer).toBeNull();
    await hub.assertHealthy(tenant);
    return { event: await hub.onlyCall(tenant), record };
  };

  test.each([
    [false, "first-byte:ms=300", 0],
    [true, "trickle:interval=20,tokens=12", 2],
  ])("a usage report that comes within the grace is charged (stream: %s)", async (stream, scenario, tokens) => {
    const { event, record } = await leave({ scenario, body: { stream }, tokens });
    expect(event).toMatchObject({ outcome: "client_gone", usageSource: "reported", outputTokens: 12 });
    expect(event.priceNano).toBe(hub.priceOf(record));
    expect(record.outcome).toBe("complete");
  });

  test("an upstream that never ends its answer is let go after the grace, what arrived is charged", async () => {
    const { event, record } = await leave({ scenario: "stall:after=5", body: { stream: true }, tokens: 5 });
    expect(event).toMatchObject({ outcome: "client_gone", usageSource: "estimated", outputTokens: 5 });
    expect(event.priceNano).toBe(BigInt(event.inputTokens) * 1_000n + 5n * 4_000n);
    await isLetGo(record);
  });

  test("once the upstream has begun to answer, the input is charged although nothing was said", async () => {
    const { event } = await leave({ scenario: "stall:after=0", body: { stream: true } });
    expect(event).toMatchObject({ outcome: "client_gone", usageSource: "estimated", outputTokens: 0 });
    expect(event.priceNano).toBe(BigInt(event.inputTokens) * 1_000n);
    expect(event.inputTokens).toBeGreaterThan(0);
  });

  const routes = [
    { route: "relay", to: () => [hub.relayModel.bind(hub), hub.openaiTruth] as const },
    { route: "translate", to: () => [hub.translatedModel.bind(hub), hub.anthropicTruth] as const },
  ];
  describe.each(routes)("$route", ({ route, to }) => {
    test("a reader that stops reading stops the upstream, and one that leaves lets it go", async () => {
      const [modelOf, truth] = to();
      const tenant = await hub.tenant();
      const upstream = own("endless:nolimit,interval=0");
      const controller = new AbortController();
      const response = await call(tenant, await modelOf(upstream), { stream: true }, controller.signal);
      const record = await recordOf(truth, upstream);
      let seen = -1;
      // stands still once every buffer on the way is full
      await vi.waitFor(
        () => {
          const before = seen;
          seen = record.tokens;
          expect(seen).toBe(before);
        },
        { timeout: 10_000, interval: 300 },
      );
      controller.abort();
      await response.body?.cancel().catch(() => null);
      await isLetGo(record);
      await hub.assertHealthy(tenant);
      const event = await hub.onlyCall(tenant);
      expect(event).toMatchObject({ outcome: "client_gone", usageSource: "estimated", route });
      expect(event.outputTokens).toBeGreaterThan(0);
    });

    test.each([true, false])(
      "without response headers nothing is charged, and the upstream is let go (stream: %s)",
      async (stream) => {
        const { event, record } = await leave({ scenario: "first-byte:ms=10000", body: { stream } }, to());
        expect(event).toMatchObject({ outcome: "client_gone", priceNano: 0n, route });
        await isLetGo(record);
      },
    );
  });

  test("an upstream that ignores the limit cannot take the wallet below zero", async () => {
    const tenant = await hub.tenant({ creditUsd: "0.005" });
    const response = await call(tenant, await hub.relayModel("text:tokens=3000,nolimit"), {});
    expect(response.status).toBe(200);
    await response.text();
    const event = await hub.settled(response.headers.get("x-request-id"));
    expect(event).toMatchObject({ outputTokens: 3_000, usageSource: "reported" });
    expect(await hub.balanceNano(tenant)).toBe(0n);
    await hub.assertHealthy(tenant);
  });
});

test.concurrent("an upstream that fails after ten silent seconds is still taken over by the next", async () => {
  const tenant = await hub.tenant();
  const model = await hub.relayModel(["error:500,ms=10500", "text"]);
  const response = await hub.post("fast", "/chat/completions", tenant.key, { model, messages, stream: true });
  expect(response.status).toBe(200);
  const text = await response.text();
  expect(text.startsWith(": ping")).toBe(true);
  expect(text).toContain("amber");
  expect(text).toContain("[DONE]");
  expect(await hub.settled(response.headers.get("x-request-id"))).toMatchObject({ outcome: "ok", outputTokens: 12 });
  await hub.assertHealthy(tenant);
});
