import { openAIFamily } from "@/lib/gateway/providers/openai-family";

/** Any upstream that speaks the OpenAI chat wire, by base URL. */
export const openaiCompatible = openAIFamily({ id: "openai-compatible", name: "OpenAI-compatible" });
