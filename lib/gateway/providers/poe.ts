import { openAIFamily } from "@/lib/gateway/providers/openai-family";
import { bearer, openAIErrors } from "@/lib/gateway/providers/openai-wire";

export const poe = openAIFamily({
  id: "poe",
  name: "Poe",
  classify: openAIErrors(({ type, status }) => {
    if (type === "moderation_error") return "content_policy";
    if (type === "insufficient_credits") return "auth";
    return type === "overloaded_error" && status !== 429 ? "overloaded" : null;
  }),
  testCredential: ({ baseUrl, secret }) => ({
    url: new URL("/usage/current_balance", baseUrl).href,
    headers: bearer(secret),
  }),
});
