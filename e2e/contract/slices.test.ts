import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SLICE_TOKENS } from "@/lib/gateway/hold-size";
import { toUsdNumber } from "@/lib/money";
import { type ContractHub, DOORS, startContractHub, type Tenant } from "./hub";
import { own, recordOf, until } from "./side-by-side";

let hub: ContractHub;

beforeAll(async () => {
  hub = await startContractHub();
});
afterAll(() => hub.stop());

const messages = [{ role: "user", content: "say some words" }];
/** Of the contract hub's models, in nano-USD. */
const OUTPUT_TOKEN = 4_000n;
const CENT = 10_000_000n;

type Chunk = {
  choices: { finish_reason: string | null; native_finish_reason?: string; delta: { content?: string } }[];
  usage?: { completion_tokens: number; cost: number };
  error?: unknown;
};

async function chunksOf(response: Response): Promise<{ chunks: Chunk[]; isDone: boolean; headers: Headers }> {
  expect(response.status).toBe(200);
  const text = await response.text();
  const data = text.match(/(?<=^data: )\{.*/gm) ?? [];
  return {
    chunks: data.map((line) => JSON.parse(line) as Chunk),
    isDone: text.trimEnd().endsWith("data: [DONE]"),
    headers: response.headers,
  };
}

const endOf = (chunks: Chunk[]) => chunks.flatMap(({ choices }) => choices).find((choice) => choice.finish_reason);

describe.concurrent.each(DOORS)("%s door", (door) => {
  const stream = (tenant: Tenant, model: string, body: Record<string, unknown> = {}) =>
    hub.post(door, "/chat/completions", tenant.key, {
      model,
      messages,
      stream: true,
      stream_options: { include_usage: true },
      ...body,
    });

  describe.each(["relay", "translate"] as const)("%s", (route) => {
    const started = async (tenant: Tenant, scenario: string) => {
      const upstream = own(scenario);
      const relays = route === "relay";
      const answer = stream(tenant, await (relays ? hub.relayModel(upstream) : hub.translatedModel(upstream)));
      const record = await recordOf(relays ? hub.openaiTruth : hub.anthropicTruth, upstream);
      return { record, ...(await chunksOf(await answer)) };
    };

    test("an answer longer than a slice holds slice after slice and is charged exactly", async () => {
      const tenant = await hub.tenant();
      const { record, chunks, isDone, headers } = await started(tenant, "text:tokens=3000");
      expect(isDone).toBe(true);
      const event = await hub.settled(headers.get("x-request-id"));
      expect(event).toMatchObject({ outcome: "ok", usageSource: "reported", outputTokens: 3_000 });
      expect(event.priceNano).toBe(hub.priceOf(record));
      expect(chunks.at(-1)?.usage?.completion_tokens).toBe(3_000);
      // far less than the 16,384 tokens the model may answer, and enough for what it did
      expect(event.heldNano).toBeGreaterThanOrEqual(2_000n * OUTPUT_TOKEN);
      expect(event.heldNano).toBeLessThan(6_000n * OUTPUT_TOKEN);
      await hub.assertHealthy(tenant);
    });

    test("a cent buys as much of an answer as it pays for: the limit says so upstream", async () => {
      const tenant = await hub.tenant({ creditUsd: "0.01" });
      const { chunks, isDone, headers } = await started(tenant, "endless:interval=0");
      expect([isDone, endOf(chunks)?.finish_reason]).toEqual([true, "length"]);
      const event = await hub.settled(headers.get("x-request-id"));
      expect(event).toMatchObject({ outcome: "ok", usageSource: "reported" });
      expect(event.priceNano).toBeGreaterThan((CENT * 95n) / 100n);
      expect(event.priceNano).toBeLessThanOrEqual(CENT);
      expect(await hub.balanceNano(tenant)).toBe(CENT - event.priceNano);
      await hub.assertHealthy(tenant);
    });

    test("an upstream without end is stopped when the credit is used up, and the answer ends as one of full length", async () => {
      const tenant = await hub.tenant({ creditUsd: "0.01" });
      const { record, chunks, isDone, headers } = await started(tenant, "endless:nolimit,interval=1");
      expect(isDone).toBe(true);
      expect(chunks.some(({ error }) => error)).toBe(false);
      expect(endOf(chunks)).toMatchObject({
        finish_reason: "length",
        native_finish_reason: "insufficient_credits",
        delta: {},
      });
      await until(() => expect(record.outcome).toBe("client-gone"));
      const event = await hub.settled(headers.get("x-request-id"));
      expect(event).toMatchObject({ outcome: "ok", usageSource: "estimated", finishReason: "insufficient_credits" });
      expect(chunks.at(-1)?.usage).toMatchObject({
        completion_tokens: event.outputTokens,
        cost: toUsdNumber(event.priceNano),
      });
      // what is left pays for no further token; what was passed on beyond the credit is ours, and less than a slice
      const left = await hub.balanceNano(tenant);
      expect(left).toBeGreaterThanOrEqual(0n);
      expect(left).toBeLessThan(OUTPUT_TOKEN);
      expect(event.priceNano + left).toBeGreaterThanOrEqual(CENT);
      expect(event.priceNano + left).toBeLessThan(CENT + BigInt(SLICE_TOKENS) * OUTPUT_TOKEN);
      await hub.assertHealthy(tenant);
    });
  });

  test("in the Messages protocol it ends as a message that reached its limit, every block closed", async () => {
    const tenant = await hub.tenant({ creditUsd: "0.01" });
    const model = await hub.translatedModel("endless:nolimit,interval=1");
    const response = await hub.post(door, "/messages", tenant.key, {
      model,
      messages,
      stream: true,
      max_tokens: 4_000,
    });
    expect(response.status).toBe(200);
    const events = ((await response.text()).match(/(?<=^data: )\{.*/gm) ?? []).map((line) => JSON.parse(line));
    expect(events.slice(-3)).toMatchObject([
      { type: "content_block_stop", index: 0 },
      { type: "message_delta", delta: { stop_reason: "max_tokens" } },
      { type: "message_stop" },
    ]);
    const event = await hub.settled(response.headers.get("x-request-id"));
    expect(event).toMatchObject({ route: "relay", outcome: "ok", finishReason: "insufficient_credits" });
    expect(events.at(-2).usage.output_tokens).toBe(event.outputTokens);
    await hub.assertHealthy(tenant);
  });

  test("a budget stops a stream like spent credit does", async () => {
    const tenant = await hub.tenant();
    await hub.limit(tenant, { day: Number(CENT) });
    const { chunks } = await chunksOf(await stream(tenant, await hub.relayModel("endless:nolimit,interval=1")));
    expect(endOf(chunks)).toMatchObject({ finish_reason: "length", native_finish_reason: "insufficient_credits" });
    await hub.assertHealthy(tenant);
  });

  test("a wallet frozen on the way lets a stream run to the end of its hold", async () => {
    const tenant = await hub.tenant();
    const response = await stream(tenant, await hub.relayModel("endless:nolimit,interval=2"));
    await hub.freeze(tenant, "fraud");
    const { chunks, headers } = await chunksOf(response);
    expect(endOf(chunks)).toMatchObject({ native_finish_reason: "insufficient_credits" });
    const { outputTokens, heldNano, priceNano } = await hub.settled(headers.get("x-request-id"));
    expect(outputTokens).toBeGreaterThan(SLICE_TOKENS / 2);
    expect(priceNano).toBeLessThan(heldNano + BigInt(SLICE_TOKENS) * OUTPUT_TOKEN);
    await hub.assertHealthy(tenant);
  });

  test.each([
    ["whole answers", { stream: false }],
    ["several choices", { n: 2 }],
  ])("%s are not metered as they run: the whole worst case is held", async (_, body) => {
    const tenant = await hub.tenant();
    const response = await stream(tenant, await hub.relayModel("text"), { max_tokens: 3_000, ...body });
    await response.text();
    const { heldNano } = await hub.settled(response.headers.get("x-request-id"));
    expect(heldNano).toBeGreaterThanOrEqual(3_000n * OUTPUT_TOKEN);
    await hub.assertHealthy(tenant);
  });

  test("a long prompt is counted before it is refused, and the answer gets what is left", async () => {
    // 30,000 bytes cannot be more than 30,000 tokens, which a cent does not pay for; they are 6,000
    const long = [{ role: "user", content: "word ".repeat(6_000) }];
    const tenant = await hub.tenant({ creditUsd: "0.01" });
    const response = await stream(tenant, await hub.relayModel("text:tokens=5"), { messages: long });
    await response.text();
    expect(response.status).toBe(200);
    await hub.settled(response.headers.get("x-request-id"));
    await hub.assertHealthy(tenant);
  });

  test("a model that has to think needs room for its thoughts", async () => {
    const tenant = await hub.tenant({ creditUsd: "0.01" });
    const thinking = { thinking: { type: "enabled", budget_tokens: 2_000 } };
    const upstream = own("text");
    const refused = await stream(tenant, await hub.relayModel(upstream), thinking);
    expect(refused.status).toBe(402);
    expect(hub.openaiTruth.requests.filter(({ model }) => model === upstream)).toEqual([]);
    await hub.assertHealthy(tenant);
  });
});
