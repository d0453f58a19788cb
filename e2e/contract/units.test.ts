import type OpenAI from "openai";
import { toFile } from "openai";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { toUsdNumber } from "@/lib/money";
import { type ContractHub, DOORS, startContractHub, type Tenant } from "./hub";
import { schemaErrors, schemasAbsent } from "./schemas";

let hub: ContractHub;
let tenant: Tenant;

beforeAll(async () => {
  hub = await startContractHub();
});
beforeEach(async () => {
  tenant = await hub.tenant();
});
afterEach(() => hub.assertHealthy(tenant));
afterAll(() => hub.stop());

const PER_IMAGE = { perImage: "0.04" };
const cost = (body: unknown) => (body as { usage?: { cost?: number } }).usage?.cost;

describe.each(DOORS)("%s door", (door) => {
  const client = () => hub.openai(door, tenant.key);

  describe("embeddings", () => {
    const type = "embedding";

    test("base64 as the SDK asks for it, floats as a client may, the order kept, the price exact", async () => {
      const model = await hub.relayModel("text", { type });
      const input = ["one two", "three"];
      const { data, response } = await client().embeddings.create({ model, input }).withResponse();
      expect(data.data.map(({ index, embedding }) => [index, embedding])).toEqual([
        [0, [0, 0.5, -0.25, 0.125]],
        [1, [1, 0.5, -0.25, 0.125]],
      ]);
      expect(hub.openaiTruth.last?.body).toMatchObject({ model: "text", encoding_format: "base64" });
      const event = await hub.settled(response.headers.get("x-request-id"));
      expect(event).toMatchObject({ outcome: "ok", usageSource: "reported", route: "relay", outputTokens: 0 });
      expect(event.priceNano).toBe(hub.priceOf(hub.openaiTruth.last));
      expect(cost(data)).toBe(toUsdNumber(event.priceNano));
      const floats = await client().embeddings.create({ model, input, encoding_format: "float" });
      expect(floats.data[1]?.embedding).toEqual([1, 0.5, -0.25, 0.125]);
    });

    const sandbox = () => hub.sandboxModel("embedding", { type, price: { input: "0.02" } });

    test("tokens go to an upstream that understands them, and to no other", async () => {
      const model = await hub.relayModel("text", { type });
      const input = [
        [1, 2, 3],
        [4, 5],
      ];
      const { data, response } = await client().embeddings.create({ model, input }).withResponse();
      expect(data.data).toHaveLength(2);
      expect(await hub.settled(response.headers.get("x-request-id"))).toMatchObject({ inputTokens: 5 });
      const refused = client().embeddings.create({ model: await sandbox(), input });
      await expect(refused).rejects.toMatchObject({ status: 400, param: "input", code: "unsupported_parameter" });
    });

    test("by translation: batches, dimensions, both encodings", async () => {
      const input = Array.from({ length: 1_100 }, (_, index) => `word${index} same`);
      const model = await sandbox();
      const { data, response } = await client().embeddings.create({ model, input, dimensions: 32 }).withResponse();
      expect(data.data.map(({ index }) => index)).toEqual(input.map((_, index) => index));
      expect(data.data.every(({ embedding }) => embedding.length === 32)).toBe(true);
      const event = await hub.settled(response.headers.get("x-request-id"));
      expect(event).toMatchObject({ route: "translate", usageSource: "reported", inputTokens: 2_200 });
      expect(event.priceNano).toBe(44_000n);
      const packed = await client().embeddings.create({ model, input: "same", dimensions: 8 });
      const plain = await hub.post(door, "/embeddings", tenant.key, {
        ...{ model, input: "same", dimensions: 8, encoding_format: "float" },
      });
      const { data: floats } = (await plain.json()) as OpenAI.CreateEmbeddingResponse;
      expect(packed.data[0]?.embedding.map((value) => value.toFixed(5))).toEqual(
        floats[0]?.embedding.map((value) => value.toFixed(5)),
      );
    });

    test("where nobody reports usage, our count is charged", async () => {
      const model = await hub.relayModel("usage-missing", { type });
      const { response } = await client().embeddings.create({ model, input: "one two three" }).withResponse();
      const event = await hub.settled(response.headers.get("x-request-id"));
      expect(event).toMatchObject({ usageSource: "estimated", inputTokens: 3, priceNano: 3_000n });
    });

    test.skipIf(schemasAbsent)("a translated answer validates against the published schema", async () => {
      const body = { model: await sandbox(), input: ["a", "b"] };
      const answer = await hub.post(door, "/embeddings", tenant.key, body);
      expect(schemaErrors("CreateEmbeddingResponse", await answer.json())).toEqual([]);
    });
  });

  describe("images", () => {
    const type = "image";

    test("are charged by the image", async () => {
      const model = await hub.relayModel("text", { type, price: PER_IMAGE });
      const { data, response } = await client().images.generate({ model, prompt: "a hub", n: 3 }).withResponse();
      expect(data.data).toHaveLength(3);
      const event = await hub.settled(response.headers.get("x-request-id"));
      expect(event).toMatchObject({ outcome: "ok", usageSource: "reported", priceNano: 120_000_000n });
      expect(event.heldNano).toBe(120_000_000n);
    });

    test("or by the token where the provider counts them", async () => {
      const model = await hub.relayModel("tokens", { type, price: { input: "5", output: "40" } });
      const { response } = await client().images.generate({ model, prompt: "a hub" }).withResponse();
      const event = await hub.settled(response.headers.get("x-request-id"));
      expect(event.priceNano).toBe(11n * 5_000n + 272n * 40_000n);
    });

    test("come from a simulation too, as bytes or as a data URL", async () => {
      const model = await hub.sandboxModel("image", { type, price: PER_IMAGE });
      const { data, response } = await client().images.generate({ model, prompt: "a hub", n: 2 }).withResponse();
      const png = Buffer.from(data.data?.[0]?.b64_json ?? "", "base64");
      expect(png.subarray(1, 4).toString()).toBe("PNG");
      expect(await hub.settled(response.headers.get("x-request-id"))).toMatchObject({ priceNano: 80_000_000n });
      const url = { model, prompt: "a hub", response_format: "url" as const };
      expect((await client().images.generate(url)).data?.[0]?.url).toMatch(/^data:image\/png;base64,/);
    });

    test("are edited from a form", async () => {
      const model = await hub.relayModel("text", { type, price: PER_IMAGE });
      const image = await toFile(Buffer.from("not really"), "a.png", { type: "image/png" });
      const { data, response } = await client().images.edit({ model, image, prompt: "brighter" }).withResponse();
      expect(data.data).toHaveLength(1);
      expect(hub.openaiTruth.last?.bodyText).toContain("not really");
      expect(await hub.settled(response.headers.get("x-request-id"))).toMatchObject({ priceNano: 40_000_000n });
    });

    test("a form is refused that asks for a stream, or gives a field twice", async () => {
      const model = await hub.relayModel("text", { type, price: PER_IMAGE });
      for (const [name, value] of [
        ["stream", "1"],
        ["n", "2"],
      ] as const) {
        const form = new FormData();
        for (const [field, text] of Object.entries({ model, prompt: "x", n: "1" })) form.append(field, text);
        form.append("image", new File(["not really"], "a.png"));
        form.append(name, value);
        const headers = { authorization: `Bearer ${tenant.key}` };
        const answer = await hub.send(door, "/images/edits", { method: "POST", headers, body: form });
        expect([answer.status, await answer.json()]).toMatchObject([400, { error: { param: name } }]);
      }
    });

    test.each([{ n: 0 }, { n: 11 }, { n: 1.5 }, { prompt: "" }])(
      "a bad request is refused by name: %o",
      async (part) => {
        const model = await hub.relayModel("text", { type, price: PER_IMAGE });
        const answer = await hub.post(door, "/images/generations", tenant.key, { model, prompt: "x", ...part });
        expect(answer.status).toBe(400);
        expect(await answer.json()).toMatchObject({ error: { param: Object.keys(part)[0] } });
      },
    );
  });

  describe("sound", () => {
    test("speech is passed on as it comes, charged by the character", async () => {
      const model = await hub.relayModel("text", { type: "speech", price: { perMillionCharacters: "15" } });
      const input = "naïve 世界";
      const response = await client().audio.speech.create({ model, voice: "alloy", input, response_format: "wav" });
      expect(response.headers.get("content-type")).toBe("audio/wav");
      expect(Buffer.from(await response.arrayBuffer())).toHaveLength(6);
      const event = await hub.settled(response.headers.get("x-request-id"));
      expect(event.priceNano).toBe(BigInt([...input].length) * 15_000n);
    });

    test("or by the token where it has no other price, as we estimate it: sound says nothing of tokens", async () => {
      const model = await hub.relayModel("text", { type: "speech", price: { input: "1", audioOutput: "12" } });
      const speak = client().audio.speech.create({ model, voice: "alloy", input: "naïve 世界" });
      const event = await hub.settled((await speak.asResponse()).headers.get("x-request-id"));
      expect(event).toMatchObject({ usageSource: "estimated", outcome: "ok" });
      expect(event.inputTokens).toBeGreaterThan(0);
      expect(event.priceNano).toBe(BigInt(event.inputTokens) * (1_000n + 6n * 12_000n));
    });

    test("a transcription is charged by its seconds", async () => {
      const model = await hub.relayModel("text", { type: "transcription", price: { perSecond: "0.0001" } });
      const file = await toFile(Buffer.alloc(30_000), "a.mp3");
      const { data, response } = await client().audio.transcriptions.create({ model, file }).withResponse();
      expect(data.text).toBe("hello world");
      expect(await hub.settled(response.headers.get("x-request-id"))).toMatchObject({ priceNano: 300_000n });
      expect(hub.openaiTruth.last?.model).toBe("text");
    });

    test.each([
      ["the second", { perSecond: "0.0001" }, 300_000n],
      // ten tokens a second of sound, and two of text
      ["the token", { input: "2", audioInput: "6", output: "10" }, 30n * 6_000n + 2n * 10_000n],
    ])("a transcription as text comes as text, charged by %s", async (_unit, price, charged) => {
      const model = await hub.relayModel("text", { type: "transcription", price });
      const file = await toFile(Buffer.alloc(30_000), "a.mp3");
      const asked = client().audio.transcriptions.create({ model, file, response_format: "text" });
      const { data, response } = await asked.withResponse();
      expect(data).toBe("hello world\n");
      expect(response.headers.get("content-type")).toContain("text/plain");
      expect(await hub.settled(response.headers.get("x-request-id"))).toMatchObject({ priceNano: charged });
    });
  });

  test("a ranking", async () => {
    const provider = await hub.compatibleProvider();
    const model = await hub.relayModel("text", { type: "rerank", provider });
    const body = { model, query: "hub", documents: ["a", "b", "c"], top_n: 2 };
    const answer = await hub.post(door, "/rerank", tenant.key, body);
    expect(await answer.json()).toMatchObject({ results: [{ index: 0 }, { index: 1 }], usage: { cost: 0.000017 } });
    expect(await hub.settled(answer.headers.get("x-request-id"))).toMatchObject({ inputTokens: 17 });
  });

  test("a moderation", async () => {
    const model = await hub.relayModel("text");
    const { data, response } = await client().moderations.create({ model, input: "hello" }).withResponse();
    expect(data.results[0]?.flagged).toBe(false);
    expect(await hub.settled(response.headers.get("x-request-id"))).toMatchObject({ usageSource: "estimated" });
  });

  test("a model of another kind is refused by name", async () => {
    const model = await hub.relayModel("text", { type: "image", price: PER_IMAGE });
    await expect(client().embeddings.create({ model, input: "x" })).rejects.toMatchObject({
      status: 400,
      param: "model",
    });
    const chat = client().chat.completions.create({ model, messages: [{ role: "user", content: "x" }] });
    await expect(chat).rejects.toMatchObject({ status: 400, param: "model" });
  });

  test("an organisation without the credit is refused before anything goes up", async () => {
    const poor = await hub.tenant({ creditUsd: "0.10" });
    const model = await hub.relayModel("text", { type: "image", price: PER_IMAGE });
    const before = hub.openaiTruth.requests.length;
    const call = hub.openai(door, poor.key).images.generate({ model, prompt: "x", n: 3 });
    await expect(call).rejects.toMatchObject({ status: 402 });
    expect(hub.openaiTruth.requests.length).toBe(before);
    await hub.assertHealthy(poor);
  });

  test("a failing candidate is passed over, and nothing is paid for it", async () => {
    const model = await hub.relayModel(["error=500", "text"], { type: "embedding" });
    const { response } = await client().embeddings.create({ model, input: "one" }).withResponse();
    const event = await hub.settled(response.headers.get("x-request-id"));
    expect(event.attempts.map(({ outcome }) => outcome)).toEqual(["upstream_error", "ok"]);
    expect(event.priceNano).toBe(hub.priceOf(hub.openaiTruth.last));
  });
});
