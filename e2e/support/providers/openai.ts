import { complete } from "./openai-completions.ts";
import {
  type ErrorBody,
  errorFor,
  errorScenario,
  HTML_502,
  MISSING_KEY,
  modelMissing,
  NO_QUOTA,
  SERVER_ERROR,
  WRONG_KEY,
} from "./openai-errors.ts";
import { FLAVOURS, type Flavour, type FlavourName } from "./openai-flavours.ts";
import { respond } from "./openai-responses.ts";
import { answerUnit, UNITS } from "./openai-units.ts";
import { type Frame, playBody, playStream, wholeText } from "./player.ts";
import { ANSWER_SCENARIOS, PICTURE, type Plan, parseScenario, planAnswer, servedTier } from "./scenario.ts";
import { type Exchange, type Simulator, type SimulatorOptions, sendHtml, startSimulator } from "./server.ts";
import { countPromptTokens } from "./words.ts";

const CREATED = 1_750_000_000;
const DEFAULT_LIMIT = 16_384;

/** OpenAI's wire: `/v1/chat/completions` plain and streamed, `/v1/models`. The model name chooses the scenario; a key that
 *  contains `bad` is refused as wrong, one that contains `broke` as out of quota. */
export function startOpenAISimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  return startFamilySimulator("openai", options);
}

/** The same wire as other providers speak it. */
export function startFamilySimulator(name: FlavourName, options: SimulatorOptions = {}): Promise<Simulator> {
  const flavour = FLAVOURS[name];
  return startSimulator(
    { idPrefix: "chatcmpl-", basePath: flavour.basePath, answer: (exchange) => answer({ ...exchange, flavour }) },
    options,
  );
}

type FamilyExchange = Exchange & { flavour: Flavour };

async function answer(exchange: FamilyExchange): Promise<void> {
  const { request, response, record, flavour } = exchange;
  for (const [name, value] of Object.entries(headersOf(record.id))) response.setHeader(name, value);
  const path = record.path.split("?")[0] as string;
  const key = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1];

  if (flavour.answers?.[path] && !key?.includes("bad")) return sendJson(exchange, flavour.answers[path]);
  if (!key && !flavour.isOpen) return refuse(exchange, 401, MISSING_KEY);
  if (key?.includes("bad"))
    return refuse(exchange, 401, {
      ...WRONG_KEY,
      message: `Incorrect API key provided: ${key.slice(0, 6)}****. ${WRONG_KEY.message}`,
    });
  if (key?.includes("broke")) return refuse(exchange, flavour.brokeStatus ?? 429, NO_QUOTA);
  if (path === `${flavour.root}/models` && request.method === "GET")
    return sendJson(exchange, { object: "list", data: ANSWER_SCENARIOS.map(modelEntry) });
  if (path.startsWith(`${flavour.root}/models/`))
    return sendJson(exchange, modelEntry(decodeURIComponent(path.slice(flavour.root.length + 8))));
  if (path === `${flavour.root}/responses` && request.method === "POST")
    return respond(exchange, (status, error, headers) => refuse(exchange, status, error, headers));
  if (path === `${flavour.root}/completions` && request.method === "POST")
    return complete(exchange, (status, error, headers) => refuse(exchange, status, error, headers));
  const unit = path.slice(flavour.root.length);
  if (unit in UNITS && request.method === "POST")
    return answerUnit(exchange, unit, (status, error, headers) => refuse(exchange, status, error, headers));
  if (path !== `${flavour.root}/chat/completions`)
    return refuse(exchange, 404, {
      message: `Invalid URL (${request.method} ${path})`,
      type: "invalid_request_error",
      param: null,
      code: null,
    });
  if (request.method !== "POST")
    return refuse(exchange, 405, {
      message: `Not allowed to ${request.method} on ${path}. (HINT: Perhaps you meant to use a different HTTP method?)`,
      type: "invalid_request_error",
      param: null,
      code: "method_not_supported",
    });

  const { body } = record;
  if (!body)
    return refuse(exchange, 400, {
      message: "We could not parse the JSON body of your request.",
      type: "invalid_request_error",
      param: null,
      code: null,
    });
  if (!record.model)
    return refuse(exchange, 400, {
      message: "you must provide a model parameter",
      type: "invalid_request_error",
      param: null,
      code: null,
    });
  if (!Array.isArray(body.messages))
    return refuse(exchange, 400, {
      message: "Missing required parameter: 'messages'.",
      type: "invalid_request_error",
      param: "messages",
      code: "missing_required_parameter",
    });
  const unknown = flavour.isStrict ? unknownIn(body as ChatRequest) : null;
  if (unknown)
    return refuse(exchange, 400, {
      message: `${unknown}: unknown`,
      type: "invalid_request_error",
      param: unknown,
      code: null,
    });
  await chat(exchange, body as ChatRequest);
}

type ChatRequest = {
  model: string;
  messages: unknown[];
  n?: number | null;
  max_tokens?: number | null;
  max_completion_tokens?: number | null;
  stream_options?: { include_usage?: boolean } | null;
};

