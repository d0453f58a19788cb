import { openAIFamily } from "@/lib/gateway/providers/openai-family";
import { mayThink, thinkingModel } from "@/lib/gateway/providers/openai-thinking";
import { OPENAI_UNITS } from "@/lib/gateway/providers/openai-wire";
import { openAIChatUsage } from "@/lib/gateway/usage/openai-chat";
import { openAIResponsesUsage } from "@/lib/gateway/usage/openai-responses";

const chatUsage = openAIChatUsage();
const TIERS = ["tier:flex", "tier:priority"];

export const openai = openAIFamily({
  id: "openai",
  name: "OpenAI",
  speaks: {
    "openai-chat": { path: "/chat/completions", hosts: TIERS },
    "openai-responses": { path: "/responses", usage: openAIResponsesUsage, hosts: ["web_search", ...TIERS] },
    "openai-completions": { path: "/completions" },
    ...OPENAI_UNITS,
  },
  tokenLimitField: "max_completion_tokens",
  reasoningStreams: false,
  // maxItems of StopConfiguration in its OpenAPI description; help.openai.com/en/articles/5072263 says the same
  maxStopSequences: 4,
  // both of its protocols are translated to
  usage: (usage) => (isResponsesUsage(usage) ? openAIResponsesUsage(usage) : chatUsage(usage)),
  languageModel: async ({ secret, baseUrl, fetch }, upstreamModel, options) => {
    const { createOpenAI } = await import("@ai-sdk/openai");
    const provider = createOpenAI({ apiKey: secret.apiKey ?? "", baseURL: baseUrl, fetch });
    // chat completions keep what a model thought; Responses know neither stop words nor penalties
    return mayThink(upstreamModel, options.reasoning)
      ? thinkingModel(provider.responses(upstreamModel))
      : provider.chat(upstreamModel);
  },
});

function isResponsesUsage(usage: unknown): boolean {
  return typeof usage === "object" && usage !== null && "input_tokens" in usage;
}
