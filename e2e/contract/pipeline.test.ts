import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ROUTES } from "@/lib/gateway/endpoints/table";
import { type ContractHub, DOORS, startContractHub, type Tenant } from "./hub";

// Whatever can reach a provider is held for before, and recorded after, in one way. An endpoint that is added to the table and
// not here fails.

let hub: ContractHub;
let poor: Tenant;
let rich: Tenant;

beforeAll(async () => {
  hub = await startContractHub();
  [poor, rich] = await Promise.all([hub.tenant({ creditUsd: "0" }), hub.tenant()]);
});
afterAll(() => hub.stop());

const messages = [{ role: "user", content: "hello" }];
const file = () => new File([Buffer.alloc(7_500)], "a.mp3");
const image = () => new File(["not really"], "a.png", { type: "image/png" });
const SECONDS = { type: "transcription", price: { perSecond: "0.0001" } } as const;
const IMAGES = { type: "image", price: { perImage: "0.04" } } as const;

type Call = {
  model?: { type: "embedding" | "image" | "speech" | "transcription" | "rerank"; price?: Record<string, string> };
  body: (model: string) => Record<string, unknown>;
  form?: true;
};

/** By path: a call that costs something. */
const CALLS: Record<string, Call> = {
  "/api/v1/chat/completions": { body: (model) => ({ model, messages }) },
  "/api/v1/responses": { body: (model) => ({ model, input: "hello" }) },
  "/api/v1/completions": { body: (model) => ({ model, prompt: "hello" }) },
  "/api/v1/messages": { body: (model) => ({ model, messages, max_tokens: 50 }) },
  "/api/v1/embeddings": { model: { type: "embedding" }, body: (model) => ({ model, input: "hello" }) },
  "/api/v1/images/generations": { model: IMAGES, body: (model) => ({ model, prompt: "a hub" }) },
  "/api/v1/images/edits": {
    model: IMAGES,
    form: true,
    body: (model) => ({ model, prompt: "brighter", image: image() }),
  },
  "/api/v1/audio/transcriptions": { model: SECONDS, form: true, body: (model) => ({ model, file: file() }) },
  "/api/v1/audio/translations": { model: SECONDS, form: true, body: (model) => ({ model, file: file() }) },
  "/api/v1/audio/speech": {
    model: { type: "speech", price: { perMillionCharacters: "15" } },
    body: (model) => ({ model, voice: "alloy", input: "hello" }),
  },
  "/api/v1/rerank": { model: { type: "rerank" }, body: (model) => ({ model, query: "hub", documents: ["a", "b"] }) },
  "/api/v1/moderations": { body: (model) => ({ model, input: "hello" }) },
  "/api/v2/chat": { body: (model) => ({ input: { messages, modelOptions: { model } } }) },
  "/api/v2/image": { model: IMAGES, body: (model) => ({ input: { prompt: "a hub", modelOptions: { model } } }) },
};
/** These buy nothing: tokens are counted for nothing, a route is only explained, and there is no video. */
const BUY_NOTHING = ["/api/v1/messages/count_tokens", "/api/v1/route", "/api/v2/video"];

test("every endpoint is either tried here or buys nothing", () => {
  const posts = ROUTES.filter(({ method }) => method === "POST").map(({ path }) => path);
  expect(posts.toSorted()).toEqual([...Object.keys(CALLS), ...BUY_NOTHING].toSorted());
});

describe.each(DOORS)("%s door", (door) => {
  const send = (path: string, { key }: Tenant, { body, form }: Call, model: string) => {
    const fields = body(model);
    const data = new FormData();
    // safe because forms here hold texts and files only
    if (form) for (const [name, value] of Object.entries(fields)) data.set(name, value as string);
    return hub.sendFromOrigin(door, path, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, ...(!form && { "content-type": "application/json" }) },
      body: form ? data : JSON.stringify(fields),
    });
  };

  test.each(Object.entries(CALLS))("%s is held for before anything goes up, and recorded once", async (path, call) => {
    const provider = path.endsWith("rerank") ? { provider: await hub.compatibleProvider() } : {};
    const model = await hub.relayModel("text", { ...call.model, ...provider });
    const before = hub.openaiTruth.requests.length;
    const refused = await send(path, poor, call, model);
    expect([refused.status, await refused.text()]).toEqual([402, expect.stringMatching(/credit/i)]);
    expect(hub.openaiTruth.requests.length).toBe(before);

    const served = await send(path, rich, call, model);
    expect([served.status, (await served.arrayBuffer()).byteLength > 0]).toEqual([200, true]);
    const event = await hub.settled(served.headers.get("x-request-id"));
    expect(event).toMatchObject({ outcome: "ok", modelId: model });
    expect(event.priceNano).toBeGreaterThan(0n);
    expect(event.heldNano).toBeGreaterThanOrEqual(event.priceNano);
    expect(event.attempts).toHaveLength(1);
  });

  test("both organisations' books balance", async () => {
    await hub.assertHealthy(poor);
    await hub.assertHealthy(rich);
  });
});
