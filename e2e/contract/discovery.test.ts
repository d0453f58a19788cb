import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AdminHub, startAdminHub } from "@/e2e/support/admin-api";
import type { Simulator } from "@/e2e/support/providers/server";
import { SIMULATORS, type SimulatedKind, simulatedSecret } from "@/e2e/support/providers/simulators";
import { runProbe } from "@/lib/catalog/probe-task";
import { PROVIDER_KIND_IDS } from "@/lib/catalog/provider-kinds";
import { newId } from "@/lib/ids";
import { probeTools } from "@/server/jobs/probe";

const KINDS = PROVIDER_KIND_IDS.filter((id): id is SimulatedKind => id !== "sandbox");
/** A model that every simulator of the kind lists. */
const LISTED: Partial<Record<SimulatedKind, string>> = { ollama: "llama3.2:latest" };

let hub: AdminHub;

beforeAll(async () => {
  hub = await startAdminHub();
});
afterAll(() => hub.close());

type Probed = { ok: boolean; error: string | null; result: { models: { id: string; name?: string }[] } | null };

/** What the worker does with the job that web adds. */
async function probe(kind: "test_credential" | "list_models", slug: string, credentialId: string | null) {
  const id = newId("probe");
  await hub.database.pool.query(
    `insert into provider_probe (id, kind, provider_id, credential_id)
     select $1, $2, id, $4 from provider where slug = $3`,
    [id, kind, slug, credentialId],
  );
  await runProbe({ ...probeTools(hub.secretsKey), sql: hub.database.pool }, { probeId: id });
  const { rows } = await hub.database.pool.query("select ok, error, result from provider_probe where id = $1", [id]);
  return rows[0] as Probed;
}

describe.each(KINDS)("%s", (kind) => {
  let simulator: Simulator;
  let slug: string;
  beforeAll(async () => {
    simulator = await SIMULATORS[kind]();
    slug = `${kind}-discovery`;
    await hub.call("POST", "/providers", { slug, kind, baseUrl: simulator.baseUrl });
  });
  afterAll(() => simulator.stop());

  const credential = async (name: string, secret: Record<string, string>): Promise<string> => {
    const { status, body } = await hub.call("POST", `/providers/${slug}/credentials`, { name, ...secret });
    expect([status, body.error]).toEqual([201, undefined]);
    return body.id;
  };

  test("a credential that works is tested, and the provider's models are listed", async () => {
    const id = await credential("good", simulatedSecret(kind));
    expect(await probe("test_credential", slug, id)).toMatchObject({ ok: true, error: null });
    const { ok, result } = await probe("list_models", slug, null);
    expect(ok).toBe(true);
    expect(result?.models.map((model) => model.id)).toContain(LISTED[kind] ?? "text");
  });

  test("a wrong credential fails its test, even where the model list is public", async () => {
    const id = await credential("wrong", { apiKey: "sk-bad-0000000000001" });
    const { ok, error } = await probe("test_credential", slug, id);
    expect(ok).toBe(false);
    expect(error).toMatch(/^HTTP 40[013]: /);
    expect(error).not.toContain("sk-bad-0000000000001");
  });
});

test("a key pair whose secret is wrong does not sign", async () => {
  const simulator = await SIMULATORS.bedrock();
  await hub.call("POST", "/providers", { slug: "bedrock-signing", kind: "bedrock", baseUrl: simulator.baseUrl });
  const secret = { ...simulatedSecret("bedrock"), secretAccessKey: "another" };
  const { body } = await hub.call("POST", "/providers/bedrock-signing/credentials", { name: "n", ...secret });
  expect(await probe("test_credential", "bedrock-signing", body.id)).toMatchObject({
    ok: false,
    error: expect.stringContaining("signature"),
  });
  await simulator.stop();
});
