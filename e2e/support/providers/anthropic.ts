import { type Frame, playBody, playStream, wholeText } from "./player.ts";
import {
  ANSWER_SCENARIOS,
  type Plan,
  parseScenario,
  planAnswer,
  retryHeaders,
  searchesOf,
  TOKENS_PER_SEARCH,
} from "./scenario.ts";
import { type Exchange, type Simulator, type SimulatorOptions, sendHtml, startSimulator } from "./server.ts";
import { countPromptTokens } from "./words.ts";

/** Anthropic's wire: `/v1/messages` plain and streamed (event lines, pings), `/v1/models`. The model name chooses the scenario;
 *  a key that contains `bad` is refused as wrong, one that contains `broke` as out of credit. */
export function startAnthropicSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  return startSimulator({ idPrefix: "msg_", answer }, options);
}

async function answer(exchange: Exchange): Promise<void> {
  const { request, response, record } = exchange;
  for (const [name, value] of Object.entries(headersOf(record.id))) response.setHeader(name, value);
  const path = record.path.split("?")[0] as string;
  // Older SDKs send the key as x-api-key, newer ones as a bearer token.
  const key = request.headers["x-api-key"] ?? /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1];

  if (typeof key !== "string" || key === "")
    return refuse(exchange, 401, "authentication_error", "x-api-key header is required");
  if (key.includes("bad")) return refuse(exchange, 401, "authentication_error", "invalid x-api-key");
  if (key.includes("broke"))
    return refuse(
      exchange,
      400,
      "invalid_request_error",
      "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.",
    );
  if (!request.headers["anthropic-version"])
    return refuse(exchange, 400, "invalid_request_error", "anthropic-version: header is required");
  if (path === "/v1/models" && request.method === "GET") return sendModels(exchange);
  if (path.startsWith("/v1/models/")) return sendJson(exchange, modelEntry(decodeURIComponent(path.slice(11))));
  if (path === "/v1/messages/count_tokens") return countTokens(exchange);
  if (path !== "/v1/messages") return refuse(exchange, 404, "not_found_error", "Not Found");
  if (request.method !== "POST") return refuse(exchange, 405, "invalid_request_error", "Method Not Allowed");

  const { body } = record;
  if (!body)
    return refuse(
      exchange,
      400,
      "invalid_request_error",
      "The request body is not valid JSON: expected value at line 1 column 1 (char 0)",
    );
  if (!record.model) return refuse(exchange, 400, "invalid_request_error", "model: Field required");
  if (typeof body.max_tokens !== "number")
    return refuse(exchange, 400, "invalid_request_error", "max_tokens: Field required");
  if (!Array.isArray(body.messages) || body.messages.length === 0)
    return refuse(exchange, 400, "invalid_request_error", "messages: at least one message is required");
  await messages(exchange, body as MessagesRequest);
}

/** What its documentation lists; everything else is an extra input. */
const COUNTED = ["model", "messages", "system", "tools", "tool_choice", "thinking", "output_config", "cache_control"];

function countTokens(exchange: Exchange): void {
  const { body, model } = exchange.record;
  const extra = Object.keys(body ?? {}).find((name) => !COUNTED.includes(name));
  if (extra) return refuse(exchange, 400, "invalid_request_error", `${extra}: Extra inputs are not permitted`);
  const error = errorScenario(parseScenario(model), model);
  if (error) return refuse(exchange, error.status, error.type, error.message, error.headers);
  exchange.record.status = 200;
  sendJson(exchange, { input_tokens: countPromptTokens((body?.messages ?? []) as unknown[], body?.system) });
}

type MessagesRequest = {
  model: string;
  messages: unknown[];
  system?: unknown;
  max_tokens: number;
  tools?: { type?: unknown; max_uses?: unknown }[];
};

