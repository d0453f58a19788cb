import { openAIFamily } from "@/lib/gateway/providers/openai-family";
import { OPENAI_UNITS, openAIErrors } from "@/lib/gateway/providers/openai-wire";

/** Volcengine Ark. A model is a model id or an inference endpoint (`ep-…`). */
export const doubao = openAIFamily({
  id: "doubao",
  name: "Doubao (Volcengine Ark)",
  speaks: {
    "openai-chat": { path: "/chat/completions" },
    "openai-embeddings": OPENAI_UNITS["openai-embeddings"],
    "openai-images": OPENAI_UNITS["openai-images"],
  },
  developerAsSystem: true,
  // docs.byteplus.com/docs/Byteplus_LAS/Chat_API, which also says that models that think take none
  maxStopSequences: 4,
  classify: openAIErrors(({ code, message }) => {
    if (/SensitiveContent|RiskDetection/i.test(code ?? "")) return "content_policy";
    if (code === "ServerOverloaded") return "overloaded";
    // the free quota, or the operator's own cap, is used up
    if (code === "QuotaExceeded" || code === "AccountOverdueError" || code === "SetLimitExceeded") return "auth";
    return /exceed(s|ed)? (the )?max(imum)? (message tokens|length|context)/i.test(message) ? "context_length" : null;
  }),
});
