import {
  defineProvider,
  type FailedResponse,
  type FailureClass,
  type Secret,
  type UpstreamFailure,
} from "@/lib/gateway/providers/define";
import { retryAfterMs, spokenWaitMs } from "@/lib/gateway/providers/retry-after";
import { withinLimit } from "@/lib/gateway/providers/thinking-limit";
import { anthropicMessagesUsage } from "@/lib/gateway/usage/anthropic-messages";

export const anthropic = defineProvider({
  id: "anthropic",
  name: "Anthropic",
  needsCredential: true,
  toolFiles: true,
  needsLimit: true,
  speaks: {
    "anthropic-messages": {
      path: "/messages",
      countPath: "/messages/count_tokens",
      hosts: ["web_search", "web_fetch"],
    },
  },
  headers: headersOf,
  usage: anthropicMessagesUsage,
  classify: classifyAnthropicError,
  languageModel: async ({ secret, baseUrl, fetch }, upstreamModel) => {
    const { createAnthropic } = await import("@ai-sdk/anthropic");
    const model = createAnthropic({ apiKey: secret.apiKey ?? "", baseURL: baseUrl, fetch })(upstreamModel);
    return withinLimit(model, { provider: "anthropic", option: "thinking" });
  },
  listModels: {
    request: ({ baseUrl, secret }) => ({ url: `${baseUrl}/models?limit=1000`, headers: headersOf(secret) }),
    read: (body) =>
      ((body as { data?: { id: string; display_name?: string }[] }).data ?? []).map(({ id, display_name }) => ({
        id,
        ...(display_name && { name: display_name }),
      })),
  },
});

function headersOf(secret: Secret): Record<string, string> {
  return { "x-api-key": secret.apiKey ?? "", "anthropic-version": "2023-06-01" };
}

function classifyAnthropicError(failure: FailedResponse): UpstreamFailure {
  const { type, message } = readErrorBody(failure.body);
  return {
    class: classOf(failure.status, type, message),
    status: failure.status,
    message,
    param: null,
    retryAfterMs: retryAfterMs(failure.headers) ?? spokenWaitMs(message),
  };
}

function classOf(status: number, type: string, message: string): FailureClass {
  if (/prompt is too long|exceed context limit/i.test(message)) return "context_length";
  // "Your credit balance is too low" arrives as a 400.
  if (/credit balance/i.test(message) || type === "billing_error") return "auth";
  if (status === 401 || status === 402 || status === 403) return "auth";
  if (status === 429 || type === "rate_limit_error") return "rate_limited";
  if (status === 529 || status === 503 || type === "overloaded_error") return "overloaded";
  if (status === 408 || status === 504 || type === "timeout_error") return "timeout";
  // A base URL that leads elsewhere is the operator's configuration: another offer may serve it.
  if (status >= 500 || status === 404 || status === 405 || status < 400 || type === "api_error") return "server";
  return "invalid_request";
}

function readErrorBody(body: string): { type: string; message: string } {
  try {
    const { error } = JSON.parse(body) as { error?: { type?: string; message?: string } };
    return { type: error?.type ?? "", message: error?.message ?? "The provider returned an error." };
  } catch {
    return { type: "", message: "The provider returned an error that is not JSON." };
  }
}