/** What older servers of this wire have not heard of. */
function unknownIn({ messages, max_completion_tokens }: ChatRequest): string | null {
  if (max_completion_tokens !== undefined) return "max_completion_tokens";
  return messages.some((message) => (message as { role?: unknown } | null)?.role === "developer") ? "developer" : null;
}

async function chat(exchange: FamilyExchange, body: ChatRequest): Promise<void> {
  const { response, record, earlierCalls, flavour } = exchange;
  const scenario = parseScenario(record.model);
  if (scenario.name === "never") return;
  if (scenario.name === "html-502") return sendHtml(exchange, 502, HTML_502);
  const flaky = scenario.name === "flaky" && earlierCalls < Number(scenario.options.times ?? 1);
  const error =
    scenario.name === "flaky"
      ? flaky
        ? errorFor(scenario.options.status ?? "500", record.model)
        : null
      : errorScenario(scenario, record.model, flavour.contextLength);
  if (error) {
    const delayMs = Number(scenario.options.ms ?? 0);
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    return refuse(exchange, error.status, error.body, error.headers);
  }

  const plan = planAnswer(
    scenario.name === "flaky" ? { ...scenario, name: "text" } : scenario,
    body.max_completion_tokens ?? body.max_tokens ?? DEFAULT_LIMIT,
    record.bodyText,
  );
  if (!plan) return refuse(exchange, 404, modelMissing(record.model));
  const promptTokens = countPromptTokens(body.messages);
  record.usage = {
    input: promptTokens,
    cacheRead: plan.cacheRead,
    cacheWrite: plan.cacheWrite,
    cacheWrite1h: 0,
    output: 0,
    reasoning: 0,
  };
  record.status = 200;
  if (record.stream) {
    response.setHeader("content-type", "text/event-stream; charset=utf-8");
    if (flavour.keepAlive) plan.preamble = flavour.keepAlive;
    return playStream(exchange, plan, streamFrames(exchange, plan, body, promptTokens), {
      data: JSON.stringify(flavour.midStreamError ?? { error: SERVER_ERROR }),
      tokens: 0,
    });
  }
  const choices = Math.max(1, body.n ?? 1);
  const text = wholeText(plan);
  const toolTokens = plan.tools.reduce((sum, tool) => sum + tool.fragments.length + 1, 0);
  const output = (text.length + toolTokens) * choices;
  const completion = {
    id: record.id,
    object: "chat.completion",
    created: CREATED,
    model: record.model,
    choices: Array.from({ length: choices }, (_, index) => ({
      index,
      message: message(flavour, plan, text.join(""), record.id),
      logprobs: null,
      finish_reason: finishReason(plan),
    })),
    ...(plan.usage !== "missing" && { usage: usageOf(flavour, plan, promptTokens, output, plan.reasoning) }),
    ...flavour.envelope,
    service_tier: servedTier(plan, record.body?.service_tier),
    system_fingerprint: "fp_simulated01",
  };
  // an answer that waits in a queue is kept alive with blank lines
  const queued = flavour.keepAlive ? "\n\n" : "";
  await playBody(exchange, plan, queued + JSON.stringify(completion, null, 2), { output, reasoning: plan.reasoning });
}

function* streamFrames(
  { record, flavour }: FamilyExchange,
  plan: Plan,
  body: ChatRequest,
  promptTokens: number,
): Generator<Frame> {
  const choices = Math.max(1, body.n ?? 1);
  const wantsUsage = body.stream_options?.include_usage === true && plan.usage !== "missing";
  const cumulative = (tokens = 0, reasoning = false) =>
    usageOf(
      flavour,
      plan,
      promptTokens,
      record.usage.output + (reasoning ? 0 : tokens),
      record.usage.reasoning + (reasoning ? tokens : 0),
    );
  const chunk = (choice: Record<string, unknown> | null, usage: unknown) =>
    JSON.stringify({
      id: record.id,
      object: "chat.completion.chunk",
      created: CREATED,
      model: record.model,
      service_tier: servedTier(plan, record.body?.service_tier),
      system_fingerprint: "fp_simulated01",
      ...flavour.envelope,
      choices: choice ? [choice] : [],
      ...(usage !== undefined && { usage }),
    });
  const every = plan.usage === "every-chunk";
  const delta = (index: number, value: Record<string, unknown>, tokens: number, reasoning = false): Frame => ({
    data: chunk(
      flavour.bareDeltas ? { index, delta: value } : { index, delta: value, logprobs: null, finish_reason: null },
      every ? cumulative(tokens, reasoning) : wantsUsage ? null : undefined,
    ),
    tokens,
    reasoning,
    usage: every,
  });

  for (let index = 0; index < choices; index++)
    yield delta(index, { role: "assistant", content: plan.tools.length ? null : "", refusal: null }, 0);
  for (let i = 0; i < plan.reasoning; i++) yield delta(0, flavour.reasoning(i === 0 ? "think" : " think"), 1, true);
  for (const token of plan.text)
    for (let index = 0; index < choices; index++)
      yield delta(index, plan.refusal ? { refusal: token } : { content: token }, 1);
  if (plan.images > 0) yield delta(0, { images: pictures(plan) }, 0);
  for (const [at, tool] of plan.tools.entries()) {
    const index = at + plan.firstToolIndex;
    const id = callId(record.id, at);
    if (!plan.toolDeltas) {
      const called = { name: tool.name, arguments: tool.fragments.join("") };
      yield delta(0, { tool_calls: [{ index, id, type: "function", function: called }] }, tool.fragments.length + 1);
      continue;
    }
    yield delta(
      0,
      {
        tool_calls: [{ index, id, type: "function", function: { name: tool.name, arguments: "" } }],
      },
      1,
    );
    for (const fragment of tool.fragments)
      yield delta(0, { tool_calls: [{ index, function: { arguments: fragment } }] }, 1);
    if (tool.fragments.length === 0) yield delta(0, { tool_calls: [{ index, function: { arguments: "{}" } }] }, 0);
  }
  const onFinish = plan.usage === "finish-chunk" || (wantsUsage && !every && flavour.usageOnFinish === true);
  if (plan.sendFinish)
    for (let index = 0; index < choices; index++)
      yield {
        data: chunk(
          { index, delta: {}, logprobs: null, finish_reason: finishReason(plan) },
          onFinish || every ? cumulative() : wantsUsage ? null : undefined,
        ),
        tokens: 0,
        usage: onFinish || every,
      };
  if (wantsUsage && !onFinish && !every) yield { data: chunk(null, cumulative()), tokens: 0, usage: true };
  if (plan.sendDone) yield { data: "[DONE]", tokens: 0 };
}

