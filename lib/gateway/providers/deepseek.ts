import { openAIFamily } from "@/lib/gateway/providers/openai-family";
import { openAIErrors } from "@/lib/gateway/providers/openai-wire";
import { deepSeekUsage } from "@/lib/gateway/usage/openai-chat";

export const deepseek = openAIFamily({
  id: "deepseek",
  name: "DeepSeek",
  tokenLimitField: "max_tokens",
  developerAsSystem: true,
  usage: deepSeekUsage,
  classify: openAIErrors(({ message }) => (/content exists risk/i.test(message) ? "content_policy" : null)),
  languageModel: async ({ secret, baseUrl, fetch }, upstreamModel) => {
    const { createDeepSeek } = await import("@ai-sdk/deepseek");
    return createDeepSeek({ apiKey: secret.apiKey ?? "", baseURL: baseUrl, fetch })(upstreamModel);
  },
});
