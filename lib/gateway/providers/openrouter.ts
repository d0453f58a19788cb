import type { LanguageModelV4Message, SharedV4ProviderOptions } from "@ai-sdk/provider";
import type { JsonObject } from "@/lib/gateway/json-body";
import type { FailureClass } from "@/lib/gateway/providers/define";
import { chatModel, openAIFamily } from "@/lib/gateway/providers/openai-family";
import { bearer, OPENAI_UNITS, openAIErrors } from "@/lib/gateway/providers/openai-wire";
import { openRouterUsage } from "@/lib/gateway/usage/openai-chat";

/** Errors that come while a model answers arrive with status 200 and these in the body. */
const CLASS_BY_CODE: Record<string, FailureClass> = {
  401: "auth",
  402: "auth",
  403: "auth",
  408: "timeout",
  429: "rate_limited",
  503: "overloaded",
  529: "overloaded",
};

const headers = (secret: Record<string, string>) => ({
  ...bearer(secret),
  "http-referer": "https://github.com/AIGNE-io/aigne-hub",
  "x-title": "AIGNE Hub",
});

/** Hints for the caches of Claude and Gemini, which OpenRouter takes as Anthropic spells them. */
function withCacheControl(message: LanguageModelV4Message): LanguageModelV4Message {
  const spelled = <Part extends { providerOptions?: SharedV4ProviderOptions }>(part: Part): Part => {
    const hint = part.providerOptions?.anthropic?.cacheControl;
    return hint === undefined
      ? part
      : { ...part, providerOptions: { ...part.providerOptions, openaiCompatible: { cache_control: hint } } };
  };
  if (message.role === "system") return spelled(message);
  // safe because each part stays of its own kind
  return { ...message, content: message.content.map(spelled) } as LanguageModelV4Message;
}

/** OpenRouter reads a hint in a part alone, the module writes messages of one text without parts. */
function cachedInPart(message: JsonObject): JsonObject {
  const { cache_control: hint, ...rest } = message;
  if (hint === undefined || typeof rest.content !== "string") return message;
  return { ...rest, content: [{ type: "text", text: rest.content, cache_control: hint }] };
}

export const openrouter = openAIFamily({
  id: "openrouter",
  name: "OpenRouter",
  speaks: {
    "openai-chat": { path: "/chat/completions" },
    "openai-embeddings": OPENAI_UNITS["openai-embeddings"],
  },
  headers,
  usage: openRouterUsage,
  prepare: (options) => ({ ...options, prompt: options.prompt.map(withCacheControl) }),
  languageModel: (settings, upstreamModel) =>
    chatModel("openrouter", { ...settings, headers }, upstreamModel, (body) => ({
      ...body,
      messages: (body.messages as JsonObject[]).map(cachedInPart),
    })),
  classify: openAIErrors(({ code, message }) => {
    if (code === "403" && /moderation|flagged/i.test(message)) return "content_policy";
    return /maximum context length/i.test(message) ? "context_length" : (CLASS_BY_CODE[code ?? ""] ?? null);
  }),
  testCredential: ({ baseUrl, secret }) => ({ url: `${baseUrl}/key`, headers: headers(secret) }),
  balance: {
    // answered to some keys only
    request: ({ baseUrl, secret }) => ({ url: `${baseUrl}/credits`, headers: headers(secret) }),
    read: (body) => {
      const { total_credits: bought, total_usage: used } = (body as { data?: Record<string, unknown> }).data ?? {};
      if (typeof bought !== "number" || typeof used !== "number") return null;
      return { amount: (bought - used).toFixed(4), unit: "USD" };
    },
  },
});
