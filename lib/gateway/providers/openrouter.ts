import type { FailureClass } from "@/lib/gateway/providers/define";
import { openAIFamily } from "@/lib/gateway/providers/openai-family";
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

export const openrouter = openAIFamily({
  id: "openrouter",
  name: "OpenRouter",
  speaks: {
    "openai-chat": { path: "/chat/completions" },
    "openai-embeddings": OPENAI_UNITS["openai-embeddings"],
  },
  headers,
  usage: openRouterUsage,
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
