import type { LanguageModelV4CallOptions } from "@ai-sdk/provider";
import type { ProviderDefinition } from "@/lib/gateway/providers/define";

const hi: LanguageModelV4CallOptions["prompt"] = [{ role: "user", content: [{ type: "text", text: "hi" }] }];

/** The body that a provider's SDK module sends for a call. */
export async function sentByModule(
  provider: ProviderDefinition,
  upstreamModel: string,
  asked: Partial<LanguageModelV4CallOptions>,
) {
  let body = "";
  const fetch = async (_url: unknown, init?: RequestInit) => {
    body = String(init?.body);
    return new Response("{}", { status: 500 });
  };
  const settings = {
    ...{ secret: { apiKey: "k" }, baseUrl: "https://upstream.test", region: null },
    fetch: fetch as typeof globalThis.fetch,
  };
  const options = { prompt: hi, ...asked };
  const prepared = provider.prepare?.(options, upstreamModel) ?? options;
  const model = await provider.languageModel(settings, upstreamModel, prepared);
  await Promise.resolve(model.doGenerate(prepared)).catch(() => {});
  return JSON.parse(body);
}
