import { defineProvider } from "@/lib/gateway/providers/define";
import { bearer, classifyOpenAIError, openAIModelList, openAIUsage } from "@/lib/gateway/providers/openai-wire";

export const openai = defineProvider({
  id: "openai",
  name: "OpenAI",
  needsCredential: true,
  speaks: { "openai-chat": { path: "/chat/completions" } },
  headers: bearer,
  usage: openAIUsage,
  classify: classifyOpenAIError,
  listModels: openAIModelList,
  tokenLimitField: "max_completion_tokens",
});
