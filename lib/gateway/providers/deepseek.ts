import { openAIFamily } from "@/lib/gateway/providers/openai-family";
import { bearer, openAIErrors } from "@/lib/gateway/providers/openai-wire";
import { deepSeekUsage } from "@/lib/gateway/usage/openai-chat";

export const deepseek = openAIFamily({
  id: "deepseek",
  name: "DeepSeek",
  tokenLimitField: "max_tokens",
  developerAsSystem: true,
  // by the reference of the deepseek-kotlin SDK (StopReason); DeepSeek's own was not at hand
  maxStopSequences: 16,
  fileTypes: /^image\//,
  usage: deepSeekUsage,
  classify: openAIErrors(({ message }) => (/content exists risk/i.test(message) ? "content_policy" : null)),
  balance: {
    request: ({ baseUrl, secret }) => ({ url: `${baseUrl}/user/balance`, headers: bearer(secret) }),
    read: (body) => {
      const { balance_infos: infos = [] } = body as { balance_infos?: { currency: string; total_balance: string }[] };
      const info = infos.find(({ total_balance }) => Number(total_balance) > 0) ?? infos[0];
      return info ? { amount: info.total_balance, unit: info.currency } : null;
    },
  },
  languageModel: async ({ secret, baseUrl, fetch }, upstreamModel) => {
    const { createDeepSeek } = await import("@ai-sdk/deepseek");
    return createDeepSeek({ apiKey: secret.apiKey ?? "", baseURL: baseUrl, fetch })(upstreamModel);
  },
});
