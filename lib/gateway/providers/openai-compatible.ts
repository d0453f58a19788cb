import { openAIFamily } from "@/lib/gateway/providers/openai-family";
import { OPENAI_UNITS } from "@/lib/gateway/providers/openai-wire";

/** Any upstream that speaks the OpenAI chat wire, by base URL; what it does not serve of the rest it refuses itself. */
export const openaiCompatible = openAIFamily({
  id: "openai-compatible",
  name: "OpenAI-compatible",
  speaks: {
    "openai-chat": { path: "/chat/completions" },
    "openai-completions": { path: "/completions" },
    ...OPENAI_UNITS,
    rerank: { path: "/rerank" },
  },
});
