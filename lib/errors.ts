/** Every refusal the product gives, one line each: HTTP status, OpenAI `type`, Anthropic `type`, and whether a stock SDK
 *  should try again (`x-should-retry`). The key is the public `code` unless `code` says otherwise. */
type ErrorRow = { status: number; type: string; anthropic: string; retry: boolean; code?: string | null };

export const ERRORS = {
  invalid_json: {
    status: 400,
    type: "invalid_request_error",
    anthropic: "invalid_request_error",
    retry: false,
    code: null,
  },
  invalid_request: {
    status: 400,
    type: "invalid_request_error",
    anthropic: "invalid_request_error",
    retry: false,
    code: null,
  },
  invalid_type: { status: 400, type: "invalid_request_error", anthropic: "invalid_request_error", retry: false },
  unsupported_parameter: {
    status: 400,
    type: "invalid_request_error",
    anthropic: "invalid_request_error",
    retry: false,
  },
  unsupported_value: { status: 400, type: "invalid_request_error", anthropic: "invalid_request_error", retry: false },
  context_length_exceeded: {
    status: 400,
    type: "invalid_request_error",
    anthropic: "invalid_request_error",
    retry: false,
  },
  content_policy_violation: {
    status: 400,
    type: "invalid_request_error",
    anthropic: "invalid_request_error",
    retry: false,
  },
  model_not_priced: { status: 400, type: "invalid_request_error", anthropic: "invalid_request_error", retry: false },
  invalid_code: { status: 400, type: "invalid_request_error", anthropic: "invalid_request_error", retry: false },
  invalid_api_key: { status: 401, type: "invalid_request_error", anthropic: "authentication_error", retry: false },
  unauthenticated: { status: 401, type: "invalid_request_error", anthropic: "authentication_error", retry: false },
  invalid_credentials: { status: 401, type: "invalid_request_error", anthropic: "authentication_error", retry: false },
  insufficient_quota: { status: 402, type: "insufficient_quota", anthropic: "billing_error", retry: false },
  budget_exceeded: { status: 402, type: "insufficient_quota", anthropic: "billing_error", retry: false },
  forbidden: { status: 403, type: "permission_error", anthropic: "permission_error", retry: false },
  key_disabled: { status: 403, type: "permission_error", anthropic: "permission_error", retry: false },
  ip_not_allowed: { status: 403, type: "permission_error", anthropic: "permission_error", retry: false },
  model_not_allowed: { status: 403, type: "permission_error", anthropic: "permission_error", retry: false },
  wallet_frozen: { status: 403, type: "permission_error", anthropic: "permission_error", retry: false },
  org_suspended: { status: 403, type: "permission_error", anthropic: "permission_error", retry: false },
  not_found: { status: 404, type: "invalid_request_error", anthropic: "not_found_error", retry: false },
  model_not_found: { status: 404, type: "invalid_request_error", anthropic: "not_found_error", retry: false },
  unknown_url: { status: 404, type: "invalid_request_error", anthropic: "not_found_error", retry: false },
  method_not_allowed: { status: 405, type: "invalid_request_error", anthropic: "invalid_request_error", retry: false },
  conflict: { status: 409, type: "invalid_request_error", anthropic: "invalid_request_error", retry: false },
  idempotency_in_flight: {
    status: 409,
    type: "invalid_request_error",
    anthropic: "invalid_request_error",
    retry: true,
  },
  idempotency_replay_unavailable: {
    status: 409,
    type: "invalid_request_error",
    anthropic: "invalid_request_error",
    retry: false,
  },
  idempotency_mismatch: {
    status: 422,
    type: "invalid_request_error",
    anthropic: "invalid_request_error",
    retry: false,
  },
  request_too_large: { status: 413, type: "invalid_request_error", anthropic: "request_too_large", retry: false },
  unsupported_media_type: {
    status: 415,
    type: "invalid_request_error",
    anthropic: "invalid_request_error",
    retry: false,
  },
  upgrade_required: { status: 426, type: "invalid_request_error", anthropic: "invalid_request_error", retry: false },
  rate_limit_exceeded: { status: 429, type: "rate_limit_error", anthropic: "rate_limit_error", retry: true },
  concurrency_limit_exceeded: { status: 429, type: "rate_limit_error", anthropic: "rate_limit_error", retry: true },
  tpm_too_large: { status: 429, type: "rate_limit_error", anthropic: "rate_limit_error", retry: false },
  internal_error: { status: 500, type: "server_error", anthropic: "api_error", retry: false },
  upstream_error: { status: 502, type: "server_error", anthropic: "api_error", retry: false },
  unavailable: { status: 503, type: "server_error", anthropic: "api_error", retry: true },
  overloaded: { status: 503, type: "server_error", anthropic: "overloaded_error", retry: true },
  provider_unavailable: { status: 503, type: "server_error", anthropic: "api_error", retry: false },
  upstream_timeout: { status: 504, type: "server_error", anthropic: "timeout_error", retry: false },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;

/** The limit that refused a call; money as decimal USD strings, counts as numbers. */
export type LimitDetails = {
  rule: string;
  scope: string;
  limit: string | number;
  used: string | number;
  reset_at: string | null;
};

export type ErrorDetails = {
  param?: string;
  limit?: LimitDetails;
  retryAfterMs?: number;
  /** Overrides the table's `x-should-retry`. */
  retry?: boolean;
  headers?: Record<string, string>;
  /** Never shown. */
  cause?: unknown;
};

/** A refusal with a message that is safe to show to the caller; `cause` is not. */
export class AppError extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly details: ErrorDetails = {},
  ) {
    super(message, { cause: details.cause });
    this.name = "AppError";
  }
  get status(): number {
    return ERRORS[this.code].status;
  }
}

/** The `code` a client sees; some rows publish null. */
export function publicCode(code: ErrorCode): string | null {
  const row: ErrorRow = ERRORS[code];
  return row.code === undefined ? code : row.code;
}

/** Anything thrown -> AppError. What is not ours becomes internal_error with nothing of it in the message. */
export function asAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  return new AppError("internal_error", "The hub had an internal error. You were not charged for this call.", {
    cause: error,
  });
}

/** The OpenAI error body: all four keys always present; ours add `limit` on 402 and 429. */
export function openAIErrorBody(error: AppError): { error: Record<string, unknown> } {
  return {
    error: {
      message: error.message,
      type: ERRORS[error.code].type,
      param: error.details.param ?? null,
      code: publicCode(error.code),
      ...(error.details.limit && { limit: error.details.limit }),
    },
  };
}

/** `x-should-retry` always; `retry-after` and `retry-after-ms` where the wait is known. */
export function errorHeaders(error: AppError): Record<string, string> {
  const { retryAfterMs, retry = ERRORS[error.code].retry, headers } = error.details;
  return {
    "x-should-retry": String(retry),
    ...(retryAfterMs !== undefined && {
      "retry-after": String(Math.max(1, Math.ceil(retryAfterMs / 1000))),
      "retry-after-ms": String(Math.ceil(retryAfterMs)),
    }),
    ...headers,
  };
}
