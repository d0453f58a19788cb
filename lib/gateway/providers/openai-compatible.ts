import { defineProvider } from "@/lib/gateway/providers/define";
import { bearer, classifyOpenAIError, openAIModelList, openAIUsage } from "@/lib/gateway/providers/openai-wire";

/** Any upstream that speaks the OpenAI chat wire, by base URL. It keeps the client's own name for the token limit, since
 *  older servers know only `max_tokens` and newer ones may refuse it. */
export const openaiCompatible = defineProvider({
  id: "openai-compatible",
  name: "OpenAI-compatible",
  needsCredential: true,
  speaks: { "openai-chat": { path: "/chat/completions" } },
  headers: bearer,
  usage: openAIUsage,
  classify: classifyOpenAIError,
  listModels: openAIModelList,
  tokenLimitField: "as-sent",
});
