import type { Usage } from "@/lib/billing/usage";
import type {
  FailedResponse,
  FailureClass,
  ProviderDefinition,
  ReadUsage,
  UpstreamFailure,
} from "@/lib/gateway/providers/define";
import { retryAfterMs } from "@/lib/gateway/providers/retry-after";

/** Usage of the OpenAI chat wire: `prompt_tokens` includes cached, written and audio tokens, `completion_tokens` includes
 *  reasoning and audio. */
export const openAIUsage: ReadUsage = (raw) => {
  const usage = raw as OpenAIUsage | null | undefined;
  const completion = usage?.completion_tokens ?? 0;
  if (typeof usage?.prompt_tokens !== "number" || typeof completion !== "number") return null;
  const cacheRead = count(usage.prompt_tokens_details?.cached_tokens);
  const cacheWrite = count(usage.prompt_tokens_details?.cache_write_tokens);
  const audioInput = count(usage.prompt_tokens_details?.audio_tokens);
  const reasoning = count(usage.completion_tokens_details?.reasoning_tokens);
  const audioOutput = count(usage.completion_tokens_details?.audio_tokens);
  const normalised: Usage = {
    input: usage.prompt_tokens - cacheRead - cacheWrite - audioInput,
    output: completion - reasoning - audioOutput,
  };
  if (cacheRead) normalised.cacheRead = cacheRead;
  if (cacheWrite) normalised.cacheWrite = cacheWrite;
  if (audioInput) normalised.audioInput = audioInput;
  if (reasoning) normalised.reasoning = reasoning;
  if (audioOutput) normalised.audioOutput = audioOutput;
  return normalised;
};

type OpenAIUsage = {
  prompt_tokens?: number;
  completion_tokens?: number;
  prompt_tokens_details?: {
    cached_tokens?: number | null;
    cache_write_tokens?: number | null;
    audio_tokens?: number | null;
  } | null;
  completion_tokens_details?: { reasoning_tokens?: number | null; audio_tokens?: number | null } | null;
};

/** `{error:{message,type,param,code}}` and its usual relatives (`{error:"text"}`, plain text, HTML). */
export function classifyOpenAIError(failure: FailedResponse): UpstreamFailure {
  const { message, code, param } = readErrorBody(failure.body);
  return {
    class: classOf(failure.status, code, message),
    status: failure.status,
    message,
    param,
    retryAfterMs: retryAfterMs(failure.headers),
  };
}

export const openAIModelList: ProviderDefinition["listModels"] = {
  path: "/models",
  read: (body) => ((body as { data?: { id: string }[] }).data ?? []).map(({ id }) => ({ id })),
};

export function bearer(secret: Record<string, string>): Record<string, string> {
  return { authorization: `Bearer ${secret.apiKey}` };
}

function classOf(status: number, code: string | null, message: string): FailureClass {
  if (code === "context_length_exceeded" || /maximum context length|context window/i.test(message))
    return "context_length";
  if (code === "content_policy_violation" || code === "content_filter") return "content_policy";
  // A spent account is the credential's trouble, not the tenant's rate limit.
  if (status === 401 || status === 402 || status === 403 || code === "insufficient_quota" || code === "invalid_api_key")
    return "auth";
  if (status === 429) return "rate_limited";
  if (status === 503 || status === 529) return "overloaded";
  if (status === 408 || status === 504) return "timeout";
  // A model the credential cannot see, or a base URL that leads elsewhere, is the operator's configuration: another offer
  // may serve it.
  if (status >= 500 || status === 404 || status === 405 || status < 400) return "server";
  return "invalid_request";
}

function readErrorBody(body: string): { message: string; code: string | null; param: string | null } {
  try {
    const { error } = JSON.parse(body) as { error?: unknown };
    if (typeof error === "string") return { message: error, code: null, param: null };
    const { message, code, param } = (error ?? {}) as Record<string, unknown>;
    return { message: text(message) ?? "The provider returned an error.", code: text(code), param: text(param) };
  } catch {
    return { message: "The provider returned an error that is not JSON.", code: null, param: null };
  }
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function count(value: number | null | undefined): number {
  return typeof value === "number" ? value : 0;
}
