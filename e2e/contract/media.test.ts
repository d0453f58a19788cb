import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { PriceText } from "@/e2e/support/fixtures";
import { PICTURE } from "@/e2e/support/providers/scenario";
import { toUsdNumber } from "@/lib/money";
import { type ContractHub, DOORS, startContractHub, type Tenant } from "./hub";

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

const messages = [{ role: "user", content: "paint some words" }];
const IMAGE = { index: 0, type: "image_url", image_url: { url: `data:image/png;base64,${PICTURE}` } };

describe.each(DOORS)("%s door", (door) => {
  describe("pictures in an answer", () => {
    const body = async () => ({ model: await hub.modelOf("google", "image"), messages, modalities: ["text", "image"] });

    test("come in message.images, beside the text", async () => {
      const response = await hub.post(door, "/chat/completions", tenant.key, await body());
      const { choices } = (await response.json()) as { choices: { message: object }[] };
      expect(choices[0]?.message).toMatchObject({ content: expect.stringMatching(/^amber/), images: [IMAGE] });
      expect((await hub.truthOf("google")).last?.body).toMatchObject({
        generationConfig: { responseModalities: ["TEXT", "IMAGE"] },
      });
    });

    test("and in a delta of a stream, between text and end", async () => {
      const response = await hub.post(door, "/chat/completions", tenant.key, { ...(await body()), stream: true });
      const chunks = [...(await response.text()).matchAll(/^data: (\{.*)$/gm)].map(([, data]) =>
        JSON.parse(data ?? ""),
      );
      const deltas = chunks.flatMap(({ choices }) => choices.map(({ delta }: { delta: object }) => delta));
      expect(deltas.filter((delta) => "images" in delta)).toEqual([{ images: [IMAGE] }]);
      expect(deltas.at(-1)).toEqual({});
    });

    test("are paid by the token, also from the endpoint of images, whose modules count images alone", async () => {
      const model = await hub.modelOf("google", "gemini-image", { type: "image" });
      const asked = { model, prompt: "paint some words", n: 2 };
      const response = await hub.post(door, "/images/generations", tenant.key, asked);
      const { data, usage } = (await response.json()) as { data: object[]; usage: { cost: number } };
      expect(data).toEqual([{ b64_json: PICTURE }, { b64_json: PICTURE }]);
      const event = await hub.settled(response.headers.get("x-request-id"));
      const [first, second] = (await hub.truthOf("google")).requests.slice(-2);
      expect(event.priceNano).toBe(hub.priceOf(first) + hub.priceOf(second));
      expect(event.priceNano).toBeGreaterThan(0n);
      const other = await hub.modelOf("google", "imagen-4.0-generate-001", { type: "image" });
      expect((await hub.post(door, "/images/generations", tenant.key, { ...asked, model: other })).status).toBe(400);
      expect(usage).toMatchObject({ output_tokens: 24, cost: toUsdNumber(event.priceNano) });
    });

    test("are files to an AIGNE client", async () => {
      const { model } = await body();
      const init = (streaming: boolean) => ({
        method: "POST",
        headers: { authorization: `Bearer ${tenant.key}`, "content-type": "application/json" },
        body: JSON.stringify({
          input: { messages, modelOptions: { model, modalities: ["text", "image"] } },
          options: { streaming },
        }),
      });
      const files = [{ type: "file", data: PICTURE, mimeType: "image/png" }];
      const whole = await hub.sendFromOrigin(door, "/api/v2/chat", init(false));
      expect(await whole.json()).toMatchObject({ text: expect.stringMatching(/^amber/), files });
      const streamed = await hub.sendFromOrigin(door, "/api/v2/chat", init(true));
      expect(await streamed.text()).toContain(JSON.stringify({ delta: { json: { files } } }));
    });

    test("are refused by name where no provider of the model makes any", async () => {
      const asked = { ...(await body()), model: await hub.translatedModel("text") };
      const response = await hub.post(door, "/chat/completions", tenant.key, asked);
      expect([response.status, await response.json()]).toMatchObject([400, { error: { param: "modalities" } }]);
    });
  });

  test("pictures are edited by their addresses too, charged by the picture", async () => {
    const model = await hub.relayModel("text", { type: "image", price: { perImage: "0.04" } });
    const body = { images: [{ image_url: `data:image/png;base64,${PICTURE}` }], prompt: "brighter", n: 2 };
    const response = await hub.post(door, "/images/edits", tenant.key, { model, ...body });
    expect(response.status).toBe(200);
    expect(((await response.json()) as { data: unknown[] }).data.length).toBeGreaterThan(0);
    expect(hub.openaiTruth.last).toMatchObject({ path: "/v1/images/edits", body: { ...body, model: "text" } });
    expect(await hub.settled(response.headers.get("x-request-id"))).toMatchObject({ outcome: "ok", route: "relay" });
    const refused = await hub.post(door, "/images/edits", tenant.key, { model, prompt: "brighter" });
    expect([refused.status, await refused.json()]).toMatchObject([400, { error: { param: "images" } }]);
    const byId = await hub.post(door, "/images/edits", tenant.key, { ...body, model, mask: { file_id: "file-1" } });
    expect([byId.status, await byId.json()]).toMatchObject([400, { error: { param: "mask" } }]);
  });

  test("Gemini embeds a hundred texts a call, in the order given and the dimensions asked for, as we count them", async () => {
    const model = await hub.modelOf("google", "gemini-embedding-001", { type: "embedding" });
    const { embeddings } = hub.openai(door, tenant.key);
    const input = Array.from({ length: 150 }, (_, index) => "a".repeat(index + 1));
    const { data, response } = await embeddings.create({ model, input, dimensions: 4 }).withResponse();
    expect(data.data.map(({ index, embedding }) => [index, ...embedding])).toEqual(
      input.map(({ length }, index) => [index, length, 0.5, 0.5, 0.5]),
    );
    const calls = (await hub.truthOf("google")).requests.filter(({ path }) => path.includes("batchEmbedContents"));
    expect(calls.slice(-2).map(({ body }) => (body as { requests: unknown[] }).requests.length)).toEqual([100, 50]);
    const event = await hub.settled(response.headers.get("x-request-id"));
    expect(event).toMatchObject({
      outcome: "ok",
      usageSource: "estimated",
      priceNano: BigInt(event.inputTokens) * 1_000n,
    });
    const [one] = (await embeddings.create({ model, input: "abc" })).data;
    expect(one?.embedding).toEqual([3, 0.5, 0.5]);
  });

  describe("speech by translation", () => {
    const price = { input: "1", audioOutput: "10" };
    const model = () => hub.modelOf("google", "text", { type: "speech", price });
    const speak = async (more: object) =>
      hub.post(door, "/audio/speech", tenant.key, {
        model: await model(),
        input: "hello hub",
        voice: "alloy",
        ...more,
      });

    test("comes as sound, charged by the tokens that were reported", async () => {
      const response = await speak({});
      expect(response.headers.get("content-type")).toBe("audio/wav");
      expect(response.headers.get("x-aigne-warnings")).toBe("voice");
      const sound = Buffer.from(await response.arrayBuffer());
      expect(sound.subarray(0, 4).toString()).toBe("RIFF");
      const event = await hub.settled(response.headers.get("x-request-id"));
      expect(event).toMatchObject({ route: "translate", usageSource: "reported", outcome: "ok" });
      expect(event.priceNano).toBe(BigInt(event.inputTokens) * 1_000n + 32n * 10_000n);
    });

    test("in the provider's own voice, as bare samples", async () => {
      const response = await speak({ voice: "Puck", response_format: "pcm" });
      expect(response.headers.get("content-type")).toBe("audio/pcm");
      expect(response.headers.get("x-aigne-warnings")).toBeNull();
      expect((await response.arrayBuffer()).byteLength).toBe(960);
      expect((await hub.truthOf("google")).last?.bodyText).toContain('"voiceName":"Puck"');
    });

    test("is refused by name in a format that nobody here makes", async () => {
      const response = await speak({ response_format: "mp3" });
      expect([response.status, await response.json()]).toMatchObject([400, { error: { param: "response_format" } }]);
    });
  });

  describe("a transcript by a chat model that hears", () => {
    const price = { input: "1", audioInput: "3", output: "4" };
    const hear = async (fields: Record<string, string>, path = "/audio/transcriptions", rates: PriceText = price) => {
      const form = new FormData();
      form.set("model", await hub.modelOf("google", "text", { type: "transcription", price: rates }));
      form.set("file", new File([Buffer.alloc(7_500)], "a.mp3"));
      for (const [name, value] of Object.entries(fields)) form.set(name, value);
      return hub.send(door, path, { method: "POST", headers: { authorization: `Bearer ${tenant.key}` }, body: form });
    };

    test("comes as JSON, charged by the tokens of sound and text", async () => {
      const response = await hear({ language: "en", prompt: "AIGNE" });
      const body = (await response.json()) as { text: string; usage: Record<string, unknown> };
      expect(body.text).toMatch(/^amber anchor apple/);
      const event = await hub.settled(response.headers.get("x-request-id"));
      expect(event).toMatchObject({ route: "translate", usageSource: "reported", outcome: "ok", outputTokens: 12 });
      expect(event.priceNano).toBe(BigInt(event.inputTokens) * 1_000n + 64n * 3_000n + 12n * 4_000n);
      expect(body.usage).toMatchObject({
        ...{ type: "tokens", input_tokens: event.inputTokens + 64, output_tokens: 12 },
        ...{ input_token_details: { audio_tokens: 64 }, cost: toUsdNumber(event.priceNano) },
      });
      const { last } = await hub.truthOf("google");
      expect(last?.bodyText).toMatch(/"mimeType":"audio\/mpeg"/);
      expect(last?.bodyText).toMatch(/spoken is \\"en\\".*AIGNE/);
    });

    test("or by the second, where that is the price", async () => {
      const response = await hear({}, undefined, { perSecond: "0.0001" });
      // 64 tokens of sound at 32 a second
      expect(await hub.settled(response.headers.get("x-request-id"))).toMatchObject({ priceNano: 200_000n });
    });

    test("or as plain text, in English where that is asked for", async () => {
      const response = await hear({ response_format: "text" }, "/audio/translations");
      expect(response.headers.get("content-type")).toContain("text/plain");
      expect(await response.text()).toMatch(/^amber .*\n$/);
      expect((await hub.truthOf("google")).last?.bodyText).toContain("into English");
    });

    test.each([
      ["response_format", { response_format: "verbose_json" }],
      ["response_format", { response_format: "srt" }],
      ["timestamp_granularities", { "timestamp_granularities[]": "word" }],
    ])("has no times, so that %s is refused: %o", async (param, fields) => {
      const response = await hear(fields);
      expect([response.status, await response.json()]).toMatchObject([
        400,
        { error: { param, code: "unsupported_parameter" } },
      ]);
    });
  });

  describe("Bedrock, signed", () => {
    test("ranks documents, charged by the request", async () => {
      const options = { type: "rerank", price: { perRequest: "0.001" } };
      const model = await hub.modelOf("bedrock", "amazon.rerank-v1:0", options);
      const body = { model, query: "which", documents: ["a", "the longest of all", { text: "middle" }] };
      const response = await hub.post(door, "/rerank", tenant.key, { ...body, top_n: 2, return_documents: true });
      expect([response.status, await response.json()]).toMatchObject([
        200,
        {
          results: [
            { index: 1, relevance_score: 0.18, document: { text: "the longest of all" } },
            { index: 2, relevance_score: 0.06, document: { text: "middle" } },
          ],
        },
      ]);
      const event = await hub.settled(response.headers.get("x-request-id"));
      expect(event).toMatchObject({ route: "translate", outcome: "ok", priceNano: 1_000_000n });
    });

    test("embeds one text a call, in the order given and the dimensions asked for", async () => {
      const model = await hub.modelOf("bedrock", "amazon.titan-embed-text-v2:0", { type: "embedding" });
      const input = ["one", "two words", "three of them"];
      const { data, response } = await hub
        .openai(door, tenant.key)
        .embeddings.create({ model, input, dimensions: 256 })
        .withResponse();
      expect(data.data.map(({ index, embedding }) => [index, embedding[0], embedding.length])).toEqual([
        [0, 3, 256],
        [1, 9, 256],
        [2, 13, 256],
      ]);
      const event = await hub.settled(response.headers.get("x-request-id"));
      expect(event).toMatchObject({ route: "translate", usageSource: "reported", inputTokens: 6 });
    });

    /** Two credentials, one text a call. */
    const embed = async (input: string[]) => {
      const secrets = ["one", "two"].map((name) => ({ apiKey: `bearer-${name}`, region: "eu-central-1" }));
      const model = await hub.modelOf("bedrock", "amazon.titan-embed-text-v2:0", { type: "embedding", secrets });
      const truth = await hub.truthOf("bedrock");
      const before = truth.requests.length;
      const response = await hub.post(door, "/embeddings", tenant.key, { model, input });
      const body = (await response.json()) as { data?: unknown[]; error?: { message: string } };
      const event = await hub.settled(response.headers.get("x-request-id"));
      const asked = truth.requests.slice(before).map((request) => request.body?.inputText);
      return { response, body, event, asked };
    };

    test("goes on where a credential gave out in the middle: every part is asked, paid and booked once", async () => {
      const flaky = `flaky=429 ${door}`;
      const { response, body, event, asked } = await embed(["one", flaky, "three"]);
      expect([response.status, body.data?.length]).toEqual([200, 3]);
      expect(asked).toEqual(["one", flaky, flaky, "three"]);
      expect(event).toMatchObject({ outcome: "ok", usageSource: "reported", inputTokens: 4, priceNano: 4_000n });
      expect(event.attempts.map(({ outcome, costNano }) => [outcome, costNano])).toEqual([
        ["upstream_error", 500n],
        ["ok", 1_500n],
      ]);
      expect((event.costNano ?? 0n) + event.wasteNano).toBe(2_000n);
    });

    test("fails as a whole where a part does, and the parts before it are paid", async () => {
      const { response, body, event, asked } = await embed(["one", "two words", "error=500 three"]);
      expect([response.status, response.headers.get("x-should-retry")]).toEqual([502, "false"]);
      expect(body.error?.message).toMatch(/made before are charged/);
      expect(asked).toEqual(["one", "two words", "error=500 three"]);
      expect(event).toMatchObject({ outcome: "upstream_error", inputTokens: 3, priceNano: 3_000n, costNano: 1_500n });
    });
  });
});
