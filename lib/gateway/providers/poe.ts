import type { UpstreamTarget } from "@/lib/gateway/providers/define";
import { openAIFamily } from "@/lib/gateway/providers/openai-family";
import { bearer, openAIErrors } from "@/lib/gateway/providers/openai-wire";

const askBalance = ({ baseUrl, secret }: UpstreamTarget) => ({
  url: new URL("/usage/current_balance", baseUrl).href,
  headers: bearer(secret),
});

export const poe = openAIFamily({
  id: "poe",
  name: "Poe",
  classify: openAIErrors(({ type, status }) => {
    if (type === "moderation_error") return "content_policy";
    if (type === "insufficient_credits") return "auth";
    return type === "overloaded_error" && status !== 429 ? "overloaded" : null;
  }),
  testCredential: askBalance,
  balance: {
    request: askBalance,
    read: (body) => {
      const { current_point_balance: points } = body as { current_point_balance?: unknown };
      return typeof points === "number" ? { amount: String(points), unit: "points" } : null;
    },
  },
});
