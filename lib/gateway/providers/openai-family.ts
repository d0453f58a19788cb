import type { LanguageModelV4 } from "@ai-sdk/provider";
import type { JsonObject } from "@/lib/gateway/json-body";
import { defineProvider, type ProviderDefinition, type SdkSettings } from "@/lib/gateway/providers/define";
import { bearer, classifyOpenAIError, openAIModelList } from "@/lib/gateway/providers/openai-wire";
import { openAIChatUsage } from "@/lib/gateway/usage/openai-chat";

/** A provider that speaks chat completions as OpenAI does, but for what is given. It keeps the client's own name for the token
 *  limit, since older servers know only `max_tokens` and newer ones may refuse it. */
export function openAIFamily(
  own: Pick<ProviderDefinition, "id" | "name"> & Partial<ProviderDefinition>,
): ProviderDefinition {
  const headers = own.headers ?? bearer;
  return defineProvider({
    needsCredential: true,
    speaks: { "openai-chat": { path: "/chat/completions" } },
    headers,
    usage: openAIChatUsage(),
    classify: classifyOpenAIError,
    languageModel: (settings, upstreamModel) => chatModel(own.id, { ...settings, headers }, upstreamModel),
    listModels: openAIModelList,
    tokenLimitField: "as-sent",
    ...own,
  });
}

/** The AI SDK model of any chat-completions upstream. */
export async function chatModel(
  name: string,
  { secret, baseUrl, fetch, headers }: SdkSettings & Pick<ProviderDefinition, "headers">,
  upstreamModel: string,
  /** What the module's request still lacks. */
  complete?: (body: JsonObject) => JsonObject,
): Promise<LanguageModelV4> {
  const { createOpenAICompatible } = await import("@ai-sdk/openai-compatible");
  return createOpenAICompatible({
    name,
    baseURL: baseUrl,
    headers: headers(secret),
    fetch,
    // streams would carry no usage, and schemas would be dropped without a word
    includeUsage: true,
    supportsStructuredOutputs: true,
    ...(complete && { transformRequestBody: complete }),
  })(upstreamModel);
}
