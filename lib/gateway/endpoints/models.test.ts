import { expect, it, test } from "vitest";
import { makeModelValue, priced } from "@/e2e/support/gateway-values";
import { listModels } from "@/lib/gateway/endpoints/models";
import type { GatewayRequest, Reply } from "@/lib/gateway/exchange";
import type { GatewayDependencies } from "@/lib/gateway/gateway";
import type { SnapshotModel } from "@/lib/gateway/snapshot";

type Listed = { id: string; pricing: Record<string, string> | null };

async function list(models: SnapshotModel[], may: (model: SnapshotModel) => boolean = () => true): Promise<Listed[]> {
  const snapshot = { models: new Map(models.map((model) => [model.id, model])) };
  const caller = { mayUseModel: may, scope: { orgId: "org_1" } };
  // safe because the endpoint asks nothing else of the gateway
  const deps = {
    keyring: { authenticate: async () => caller },
    snapshots: { current: () => snapshot },
  } as unknown as GatewayDependencies;
  const bodies: string[] = [];
  const reply = { send: (_status, _headers, body) => void bodies.push(String(body)) } as Partial<Reply> as Reply;
  await listModels(deps, { headers: {} } as GatewayRequest, reply);
  return (JSON.parse(bodies[0] ?? "") as { data: Listed[] }).data;
}

it.each([
  ["1", 10_000, "0.000001"],
  ["0.25", 10_000, "0.00000025"],
  ["3", 8_000, "0.0000024"],
  ["75", 10_000, "0.000075"],
  ["1000000", 10_000, "1"],
  ["2500000.5", 10_000, "2.5000005"],
  ["0.000000001", 10_000, "0.000000000000001"],
  ["0", 10_000, "0"],
])("$%s per million at %i is %s per token", async (usd, factorBp, perToken) => {
  const [model] = await list([makeModelValue({ price: priced({ input: usd, output: usd }, factorBp) })]);
  expect(model?.pricing).toMatchObject({ prompt: perToken, completion: perToken, input_cache_read: perToken });
});

test("the organisation's own price is shown, and none where there is none", async () => {
  const orgPrices = new Map([["org_1", priced({ input: "7" })]]);
  const [own, unpriced] = await list([makeModelValue({ orgPrices }), makeModelValue({ id: "b", price: null })]);
  expect(own?.pricing?.prompt).toBe("0.000007");
  expect(unpriced?.pricing).toBeNull();
});

test("only what the key may use is listed", async () => {
  const models = ["openai/a", "anthropic/b"].map((id) => makeModelValue({ id }));
  expect((await list(models, ({ id }) => id.startsWith("openai/"))).map(({ id }) => id)).toEqual(["openai/a"]);
});
