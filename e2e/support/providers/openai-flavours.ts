import { type ErrorBody, TOO_LONG } from "./openai-errors.ts";

/** How a provider's chat completions differ from OpenAI's own. */
export type Flavour = {
  basePath: string;
  /** Where `/chat/completions` and `/models` are, as a path of the host. */
  root: string;
  error(status: number, error: ErrorBody): unknown;
  /** A prompt that is too long. */
  contextLength: ErrorBody;
  midStreamError?: unknown;
  reasoning(text: string): Record<string, unknown>;
  /** Knows neither the developer role nor `max_completion_tokens`, and says so. */
  isStrict?: boolean;
  usage(openai: OpenAIUsage): Record<string, unknown>;
  usageOnFinish?: boolean;
  /** Deltas carry neither finish_reason nor logprobs. */
  bareDeltas?: boolean;
  keepAlive?: string;
  /** Needs no key. */
  isOpen?: boolean;
  /** Status of an account without money. */
  brokeStatus?: number;
  /** Further fields of every answer and chunk. */
  envelope?: Record<string, unknown>;
  /** Other paths that are served, the same for everybody whose key is not wrong. */
  answers?: Record<string, unknown>;
};

export type FlavourName = keyof typeof FLAVOURS;

type OpenAIUsage = {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  prompt_tokens_details: { cached_tokens: number; [name: string]: number };
  completion_tokens_details: { reasoning_tokens: number; [name: string]: number };
};

/** A prompt that is too long, where only the words tell. */
function tooLong(message: string): ErrorBody {
  return { message, type: "invalid_request_error", param: null, code: null };
}

const OPENAI: Flavour = {
  basePath: "/v1",
  root: "/v1",
  error: (_status, error) => ({ error }),
  contextLength: TOO_LONG,
  reasoning: (text) => ({ reasoning_content: text }),
  usage: (usage) => usage,
};

const ARK_CODES: Record<number, string> = {
  400: "InvalidParameter",
  401: "AuthenticationError",
  403: "AccountOverdueError",
  404: "InvalidEndpointOrModel.NotFound",
  429: "RateLimitExceeded.EndpointRPMExceeded",
  500: "InternalServiceError",
  503: "ServerOverloaded",
};

const POE_TYPES: Record<number, string> = {
  400: "invalid_request_error",
  401: "authentication_error",
  402: "insufficient_credits",
  403: "moderation_error",
  404: "not_found_error",
  429: "rate_limit_error",
  500: "provider_error",
  529: "overloaded_error",
};

export const FLAVOURS = {
  openai: OPENAI,
  deepseek: {
    ...OPENAI,
    basePath: "",
    root: "",
    isStrict: true,
    brokeStatus: 402,
    contextLength: tooLong(
      "This model's maximum context length is 131072 tokens. However, you requested 135013 tokens (130917 in the messages, 4096 in the completion). Please reduce the length of the messages or completion.",
    ),
    keepAlive: ": keep-alive",
    usageOnFinish: true,
    answers: {
      "/user/balance": {
        is_available: true,
        balance_infos: [
          { currency: "CNY", total_balance: "110.00", granted_balance: "10.00", topped_up_balance: "100.00" },
        ],
      },
    },
    usage: (usage) => ({
      ...usage,
      prompt_cache_hit_tokens: usage.prompt_tokens_details.cached_tokens,
      prompt_cache_miss_tokens: usage.prompt_tokens - usage.prompt_tokens_details.cached_tokens,
    }),
  },
  xai: {
    ...OPENAI,
    bareDeltas: true,
    brokeStatus: 403,
    contextLength: tooLong("This model's maximum prompt length is 131072 but the request contains 136973 tokens."),
    error: (_status, { message, code }) => ({ code: code ?? "Client specified an invalid argument", error: message }),
    midStreamError: { code: "internal_error", error: "The service failed." },
    usage: (usage) => ({
      ...usage,
      completion_tokens: usage.completion_tokens - usage.completion_tokens_details.reasoning_tokens,
      num_sources_used: 0,
      cost_in_usd_ticks: 1_234_500,
    }),
  },
  openrouter: {
    ...OPENAI,
    basePath: "/api/v1",
    root: "/api/v1",
    brokeStatus: 402,
    contextLength: tooLong(
      "This endpoint's maximum context length is 131072 tokens. However, you requested about 135013 tokens (130917 of text input, 4096 in the output). Please reduce the length of either one.",
    ),
    keepAlive: ": OPENROUTER PROCESSING",
    envelope: { provider: "Simulated" },
    error: (status, { message }) => ({ error: { code: status, message, metadata: { provider_name: "Simulated" } } }),
    midStreamError: {
      id: "gen-1",
      object: "chat.completion.chunk",
      error: { code: 502, message: "Provider disconnected" },
      choices: [{ index: 0, delta: { content: "" }, finish_reason: "error" }],
    },
    reasoning: (text) => ({ reasoning: text, reasoning_details: [{ type: "reasoning.text", text, index: 0 }] }),
    usage: (usage) => ({ ...usage, cost: 0.0042, is_byok: false, cost_details: { upstream_inference_cost: 0.004 } }),
    answers: {
      "/api/v1/key": { data: { label: "sk-or-v1-sim", usage: 0, limit: null } },
      "/api/v1/credits": { data: { total_credits: 100.5, total_usage: 25.75 } },
    },
  },
  ollama: {
    ...OPENAI,
    basePath: "",
    contextLength: tooLong("prompt too long; exceeded max context length by 1024 tokens"),
    isOpen: true,
    isStrict: true,
    error: (_status, { message }) => ({ error: message }),
    midStreamError: { error: "llama runner process has terminated" },
    reasoning: (text) => ({ reasoning: text }),
    usage: ({ prompt_tokens, completion_tokens, total_tokens }) => ({ prompt_tokens, completion_tokens, total_tokens }),
    answers: { "/api/tags": { models: [{ name: "llama3.2:latest", model: "llama3.2:latest", size: 2_019_393_189 }] } },
  },
  doubao: {
    ...OPENAI,
    basePath: "/api/v3",
    root: "/api/v3",
    brokeStatus: 403,
    contextLength: tooLong("Total tokens of image and text exceed max message tokens."),
    error: (status, { message, param }) => ({
      error: { code: ARK_CODES[status] ?? "InternalServiceError", message, param: param ?? "", type: "Simulated" },
    }),
  },
  poe: {
    ...OPENAI,
    brokeStatus: 402,
    error: (status, { message }) => ({ error: { message, type: POE_TYPES[status] ?? "provider_error", code: status } }),
    answers: { "/usage/current_balance": { current_point_balance: 1_500 } },
  },
} satisfies Record<string, Flavour>;
