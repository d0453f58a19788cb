import { NotFoundError } from "openai";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type ContractHub, DOORS, startContractHub, type Tenant } from "./hub";
import { schemaErrors, schemasAbsent } from "./schemas";

let hub: ContractHub;
let tenant: Tenant;
let listed: string;

beforeAll(async () => {
  hub = await startContractHub();
  listed = await hub.relayModel("text", { id: "vendor/model:free", aliases: ["model-alias"] });
});
beforeEach(async () => {
  tenant = await hub.tenant();
});
afterEach(() => hub.assertHealthy(tenant));
afterAll(() => hub.stop());

describe.each(DOORS)("%s door", (door) => {
  const client = () => hub.openai(door, tenant.key);

  test("the list holds what the key may use, in OpenAI's shape and with what rich clients read", async () => {
    const { data } = await client().models.list();
    const entry = data.find(({ id }) => id === listed);
    expect(entry).toMatchObject({
      id: listed,
      object: "model",
      created: expect.any(Number),
      owned_by: expect.any(String),
      context_length: 128_000,
      architecture: { input_modalities: expect.any(Array), output_modalities: expect.any(Array) },
      pricing: { prompt: "0.000001", completion: "0.000004" },
      top_provider: { max_completion_tokens: 4_096 },
      supported_parameters: expect.any(Array),
    });
    expect(Number.isInteger(entry?.created)).toBe(true);
    if (!schemasAbsent) {
      const response = await hub.send(door, "/models", { headers: { authorization: `Bearer ${tenant.key}` } });
      expect(schemaErrors("ListModelsResponse", await response.json())).toEqual([]);
    }
  });

  test("an id with a slash is found encoded and plain, with a prefix, by alias and in any case", async () => {
    expect((await client().models.retrieve(listed)).id).toBe(listed);
    for (const path of [
      "vendor/model:free",
      "vendor%2Fmodel%3Afree",
      "models/vendor/model:free",
      "Vendor/MODEL:free",
      "vendor/model:free/",
    ]) {
      const response = await hub.send(door, `/models/${path}`, { headers: { authorization: `Bearer ${tenant.key}` } });
      expect(response.status, path).toBe(200);
      expect(await response.json()).toMatchObject({ id: listed });
    }
  });

  test("an unknown model is 404 model_not_found", async () => {
    const error = await client()
      .models.retrieve("no/such")
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(NotFoundError);
    expect(error).toMatchObject({ code: "model_not_found" });
  });

  test("a key limited to some models sees only those", async () => {
    const limited = await hub.keyOf(tenant, { allowedModels: ["vendor/*"] });
    expect((await hub.openai(door, limited).models.list()).data.map(({ id }) => id)).toEqual([listed]);
    const vectors = await hub.relayModel("text", { type: "embedding" });
    const embedder = hub.openai(door, await hub.keyOf(tenant, { allowedModels: ["type:embedding"] }));
    expect((await embedder.models.retrieve(vectors)).id).toBe(vectors);
    await expect(embedder.models.retrieve(listed)).rejects.toMatchObject({ status: 403, code: "model_not_allowed" });
  });

  test("Anthropic clients get their own shape", async () => {
    const response = await hub.send(door, "/models", {
      headers: { "x-api-key": tenant.key, "anthropic-version": "2023-06-01" },
    });
    const body = (await response.json()) as { data: unknown[] };
    expect(body).toMatchObject({ has_more: false, first_id: expect.any(String), last_id: expect.any(String) });
    expect(body.data).toContainEqual({
      type: "model",
      id: listed,
      display_name: expect.any(String),
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    });
  });

  test("HEAD works where GET does", async () => {
    const response = await hub.send(door, "/models", {
      method: "HEAD",
      headers: { authorization: `Bearer ${tenant.key}` },
    });
    expect(response.status).toBe(200);
    expect(await response.text()).toBe("");
  });

  test("a call by alias is charged to the model", async () => {
    const { data, response } = await client()
      .chat.completions.create({ model: "model-alias", messages: [{ role: "user", content: "hi" }] })
      .withResponse();
    expect(data.choices).toHaveLength(1);
    expect(await hub.settled(response.headers.get("x-request-id"))).toMatchObject({ modelId: listed });
  });

  test("a model made a moment ago works at once", async () => {
    const model = await hub.relayModel("text");
    const { response } = await client()
      .chat.completions.create({ model, messages: [{ role: "user", content: "hi" }] })
      .withResponse();
    await hub.settled(response.headers.get("x-request-id"));
  });

  test("an unpriced model is refused before anything goes upstream", async () => {
    const model = await hub.relayModel("text", { price: null });
    const before = hub.openaiTruth.requests.length;
    await expect(
      client().chat.completions.create({ model, messages: [{ role: "user", content: "hi" }] }),
    ).rejects.toMatchObject({ code: "model_not_priced" });
    expect(hub.openaiTruth.requests.length).toBe(before);
  });
});
