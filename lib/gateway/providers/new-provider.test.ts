import { expect, test, vi } from "vitest";
import { makeChat } from "@/e2e/support/gateway-values";
import { relayBody } from "@/lib/gateway/dialects/openai-chat/relay";
import { findProvider } from "@/lib/gateway/providers/registry";

// the one line that a provider without peculiarities adds to PROVIDER_KINDS
vi.mock("@/lib/catalog/provider-kinds", async (importOriginal) => {
  const real = await importOriginal<typeof import("@/lib/catalog/provider-kinds")>();
  const madeUp = {
    id: "made-up",
    name: "Made Up",
    defaultBaseUrl: "https://api.made-up.example/v1",
    credential: "apiKey",
  };
  return { ...real, PROVIDER_KINDS: [...real.PROVIDER_KINDS, madeUp] };
});

test("an OpenAI-compatible provider needs one line: it relays, translates, reports, fails and lists models", async () => {
  const provider = findProvider("made-up");
  if (!provider) throw new Error("the kind is not served");
  expect(provider).toMatchObject({ id: "made-up", name: "Made Up", needsCredential: true });
  expect(provider.speaks["openai-chat"]).toEqual({ path: "/chat/completions" });
  expect(provider.headers({ apiKey: "k" })).toEqual({ authorization: "Bearer k" });
  const body = relayBody(makeChat({ unknown: 1 }), { provider, upstreamModel: "m-1", maxOutputTokens: 7 });
  expect(JSON.parse(body)).toMatchObject({ model: "m-1", max_tokens: 7, unknown: 1 });

  const target = { secret: { apiKey: "k" }, baseUrl: "https://api.made-up.example/v1", region: null };
  expect(await provider.listModels?.request(target)).toEqual({
    url: "https://api.made-up.example/v1/models",
    headers: { authorization: "Bearer k" },
  });
  expect(provider.classify({ status: 429, headers: { "retry-after": "2" }, body: "" })).toMatchObject({
    class: "rate_limited",
    retryAfterMs: 2_000,
  });
  const { usage, source } = provider.usage({ prompt_tokens: 3, completion_tokens: 4 });
  expect([usage.input, usage.output, source]).toEqual([3, 4, "reported"]);
  const model = await provider.languageModel({ ...target, fetch }, "m-1", { prompt: [] });
  expect(model).toMatchObject({ modelId: "m-1", specificationVersion: "v4" });
});
