import { openAIFamily } from "@/lib/gateway/providers/openai-family";
import { OPENAI_UNITS } from "@/lib/gateway/providers/openai-wire";
import { openAIResponsesUsage } from "@/lib/gateway/usage/openai-responses";

export const openai = openAIFamily({
  id: "openai",
  name: "OpenAI",
  speaks: {
    "openai-chat": { path: "/chat/completions" },
    "openai-responses": { path: "/responses", usage: openAIResponsesUsage },
    "openai-completions": { path: "/completions" },
    ...OPENAI_UNITS,
  },
  tokenLimitField: "max_completion_tokens",
  reasoningStreams: false,
  languageModel: async ({ secret, baseUrl, fetch }, upstreamModel) => {
    const { createOpenAI } = await import("@ai-sdk/openai");
    // the factory's own default is the Responses API, whose usage has another shape
    return createOpenAI({ apiKey: secret.apiKey ?? "", baseURL: baseUrl, fetch }).chat(upstreamModel);
  },
});
