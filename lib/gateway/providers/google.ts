import { type LanguageModelV4CallOptions, UnsupportedFunctionalityError } from "@ai-sdk/provider";
import {
  defineProvider,
  type FailedResponse,
  type FailureClass,
  type SdkSettings,
  type Secret,
  type UpstreamFailure,
} from "@/lib/gateway/providers/define";
import { retryAfterMs, spokenWaitMs } from "@/lib/gateway/providers/retry-after";
import { geminiUsage } from "@/lib/gateway/usage/gemini";

/** Gemini's own API (not Vertex AI). */
export const google = defineProvider({
  id: "google",
  name: "Google Gemini",
  needsCredential: true,
  speaks: {},
  headers: headersOf,
  usage: geminiUsage,
  classify: classifyGoogleError,
  languageModel: async (settings, upstreamModel) => (await moduleOf(settings))(upstreamModel),
  embeddingModel: async (settings, upstreamModel) => (await moduleOf(settings)).embedding(upstreamModel),
  imageModel: async (settings, upstreamModel) => {
    // the module fails as if the network did
    if (!upstreamModel.startsWith("gemini-"))
      throw new UnsupportedFunctionalityError({ functionality: `images by ${upstreamModel}` });
    return (await moduleOf(settings)).image(upstreamModel);
  },
  speechModel: async (settings, upstreamModel) => (await moduleOf(settings)).speech(upstreamModel),
  reasoningStreams: "if-asked",
  answersWithImages: true,
  hears: true,
  maxStopSequences: 5,
  prepare,
  listModels: {
    request: ({ baseUrl, secret }) => ({ url: `${baseUrl}/models?pageSize=1000`, headers: headersOf(secret) }),
    read: (body) =>
      ((body as { models?: { name: string; displayName?: string }[] }).models ?? []).map(({ name, displayName }) => ({
        id: name.replace(/^models\//, ""),
        ...(displayName && { name: displayName }),
      })),
  },
});

/** Only some models take a budget of tokens, and none beyond this. */
const BUDGETED = /gemini-2\.5/;
const MAX_BUDGET_TOKENS = 24_576;

function prepare(options: LanguageModelV4CallOptions, upstreamModel: string): LanguageModelV4CallOptions {
  const { thinkingConfig, ...own } = options.providerOptions?.google ?? {};
  const { thinkingBudget: budget } = (thinkingConfig ?? {}) as { thinkingBudget?: number };
  // thoughts are hidden unless asked for, and models that do not think refuse to be asked
  const asked = options.reasoning !== undefined &&
    options.reasoning !== "none" && {
      includeThoughts: true,
      ...(budget !== undefined &&
        BUDGETED.test(upstreamModel) && { thinkingBudget: Math.min(budget, MAX_BUDGET_TOKENS) }),
    };
  return {
    ...options,
    providerOptions: { ...options.providerOptions, google: { ...own, ...(asked && { thinkingConfig: asked }) } },
  };
}

async function moduleOf({ secret, baseUrl, fetch }: SdkSettings) {
  const { createGoogle } = await import("@ai-sdk/google");
  return createGoogle({ apiKey: secret.apiKey ?? "", baseURL: baseUrl, fetch });
}

function headersOf(secret: Secret): Record<string, string> {
  return { "x-goog-api-key": secret.apiKey ?? "" };
}

function classifyGoogleError(failure: FailedResponse): UpstreamFailure {
  const error = readErrorBody(failure.body);
  const status = error.code ?? failure.status;
  return {
    class: classOf({ ...error, status }),
    status,
    message: error.message,
    param: null,
    retryAfterMs: error.retryDelayMs ?? retryAfterMs(failure.headers) ?? spokenWaitMs(error.message),
  };
}

type GoogleError = { message: string; name: string; reasons: string[] };

function classOf({ status, message, name, reasons }: GoogleError & { status: number }): FailureClass {
  // a wrong key is a 400
  if (reasons.includes("API_KEY_INVALID") || /api key (not valid|expired)/i.test(message)) return "auth";
  if (/exceeds the maximum number of tokens/i.test(message)) return "context_length";
  // the account's country or its missing billing
  if (name === "FAILED_PRECONDITION") return "auth";
  if (status === 401 || status === 402 || status === 403) return "auth";
  if (status === 429) return "rate_limited";
  if (status === 503 || status === 529) return "overloaded";
  if (status === 408 || status === 504) return "timeout";
  // a model that is not there is the operator's configuration: another offer may serve it
  if (status >= 500 || status === 404 || status === 405 || status < 400) return "server";
  return "invalid_request";
}

/** `{error:{code,message,status,details[]}}`; an error inside a stream comes as the module read it. */
function readErrorBody(body: string): GoogleError & { code: number | null; retryDelayMs: number | null } {
  try {
    const parsed = JSON.parse(body) as unknown;
    const { error } = (Array.isArray(parsed) ? parsed[0] : parsed) as { error?: GoogleErrorBody };
    const details = error?.details ?? error?.data?.details ?? [];
    const delay = details.find((detail) => detail.retryDelay)?.retryDelay;
    return {
      message: error?.message ?? "The provider returned an error.",
      name: error?.status ?? error?.type ?? "",
      code: typeof error?.code === "number" ? error.code : null,
      reasons: details.flatMap(({ reason }) => (reason ? [reason] : [])),
      retryDelayMs: delay ? Math.ceil(Number.parseFloat(delay) * 1000) : null,
    };
  } catch {
    const message = "The provider returned an error that is not JSON.";
    return { message, name: "", code: null, reasons: [], retryDelayMs: null };
  }
}

type GoogleErrorBody = {
  message?: string;
  code?: number;
  status?: string;
  type?: string;
  details?: { reason?: string; retryDelay?: string }[];
  data?: { details?: { reason?: string; retryDelay?: string }[] };
};
