import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
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

const messages = [{ role: "user" as const, content: "say some words" }];
const image = { type: "image_url", image_url: { url: "data:image/png;base64,iVBORw0KGgo=" } };

describe.each(DOORS)("%s door", (door) => {
  const call = async (body: object, key = tenant.key) => {
    const response = await hub.post(door, "/chat/completions", key, { messages, ...body });
    const text = await response.text();
    return { response, text, settled: () => hub.settled(response.headers.get("x-request-id")) };
  };
  const explain = async (body: object, key = tenant.key) => {
    const response = await hub.post(door, "/route", key, { messages, ...body });
    // biome-ignore lint/suspicious/noExplicitAny: an answer that the test takes apart
    return { response, route: (await response.json()) as any };
  };

  describe("another model answers", () => {
    test.each([false, true])("where the first cannot; one is paid, at its own price (stream: %s)", async (stream) => {
      const cheap = await hub.relayModel("error:500");
      const dear = await hub.relayModel("text:tokens=20", { price: { input: "10", output: "40" } });
      const { response, settled } = await call({ model: cheap, models: [cheap, dear], stream });
      expect(response.status).toBe(200);
      expect(response.headers.get("x-aigne-model")).toBe(dear);
      const event = await settled();
      expect(event).toMatchObject({ outcome: "ok", modelId: dear, outputTokens: 20 });
      expect(event.priceNano).toBe(BigInt(event.inputTokens) * 10_000n + 20n * 40_000n);
      expect(event.attempts.map(({ outcome, reason }) => [outcome, reason])).toEqual([
        ["upstream_error", "server"],
        ["ok", null],
      ]);
      expect(event.attempts[0]?.routing).toMatchObject([
        { model: cheap, upstreamModel: "error:500", reason: null },
        { model: dear, upstreamModel: "text:tokens=20", reason: null },
      ]);
    });

    test("which the operator put behind an alias, and only for calls that use it", async () => {
      const spare = await hub.relayModel("text:tokens=2");
      const alias = `fast-${door}`;
      const first = await hub.relayModel("error:503", { aliases: [alias], fallbacks: { [alias]: [spare] } });
      const byAlias = await call({ model: alias.toUpperCase() });
      expect([byAlias.response.status, byAlias.response.headers.get("x-aigne-model")]).toEqual([200, spare]);
      expect((await call({ model: first })).response.status).toBe(503);
    });

    test("never one that the key may not use", async () => {
      const [first, other] = [await hub.relayModel("error:500"), await hub.relayModel("text")];
      const key = await hub.keyOf(tenant, { allowedModels: [first] });
      expect((await call({ model: first, models: [other] }, key)).response.status).toBe(502);
      const { route } = await explain({ model: first, models: [other, "nobody/knows"] }, key);
      expect(route.candidates.slice(1)).toMatchObject([
        { model: other, reason: "model_not_allowed" },
        { model: "nobody/knows", reason: "unknown_model" },
      ]);
    });

    test("never one that the wallet cannot bear: it is passed over, the next one answers", async () => {
      const poor = await hub.tenant({ creditUsd: "0.5" });
      const first = await hub.relayModel("error:500");
      const dear = await hub.relayModel("text", { price: { input: "1000000", output: "1000000" } });
      const cheap = await hub.relayModel("text:tokens=3");
      const { response, settled } = await call({ model: first, models: [dear, cheap] }, poor.key);
      expect([response.status, response.headers.get("x-aigne-model")]).toEqual([200, cheap]);
      const event = await settled();
      expect(event.attempts).toHaveLength(2);
      expect(event.attempts[0]?.routing).toContainEqual(
        expect.objectContaining({ model: dear, provider: null, reason: "insufficient_credits" }),
      );
      await hub.assertHealthy(poor);
    });

    test("never above the key's budget; a call that nobody could answer costs nothing", async () => {
      await hub.limit(tenant, { day: 100_000_000 });
      const first = await hub.relayModel("error:500");
      const dear = await hub.relayModel("text", { price: { input: "100000", output: "100000" } });
      const { response, settled } = await call({ model: first, models: [dear], stream: true });
      expect(response.status).toBe(502);
      const event = await settled();
      expect(event).toMatchObject({ modelId: first, priceNano: 0n, upstreamModel: "error:500" });
      expect(event.attempts[0]?.routing).toContainEqual(expect.objectContaining({ model: dear, reason: "budget" }));
    });

    test("not after the client's own mistake", async () => {
      const [first, other] = [await hub.relayModel("error:400"), await hub.relayModel("text")];
      expect((await call({ model: first, models: [other] })).response.status).toBe(400);
    });

    test("where the first has no route at all", async () => {
      const drained = await hub.relayModel([{ upstreamModel: "text", weight: 0 }]);
      const other = await hub.relayModel("text:tokens=4");
      const { response, settled } = await call({ model: drained, models: [other] });
      expect(response.headers.get("x-aigne-model")).toBe(other);
      expect((await settled()).modelId).toBe(other);
    });

    test("each model named has its turn within the three attempts", async () => {
      const first = await hub.relayModel(["error:500,a", "error:500,b", "error:500,c"]);
      const [second, third] = [await hub.relayModel("error:500,d"), await hub.relayModel("text")];
      const { response, settled } = await call({ model: first, models: [second, third] });
      expect(response.headers.get("x-aigne-model")).toBe(third);
      expect((await settled()).attempts.map(({ upstreamModel }) => upstreamModel)).toEqual([
        ...["error:500,a", "error:500,d", "text"],
      ]);
    });
  });

  describe("what one answer serves goes the same ways", () => {
    const file = new Blob(["sound"], { type: "audio/mpeg" });
    type UnitCase = [endpoint: string, type: string, body: Record<string, unknown>, asForm?: true];
    const units: UnitCase[] = [
      ["embeddings", "embedding", { input: "one two" }],
      ["images/generations", "image", { prompt: "a hub" }],
      ["images/edits", "image", { prompt: "brighter", images: [{ image_url: image.image_url.url }] }],
      ["images/edits", "image", { prompt: "brighter", image: file }, true],
      ["audio/transcriptions", "transcription", { file }, true],
      ["audio/translations", "transcription", { file }, true],
      ["audio/speech", "speech", { input: "hello", voice: "alloy" }],
      ["rerank", "rerank", { query: "hub", documents: ["a", "b"] }],
      ["moderations", "chat", { input: "hello" }],
    ];
    const send = (path: string, key: string, body: Record<string, unknown>, asForm = false) => {
      if (!asForm) return hub.post(door, path, key, body);
      const sent = new FormData();
      // lists as SDKs write them
      for (const [name, value] of Object.entries(body))
        for (const one of [value].flat()) sent.append(Array.isArray(value) ? `${name}[]` : name, one as string | Blob);
      return hub.send(door, path, { method: "POST", headers: { authorization: `Bearer ${key}` }, body: sent });
    };

    test.each(units)("%s of a model of type %s", async (endpoint, type, body, asForm) => {
      const provider = await hub.compatibleProvider();
      const first = await hub.relayModel("error:500", { type, provider });
      const dear = await hub.relayModel("text", { type, provider, price: { perRequest: "1000000" } });
      const [barred, other] = [
        await hub.relayModel("text", { type }),
        await hub.relayModel("text", { type, provider }),
      ];
      const key = await hub.keyOf(tenant, { allowedModels: [first, dear, other] });
      const named = { ...body, model: first, models: [dear, barred, other] };
      const only = asForm ? { "provider[only]": [provider.slug] } : { provider: { only: [provider.slug] } };
      const asked = { ...named, ...only };
      const told = await send(`/route?endpoint=${endpoint}`, key, asked, asForm);
      // biome-ignore lint/suspicious/noExplicitAny: an answer that the test takes apart
      const route = (await told.json()) as any;
      expect(route.candidates).toMatchObject([
        { model: first, provider: provider.slug, called: true },
        { model: dear, called: true },
        { model: other, called: true },
        { model: barred, reason: "model_not_allowed", called: false },
      ]);
      const response = await send(`/${endpoint}`, key, asked, asForm);
      expect([response.status, response.headers.get("x-aigne-model")]).toEqual([200, other]);
      const { bodyText } = hub.openaiTruth.last ?? {};
      expect(bodyText).not.toMatch(/models|provider/);
      const event = await hub.settled(response.headers.get("x-request-id"));
      expect(event).toMatchObject({ outcome: "ok", modelId: other });
      expect(event.attempts.map(({ outcome }) => outcome)).toEqual(["upstream_error", "ok"]);
      expect(event.attempts[0]?.routing).toContainEqual(
        expect.objectContaining({ model: dear, provider: null, reason: "insufficient_credits" }),
      );
    });
  });

  test("hints choose among providers and do not go upstream", async () => {
    const [one, two] = [await hub.provider(["sk-1"]), await hub.provider(["sk-2"])];
    const model = await hub.relayModel([
      { upstreamModel: "text:tokens=1", provider: one, priority: 0 },
      { upstreamModel: "text:tokens=2", provider: two, priority: 1 },
    ]);
    const served = async (provider: object) => {
      const { settled } = await call({ model, provider, models: [model] });
      return (await settled()).upstreamModel;
    };
    expect(await served({ order: [two.slug] })).toBe("text:tokens=2");
    expect(await served({ ignore: [one.slug] })).toBe("text:tokens=2");
    expect(await served({ only: [one.slug] })).toBe("text:tokens=1");
    expect(Object.keys(hub.openaiTruth.last?.body ?? {})).not.toEqual(expect.arrayContaining(["provider"]));
    expect(Object.keys(hub.openaiTruth.last?.body ?? {})).not.toEqual(expect.arrayContaining(["models"]));
    const { response, text } = await call({ model, provider: { only: ["nobody"] } });
    expect(response.status).toBe(400);
    expect(JSON.parse(text).error.param).toBe("provider");
  });

  test("what a provider cannot do goes to one that can; where none can, nobody is called", async () => {
    const blind = { input: ["text"] as ("text" | "image")[] };
    const content = [{ type: "text", text: "what is this?" }, image];
    const asked = { messages: [{ role: "user", content }] };
    const mixed = await hub.relayModel([
      { upstreamModel: "text:tokens=1", priority: 0, capabilities: blind },
      { upstreamModel: "text:tokens=2", priority: 1 },
    ]);
    expect((await (await call({ model: mixed, ...asked })).settled()).upstreamModel).toBe("text:tokens=2");
    expect((await (await call({ model: mixed })).settled()).upstreamModel).toBe("text:tokens=1");
    const none = await hub.relayModel("text", { capabilities: blind });
    const before = hub.openaiTruth.requests.length;
    const { response, text } = await call({ model: none, ...asked });
    expect(response.status).toBe(400);
    expect(text).toContain("does not support images in its input");
    expect(hub.openaiTruth.requests).toHaveLength(before);
  });

  test("an offer's own timeouts hold", async () => {
    const model = await hub.relayModel([
      { upstreamModel: "first-byte:ms=20000", priority: 0, timeouts: { firstByteMs: 1_000 } },
      { upstreamModel: "text:tokens=5", priority: 1 },
    ]);
    const { response, settled } = await call({ model, stream: true });
    expect(response.status).toBe(200);
    expect((await settled()).attempts.map(({ reason, outcome }) => reason ?? outcome)).toEqual(["timeout", "ok"]);
  });

  test("a call may last as long as its offer allows", async () => {
    const model = await hub.relayModel([{ upstreamModel: "endless:interval=50", timeouts: { totalMs: 1_000 } }]);
    const { text, settled } = await call({ model, stream: true });
    expect(text).not.toContain("[DONE]");
    expect(await settled()).toMatchObject({ outcome: "timeout" });
  });

  test("a dry run tells the order and why, without credentials; nothing is called, held or charged", async () => {
    const provider = await hub.provider(["sk-1", "sk-2"]);
    const model = await hub.relayModel([
      { upstreamModel: "a", provider, priority: 0, weight: 300 },
      { upstreamModel: "b", provider, priority: 0, weight: 100 },
      { upstreamModel: "c", provider, priority: 1, weight: 0 },
    ]);
    const before = hub.openaiTruth.requests.length;
    const { response, route } = await explain({ model, user: "someone" });
    expect(response.status).toBe(200);
    expect(route).toMatchObject({ object: "route", model, order: "affinity" });
    expect(route.candidates.map(({ called, reason }: { called: boolean; reason: string }) => [called, reason])).toEqual(
      [
        [true, null],
        [true, null],
        [false, "drained"],
      ],
    );
    expect(route.candidates[0].score).toBeGreaterThan(route.candidates[1].score);
    expect(JSON.stringify(route)).not.toMatch(/cred|sk-/);
    expect((await explain({ model, user: "someone" })).route).toEqual(route);
    expect((await explain({ model })).route.order).toBe("chance");
    expect(hub.openaiTruth.requests).toHaveLength(before);
    const responses = await hub.post(door, "/route", tenant.key, { model, input: "hi" });
    expect(responses.status).toBe(200);
    expect((await hub.post(door, "/route", tenant.key, { model: "no/such", messages })).status).toBe(404);
  });

  test("a long conversation stays where its prompt is cached", async () => {
    const provider = await hub.provider(["sk-1", "sk-2", "sk-3", "sk-4"]);
    const model = await hub.relayModel("text:tokens=1", { provider });
    const system = { role: "system", content: `Case ${door}. ${"Know this. ".repeat(500)}` };
    const used = new Set<string | null>();
    for (let turn = 1; turn <= 6; turn++) {
      const turns = Array.from({ length: turn }, (_, n) => ({ role: "user", content: `question ${n}` }));
      used.add((await (await call({ model, messages: [system, ...turns] })).settled()).credentialId);
    }
    expect(used.size).toBe(1);
  });
});
