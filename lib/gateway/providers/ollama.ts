import { chatModel, openAIFamily } from "@/lib/gateway/providers/openai-family";
import { bearer } from "@/lib/gateway/providers/openai-wire";
import { ollamaUsage } from "@/lib/gateway/usage/ollama";

/** A key is used only where somebody put a proxy in front. */
const headers = (secret: Record<string, string>): Record<string, string> => (secret.apiKey ? bearer(secret) : {});

/** The base URL is the server's root: chat is served below `/v1`, the model list below `/api`. */
export const ollama = openAIFamily({
  id: "ollama",
  name: "Ollama",
  needsCredential: false,
  speaks: {
    "openai-chat": { path: "/v1/chat/completions" },
    "openai-embeddings": { path: "/v1/embeddings" },
    "openai-completions": { path: "/v1/completions" },
  },
  headers,
  tokenLimitField: "max_tokens",
  developerAsSystem: true,
  usage: ollamaUsage,
  languageModel: (settings, upstreamModel) =>
    chatModel("ollama", { ...settings, headers, baseUrl: `${settings.baseUrl}/v1` }, upstreamModel),
  listModels: {
    request: ({ baseUrl, secret }) => ({ url: `${baseUrl}/api/tags`, headers: headers(secret) }),
    read: (body) => ((body as { models?: { name: string }[] }).models ?? []).map(({ name }) => ({ id: name })),
  },
});
