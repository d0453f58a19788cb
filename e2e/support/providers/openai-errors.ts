import { retryHeaders, type Scenario } from "./scenario.ts";

/** OpenAI's errors in its own words. */
export type ErrorBody = { message: string; type: string; param: string | null; code: string | null };

export type Refuse = (status: number, error: ErrorBody, headers?: Record<string, string>) => void;

/** `contextLength` is how the provider says that a prompt is too long. */
export function errorScenario(
  { name, options }: Pick<Scenario, "name" | "options">,
  model: string,
  contextLength = TOO_LONG,
) {
  if (name === "error") return errorFor(options.value ?? "500", model);
  const headers = retryHeaders({ name, options });
  if (headers) return { ...errorFor("429", model), headers };
  if (name === "quota") return { status: 429, body: NO_QUOTA, headers: {} };
  if (name === "context-length") return { status: 400, headers: {}, body: contextLength };
  if (name === "content-policy")
    return {
      status: 400,
      headers: {},
      body: {
        message: "Your request was rejected as a result of our safety system.",
        type: "invalid_request_error",
        param: null,
        code: "content_policy_violation",
      },
    };
  return null;
}

export function errorFor(
  status: string,
  model: string,
): { status: number; body: ErrorBody; headers: Record<string, string> } {
  const bodies: Record<string, ErrorBody> = {
    400: {
      message: "Invalid value for 'temperature': must be between 0 and 2.",
      type: "invalid_request_error",
      param: "temperature",
      code: "invalid_value",
    },
    401: { ...WRONG_KEY, message: `Incorrect API key provided: sk-sim****. ${WRONG_KEY.message}` },
    402: { message: "Insufficient Balance", type: "unknown_error", param: null, code: "invalid_request_error" },
    403: {
      message: "Country, region, or territory not supported",
      type: "request_forbidden",
      param: null,
      code: "unsupported_country_region_territory",
    },
    404: modelMissing(model),
    429: {
      message: `Rate limit reached for ${model} in organization org-simulated on tokens per min (TPM): Limit 30000, Used 29000, Requested 2000. Please try again in 2s.`,
      type: "tokens",
      param: null,
      code: "rate_limit_exceeded",
    },
    500: SERVER_ERROR,
    503: {
      message: "That model is currently overloaded with other requests. You can retry your request.",
      type: "server_error",
      param: null,
      code: null,
    },
    529: {
      message: "The engine is currently overloaded, please try again later",
      type: "server_error",
      param: null,
      code: "overloaded",
    },
  };
  return { status: Number(status), body: bodies[status] ?? SERVER_ERROR, headers: {} };
}

export function modelMissing(model: string): ErrorBody {
  return {
    message: `The model \`${model}\` does not exist or you do not have access to it.`,
    type: "invalid_request_error",
    param: null,
    code: "model_not_found",
  };
}

export const TOO_LONG: ErrorBody = {
  message:
    "This model's maximum context length is 128000 tokens. However, your messages resulted in 130013 tokens. Please reduce the length of the messages.",
  type: "invalid_request_error",
  param: "messages",
  code: "context_length_exceeded",
};
export const MISSING_KEY: ErrorBody = {
  message:
    "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth.",
  type: "invalid_request_error",
  param: null,
  code: null,
};
export const WRONG_KEY: ErrorBody = {
  message: "You can find your API key at https://platform.openai.com/account/api-keys.",
  type: "invalid_request_error",
  param: null,
  code: "invalid_api_key",
};
export const NO_QUOTA: ErrorBody = {
  message: "You exceeded your current quota, please check your plan and billing details.",
  type: "insufficient_quota",
  param: null,
  code: "insufficient_quota",
};
export const SERVER_ERROR: ErrorBody = {
  message: "The server had an error while processing your request. Sorry about that!",
  type: "server_error",
  param: null,
  code: null,
};
export const HTML_502 =
  "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n";