async function messages(exchange: Exchange, body: MessagesRequest): Promise<void> {
  const { response, record, earlierCalls } = exchange;
  const scenario = parseScenario(record.model);
  if (scenario.name === "never") return;
  if (scenario.name === "html-502") return sendHtml(exchange, 502, HTML_502);
  const flaky = scenario.name === "flaky" && earlierCalls < Number(scenario.options.times ?? 1);
  const error =
    scenario.name === "flaky"
      ? flaky
        ? errorFor(scenario.options.status ?? "529", record.model)
        : null
      : errorScenario(scenario, record.model);
  if (error) return refuse(exchange, error.status, error.type, error.message, error.headers);

  const plan = planAnswer(
    scenario.name === "flaky" ? { ...scenario, name: "text" } : scenario,
    body.max_tokens,
    record.bodyText,
  );
  if (!plan) return refuse(exchange, 404, "not_found_error", `model: ${record.model}`);
  const search = body.tools?.find(({ type }) => String(type).startsWith("web_search_"));
  record.searches = searchesOf(plan, search !== undefined, search?.max_uses);
  const input = countPromptTokens(body.messages, body.system) + record.searches * TOKENS_PER_SEARCH;
  record.usage = {
    input,
    cacheRead: plan.cacheRead,
    cacheWrite: plan.cacheWrite,
    cacheWrite1h: plan.cacheWrite1h,
    output: 0,
    reasoning: 0,
  };
  record.status = 200;
  if (record.stream) {
    response.setHeader("content-type", "text/event-stream; charset=utf-8");
    const failure = { type: "error", error: { type: "overloaded_error", message: "Overloaded" } };
    return playStream(exchange, plan, streamFrames(exchange, plan, input), {
      event: "error",
      data: JSON.stringify(failure),
      tokens: 0,
    });
  }
  const text = wholeText(plan);
  const output = text.length + plan.tools.reduce((sum, tool) => sum + tool.fragments.length + 1, 0);
  const content: unknown[] = [];
  if (plan.reasoning > 0)
    content.push({ type: "thinking", thinking: Array(plan.reasoning).fill("think").join(" "), signature: SIGNATURE });
  for (let number = 0; number < record.searches; number++) content.push(...searchBlocks(record.id, number));
  if (text.length > 0) content.push({ type: "text", text: text.join("") });
  for (const [index, tool] of plan.tools.entries())
    content.push({
      type: "tool_use",
      id: toolId(record.id, index),
      name: tool.name,
      input: JSON.parse(tool.fragments.join("") || "{}"),
    });
  const { output_tokens, ...inputUsage } = usageOf(plan, input, output + plan.reasoning);
  await playBody(
    exchange,
    plan,
    JSON.stringify({
      id: record.id,
      type: "message",
      role: "assistant",
      model: record.model,
      content,
      stop_reason: stopReason(plan),
      stop_sequence: null,
      ...(plan.usage !== "missing" && {
        usage: { ...inputUsage, output_tokens, ...searchUsage(record.searches), service_tier: "standard" },
      }),
    }),
    { output, reasoning: plan.reasoning },
  );
}

function* streamFrames({ record }: Exchange, plan: Plan, input: number): Generator<Frame> {
  const frame = (type: string, value: Record<string, unknown>, tokens = 0, extra: Partial<Frame> = {}): Frame => ({
    event: type,
    data: JSON.stringify({ type, ...value }),
    tokens,
    ...extra,
  });
  const reported = plan.usage !== "missing";
  const { output_tokens: _none, ...inputUsage } = usageOf(plan, input, 0);
  yield frame("message_start", {
    message: {
      id: record.id,
      type: "message",
      role: "assistant",
      model: record.model,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      ...(reported && { usage: { ...inputUsage, output_tokens: 1, service_tier: "standard" } }),
    },
  });
  yield frame("ping", {});

  let index = 0;
  if (plan.reasoning > 0) {
    yield frame("content_block_start", { index, content_block: { type: "thinking", thinking: "", signature: "" } });
    for (let i = 0; i < plan.reasoning; i++)
      yield frame(
        "content_block_delta",
        { index, delta: { type: "thinking_delta", thinking: i === 0 ? "think" : " think" } },
        1,
        { reasoning: true },
      );
    yield frame("content_block_delta", { index, delta: { type: "signature_delta", signature: SIGNATURE } });
    yield frame("content_block_stop", { index });
    index++;
  }
  for (let number = 0; number < record.searches; number++) {
    const [use, result] = searchBlocks(record.id, number);
    yield frame("content_block_start", { index, content_block: { ...use, input: {} } });
    const partial_json = JSON.stringify(use.input);
    yield frame("content_block_delta", { index, delta: { type: "input_json_delta", partial_json } });
    yield frame("content_block_stop", { index: index++ });
    yield frame("content_block_start", { index, content_block: result });
    yield frame("content_block_stop", { index: index++ });
  }
  let open = false;
  for (const text of plan.text) {
    if (!open) yield frame("content_block_start", { index, content_block: { type: "text", text: "" } });
    open = true;
    yield frame("content_block_delta", { index, delta: { type: "text_delta", text } }, 1);
  }
  if (open) yield frame("content_block_stop", { index: index++ });
  for (const [number, tool] of plan.tools.entries()) {
    yield frame(
      "content_block_start",
      { index, content_block: { type: "tool_use", id: toolId(record.id, number), name: tool.name, input: {} } },
      1,
    );
    yield frame("content_block_delta", { index, delta: { type: "input_json_delta", partial_json: "" } });
    for (const fragment of tool.fragments)
      yield frame("content_block_delta", { index, delta: { type: "input_json_delta", partial_json: fragment } }, 1);
    yield frame("content_block_stop", { index: index++ });
  }
  if (plan.sendFinish) {
    const usage = {
      ...usageOf(plan, input, record.usage.output + record.usage.reasoning),
      ...searchUsage(record.searches),
    };
    yield frame(
      "message_delta",
      { delta: { stop_reason: stopReason(plan), stop_sequence: null }, ...(reported && { usage }) },
      0,
      { usage: reported },
    );
  }
  if (plan.sendDone) yield frame("message_stop", {});
}