function message(flavour: Flavour, plan: Plan, text: string, id: string): Record<string, unknown> {
  return {
    role: "assistant",
    content: plan.refusal || (plan.tools.length > 0 && text === "") ? null : text,
    ...(plan.reasoning > 0 && flavour.reasoning(Array(plan.reasoning).fill("think").join(" "))),
    ...(plan.tools.length > 0 && {
      tool_calls: plan.tools.map((tool, index) => ({
        id: callId(id, index),
        type: "function",
        function: { name: tool.name, arguments: tool.fragments.join("") || "{}" },
      })),
    }),
    ...(plan.images > 0 && { images: pictures(plan) }),
    refusal: plan.refusal ? text : null,
    annotations: [],
  };
}

function usageOf(
  flavour: Flavour,
  plan: Plan,
  promptTokens: number,
  output: number,
  reasoning: number,
): Record<string, unknown> {
  if (plan.usage === "zero") return { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };
  if (plan.usage === "negative") return { prompt_tokens: -5, completion_tokens: -7, total_tokens: -12 };
  if (plan.usage === "huge") return { prompt_tokens: promptTokens, completion_tokens: 9e15, total_tokens: 9e15 };
  if (plan.usage === "text") return { prompt_tokens: "many", completion_tokens: "some", total_tokens: "lots" };
  const prompt = promptTokens + plan.cacheRead + plan.cacheWrite;
  return flavour.usage({
    prompt_tokens: prompt,
    completion_tokens: output + reasoning,
    total_tokens: prompt + output + reasoning,
    prompt_tokens_details: {
      cached_tokens: plan.cacheRead,
      audio_tokens: 0,
      ...(plan.cacheWrite > 0 && { cache_write_tokens: plan.cacheWrite }),
    },
    completion_tokens_details: {
      reasoning_tokens: reasoning,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  });
}

/** As OpenRouter hands out what a model paints. */
function pictures({ images }: Plan): unknown[] {
  return Array.from({ length: images }, (_, index) => ({
    ...{ type: "image_url", index, image_url: { url: `data:image/png;base64,${PICTURE}` } },
  }));
}

function finishReason({ finish }: Plan): string {
  return finish === "refusal" ? "stop" : finish;
}

function callId(id: string, index: number): string {
  return `call_${id.slice(-8)}${index}`;
}

function modelEntry(id: string) {
  return { id, object: "model", created: CREATED, owned_by: "simulator" };
}

function sendJson({ response, record }: Exchange, body: unknown): void {
  record.status = 200;
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body, null, 2));
}

function refuse(
  { response, record, truth, flavour }: FamilyExchange,
  status: number,
  error: ErrorBody,
  headers: Record<string, string> = {},
): void {
  const text = JSON.stringify(flavour.error(status, error), null, 2);
  record.status = status;
  record.outcome = "error";
  truth.keep(record, Buffer.from(text));
  response.writeHead(status, { "content-type": "application/json; charset=utf-8", ...headers }).end(text);
}

function headersOf(id: string): Record<string, string | string[]> {
  return {
    "x-request-id": `req_${id.slice(9)}`,
    "openai-organization": "org-simulated",
    "openai-processing-ms": "7",
    "openai-version": "2020-10-01",
    "x-ratelimit-limit-requests": "10000",
    "x-ratelimit-limit-tokens": "30000000",
    "x-ratelimit-remaining-requests": "9999",
    "x-ratelimit-remaining-tokens": "29999980",
    "x-ratelimit-reset-requests": "6ms",
    "x-ratelimit-reset-tokens": "0s",
    "set-cookie": ["__cf_bm=simulated; path=/; HttpOnly; Secure"],
    server: "cloudflare",
  };
}
