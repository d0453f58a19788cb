import type { Usage } from "@/lib/billing/usage";
import { openAIFamily } from "@/lib/gateway/providers/openai-family";
import { openAIErrors, openAIUsage } from "@/lib/gateway/providers/openai-wire";

export const deepseek = openAIFamily({
  id: "deepseek",
  name: "DeepSeek",
  tokenLimitField: "max_tokens",
  developerAsSystem: true,
  usage: (raw) => {
    const usage = openAIUsage(raw);
    const { prompt_cache_hit_tokens: hit } = (raw ?? {}) as { prompt_cache_hit_tokens?: number | null };
    if (!usage || !hit || usage.cacheRead) return usage;
    // older answers name the cache outside of prompt_tokens_details, which includes it
    return { ...usage, input: (usage.input ?? 0) - hit, cacheRead: hit } satisfies Usage;
  },
  classify: openAIErrors(({ message }) => (/content exists risk/i.test(message) ? "content_policy" : null)),
  languageModel: async ({ secret, baseUrl, fetch }, upstreamModel) => {
    const { createDeepSeek } = await import("@ai-sdk/deepseek");
    return createDeepSeek({ apiKey: secret.apiKey ?? "", baseURL: baseUrl, fetch })(upstreamModel);
  },
});
