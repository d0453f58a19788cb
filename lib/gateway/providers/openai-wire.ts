import type { FailedResponse, FailureClass, ModelList, UpstreamFailure } from "@/lib/gateway/providers/define";
import { retryAfterMs, spokenWaitMs } from "@/lib/gateway/providers/retry-after";

/** What an error body of the OpenAI wire says; null where it says nothing. `code` may be a number. */
export type WireError = {
  status: number;
  message: string;
  code: string | null;
  type: string | null;
  param: string | null;
  /** Of the upstream's own upstream, as OpenRouter repeats them. */
  headers: Record<string, string>;
};

/** `{error:{message,type,param,code}}` and its usual relatives (`{error:"text"}`, plain text, HTML). */
export const classifyOpenAIError = openAIErrors();

/** A classifier of OpenAI-shaped errors; `own` decides first, for what a provider says in its own words. */
export function openAIErrors(
  own: (error: WireError) => FailureClass | null = () => null,
): (failure: FailedResponse) => UpstreamFailure {
  return (failure) => {
    const error = readErrorBody(failure);
    return {
      class: own(error) ?? classOf(error),
      status: failure.status,
      message: error.message,
      param: error.param,
      retryAfterMs: retryAfterMs({ ...error.headers, ...failure.headers }) ?? spokenWaitMs(error.message),
    };
  };
}

export const openAIModelList: ModelList = {
  request: ({ baseUrl, secret }) => ({ url: `${baseUrl}/models`, headers: bearer(secret) }),
  read: (body) =>
    ((body as { data?: { id: string; name?: unknown }[] }).data ?? []).map(({ id, name }) => ({
      id,
      ...(typeof name === "string" && { name }),
    })),
};

/** What OpenAI answers in one piece, at the paths where others answer it too. */
export const OPENAI_UNITS = {
  "openai-embeddings": { path: "/embeddings" },
  "openai-images": { path: "/images/generations" },
  "openai-image-edits": { path: "/images/edits" },
  "openai-speech": { path: "/audio/speech" },
  "openai-transcriptions": { path: "/audio/transcriptions" },
  "openai-translations": { path: "/audio/translations" },
  "openai-moderations": { path: "/moderations" },
} as const;

export function bearer(secret: Record<string, string>): Record<string, string> {
  return { authorization: `Bearer ${secret.apiKey}` };
}

function classOf({ status, code, message }: WireError): FailureClass {
  if (
    code === "context_length_exceeded" ||
    /max(imum)? (context|prompt|allowed input) length|context window|context too large/i.test(message)
  )
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

function readErrorBody({ status, body }: FailedResponse): WireError {
  const nothing = { status, code: null, type: null, param: null, headers: {} };
  try {
    const { error, code: outer } = JSON.parse(body) as { error?: unknown; code?: unknown };
    if (typeof error === "string") return { ...nothing, message: error, code: text(outer) };
    const { message, code, type, param, metadata } = (error ?? {}) as Record<string, unknown>;
    const { headers } = (metadata ?? {}) as { headers?: Record<string, unknown> };
    return {
      status,
      message: text(message) ?? "The provider returned an error.",
      code: typeof code === "number" ? String(code) : text(code),
      type: text(type),
      param: text(param),
      headers: Object.fromEntries(
        Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), String(value)]),
      ),
    };
  } catch {
    return { ...nothing, message: "The provider returned an error that is not JSON." };
  }
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