function usageOf(plan: Plan, input: number, output: number): Record<string, unknown> {
  if (plan.usage === "zero")
    return { input_tokens: 0, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 0 };
  if (plan.usage === "negative")
    return { input_tokens: -5, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: -7 };
  if (plan.usage === "huge")
    return { input_tokens: input, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 9e15 };
  if (plan.usage === "text") return { input_tokens: "many", output_tokens: "some" };
  return {
    input_tokens: input,
    cache_creation_input_tokens: plan.cacheWrite + plan.cacheWrite1h,
    cache_read_input_tokens: plan.cacheRead,
    cache_creation: { ephemeral_5m_input_tokens: plan.cacheWrite, ephemeral_1h_input_tokens: plan.cacheWrite1h },
    output_tokens: output,
  };
}

function searchUsage(searches: number): object {
  return searches === 0 ? {} : { server_tool_use: { web_search_requests: searches, web_fetch_requests: 0 } };
}

function searchBlocks(id: string, number: number) {
  const call = `srvtoolu_${id.slice(-8)}${number}`;
  const found = { type: "web_search_result", url: "https://example.com/", title: "Example", page_age: null };
  return [
    { type: "server_tool_use", id: call, name: "web_search", input: { query: "words" } },
    { type: "web_search_tool_result", tool_use_id: call, content: [{ ...found, encrypted_content: "EqgfCioI" }] },
  ] as const;
}

function stopReason({ finish }: Plan): string {
  return { stop: "end_turn", length: "max_tokens", tool_calls: "tool_use", refusal: "refusal" }[finish];
}

function toolId(id: string, index: number): string {
  return `toolu_${id.slice(-8)}${index}`;
}

function modelEntry(id: string) {
  return { type: "model", id, display_name: `Simulated ${id}`, created_at: "2025-06-15T00:00:00Z" };
}

function sendModels(exchange: Exchange): void {
  const data = ANSWER_SCENARIOS.map(modelEntry);
  sendJson(exchange, { data, has_more: false, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null });
}

function sendJson({ response, record }: Exchange, body: unknown): void {
  record.status = 200;
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function refuse(
  { response, record, truth }: Exchange,
  status: number,
  type: string,
  message: string,
  headers: Record<string, string> = {},
): void {
  const text = JSON.stringify({ type: "error", error: { type, message }, request_id: requestId(record.id) });
  record.status = status;
  record.outcome = "error";
  truth.keep(record, Buffer.from(text));
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(text);
}

type ErrorAnswer = { status: number; type: string; message: string; headers: Record<string, string> };

function errorScenario(
  { name, options }: { name: string; options: Record<string, string> },
  model: string,
): ErrorAnswer | null {
  if (name === "error") return errorFor(options.value ?? "500", model);
  const headers = retryHeaders({ name, options });
  if (headers) return { ...errorFor("429", model), headers };
  if (name === "context-length")
    return {
      status: 400,
      type: "invalid_request_error",
      message: "prompt is too long: 210013 tokens > 200000 maximum",
      headers: {},
    };
  if (name === "content-policy")
    return {
      status: 400,
      type: "invalid_request_error",
      message: "Output blocked by content filtering policy",
      headers: {},
    };
  return null;
}

function errorFor(status: string, model: string): ErrorAnswer {
  const known: Record<string, [type: string, message: string]> = {
    400: ["invalid_request_error", "temperature: range: 0..1"],
    401: ["authentication_error", "invalid x-api-key"],
    402: ["billing_error", "Your account has been disabled because of a failed payment."],
    403: ["permission_error", "Your API key does not have permission to use the specified resource."],
    404: ["not_found_error", `model: ${model}`],
    413: ["request_too_large", "Request exceeds the maximum size"],
    429: [
      "rate_limit_error",
      "This request would exceed your organization's rate limit of 50,000 input tokens per minute.",
    ],
    500: ["api_error", "Internal server error"],
    503: ["api_error", "Service unavailable"],
    504: ["timeout_error", "Request timed out"],
    529: ["overloaded_error", "Overloaded"],
  };
  const [type, message] = known[status] ?? ["api_error", "Internal server error"];
  return { status: Number(status), type, message, headers: {} };
}

const SIGNATURE = "EqQBCgIYAhIMc2ltdWxhdGVkIHNpZ25hdHVyZQ==";
const HTML_502 =
  "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n";

function requestId(id: string): string {
  return `req_${id.slice(4)}`;
}

function headersOf(id: string): Record<string, string | string[]> {
  return {
    "request-id": requestId(id),
    "anthropic-organization-id": "0d6a4f1e-0000-4000-8000-000000000000",
    "anthropic-ratelimit-requests-limit": "4000",
    "anthropic-ratelimit-requests-remaining": "3999",
    "anthropic-ratelimit-requests-reset": "2026-01-01T00:00:00Z",
    "anthropic-ratelimit-tokens-limit": "400000",
    "anthropic-ratelimit-tokens-remaining": "399000",
    "anthropic-ratelimit-tokens-reset": "2026-01-01T00:00:00Z",
    "set-cookie": ["_cfuvid=simulated; path=/; HttpOnly; Secure"],
    server: "cloudflare",
  };
}
