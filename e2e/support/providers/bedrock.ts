import { awsSignatureFault, type KeyPair } from "./aws-signature.ts";
import { eventStreamMessage } from "./event-stream.ts";
import { type Frame, type Framing, playBody, playStream, wholeText } from "./player.ts";
import { ANSWER_SCENARIOS, type Plan, parseScenario, planAnswer, retryHeaders } from "./scenario.ts";
import { type Exchange, type Simulator, type SimulatorOptions, sendHtml, startSimulator } from "./server.ts";
import { countPromptTokens } from "./words.ts";

const DEFAULT_LIMIT = 4_096;
const SIGNATURE = "EqQBCgIYAhIMc2ltdWxhdGVkIHNpZ25hdHVyZQ==";
const CALL = /^\/model\/([^/]+)\/(converse|converse-stream)$/;

const INVOKE = /^\/model\/([^/]+)\/invoke$/;

/** The key pair that signs for this simulator. */
export const SIMULATED_KEY_PAIR: KeyPair = {
  accessKeyId: "AKIASIMULATED0000001",
  secretAccessKey: "simulated/secret+access/key",
};

/** Bedrock's wire: `converse`, `converse-stream` as a binary event stream, and the list of foundation models. Requests are
 *  signed with `SIMULATED_KEY_PAIR` (which is verified) or carry a bearer key; one that contains `bad` is refused, one that
 *  contains `broke` has no access. */
export function startBedrockSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  return startSimulator({ idPrefix: "bedrock-", basePath: "", read: readPath, answer }, options);
}

function readPath(path: string): { model: string; stream: boolean } {
  const [, model = "", verb] = CALL.exec(path) ?? [];
  return { model: decodeURIComponent(model), stream: verb === "converse-stream" };
}

async function answer(exchange: Exchange): Promise<void> {
  const { request, response, record } = exchange;
  response.setHeader("x-amzn-requestid", record.id);
  const fault = credentialFault(exchange);
  if (fault)
    return refuse(exchange, 403, fault, MESSAGES[fault] ?? "The security token included in the request is invalid.");
  if (record.path === "/foundation-models" && request.method === "GET") return sendModels(exchange);
  if (record.path === "/rerank" && request.method === "POST") return rank(exchange);
  const embedded = INVOKE.exec(record.path)?.[1];
  if (embedded && request.method === "POST") return embed(exchange, decodeURIComponent(embedded));
  if (!CALL.test(record.path) || request.method !== "POST")
    return refuse(exchange, 404, "UnknownOperationException", "The requested operation is not recognized.");
  if (!record.body) return refuse(exchange, 400, "SerializationException", "The request is not JSON.");
  const invalid = faultOf(record.body as ConverseRequest);
  if (invalid) return refuse(exchange, 400, "ValidationException", invalid);
  await converse(exchange, record.body as ConverseRequest);
}

type RerankRequest = {
  sources?: { inlineDocumentSource: { textDocument: { text: string } } }[];
  rerankingConfiguration?: { bedrockRerankingConfiguration?: { numberOfResults?: number } };
};

/** The longest documents first. */
function rank({ response, record }: Exchange): void {
  const { sources = [], rerankingConfiguration } = (record.body ?? {}) as RerankRequest;
  const most = rerankingConfiguration?.bedrockRerankingConfiguration?.numberOfResults ?? sources.length;
  const results = sources
    .map(({ inlineDocumentSource: { textDocument } }, index) => ({
      index,
      relevanceScore: textDocument.text.length / 100,
    }))
    .sort((a, b) => b.relevanceScore - a.relevanceScore)
    .slice(0, most);
  record.status = 200;
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ results }));
}

/** Titan: one text a call, its dimensions one of three. */
function embed(exchange: Exchange, model: string): void {
  const { response, record } = exchange;
  const { inputText, dimensions = 1_024 } = (record.body ?? {}) as { inputText?: string; dimensions?: number };
  if (typeof inputText !== "string" || ![256, 512, 1_024].includes(dimensions))
    return refuse(exchange, 400, "ValidationException", "Malformed input request.");
  record.model = model;
  // a text that fails whenever it comes, or the first time only
  const failure = /^(error|flaky)=(\d+)/.exec(inputText);
  const isFirst = exchange.truth.requests.filter(({ bodyText }) => bodyText === record.bodyText).length === 1;
  if (failure && (failure[1] === "error" || isFirst)) {
    const { status, type, message } = errorFor(failure[2] ?? "500");
    return refuse(exchange, status, type, message);
  }
  record.status = 200;
  const inputTextTokenCount = inputText.split(" ").length;
  record.usage.input = inputTextTokenCount;
  const embedding = Array.from({ length: dimensions }, (_, at) => (at === 0 ? inputText.length : 0.5));
  response
    .writeHead(200, { "content-type": "application/json" })
    .end(JSON.stringify({ embedding, inputTextTokenCount }));
}

const MESSAGES: Record<string, string> = {
  AccessDeniedException: "You don't have access to the model with the specified model ID.",
  InvalidSignatureException: "The request signature we calculated does not match the signature you provided.",
};

function credentialFault({ request, record }: Exchange): string | null {
  const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1];
  if (bearer?.includes("bad")) return "UnrecognizedClientException";
  if (bearer?.includes("broke")) return "AccessDeniedException";
  if (bearer) return null;
  const { path, bodyText: body, headers } = record;
  return awsSignatureFault({ method: request.method ?? "", path, headers, body }, SIMULATED_KEY_PAIR);
}

type Block = { text?: string; toolUse?: { toolUseId: string }; toolResult?: { toolUseId: string } };
type ConverseRequest = {
  messages?: { role: string; content: Block[] }[];
  system?: Block[];
  inferenceConfig?: { maxTokens?: number };
};

/** What the real service refuses before any model runs. */
function faultOf({ messages, system = [] }: ConverseRequest): string | null {
  if (!messages?.length) return "The value at messages is empty.";
  if (messages[0]?.role !== "user") return "A conversation must start with a user message.";
  const blocks = [...messages.flatMap(({ content }) => content), ...system];
  if (blocks.some(({ text }) => text !== undefined && text.trim() === ""))
    return "The text field in the ContentBlock object is blank.";
  for (const [index, { role, content }] of messages.entries()) {
    if (content.length === 0) return `The content field at messages.${index} is empty.`;
    if (messages[index - 1]?.role === role) return "Roles must alternate between user and assistant.";
    const calls = content.flatMap(({ toolUse }) => (toolUse ? [toolUse.toolUseId] : []));
    if (new Set(calls).size < calls.length) return "Tool use ids must be unique.";
    const answered = messages[index + 1]?.content.flatMap(({ toolResult }) =>
      toolResult ? [toolResult.toolUseId] : [],
    );
    if (calls.some((id) => !answered?.includes(id))) return "Expected toolResult blocks for every toolUse.";
  }
  return null;
}

async function converse(exchange: Exchange, body: ConverseRequest): Promise<void> {
  const { response, record, earlierCalls } = exchange;
  const scenario = parseScenario(record.model);
  if (scenario.name === "never") return;
  if (scenario.name === "html-502") return sendHtml(exchange, 502, "<html></html>");
  const flaky = scenario.name === "flaky" && earlierCalls < Number(scenario.options.times ?? 1);
  const error =
    scenario.name === "flaky" ? (flaky ? errorFor(scenario.options.status ?? "503") : null) : errorScenario(scenario);
  if (error) return refuse(exchange, error.status, error.type, error.message, error.headers);

  const limit = body.inferenceConfig?.maxTokens ?? DEFAULT_LIMIT;
  const plan = planAnswer(scenario.name === "flaky" ? { ...scenario, name: "text" } : scenario, limit, record.bodyText);
  if (!plan) return refuse(exchange, 400, "ValidationException", "The provided model identifier is invalid.");
  const input = countPromptTokens(body.messages ?? [], body.system);
  const { cacheRead, cacheWrite, cacheWrite1h } = plan;
  record.usage = { input, cacheRead, cacheWrite, cacheWrite1h, output: 0, reasoning: 0 };
  record.status = 200;
  if (record.stream) {
    response.setHeader("content-type", "application/vnd.amazon.eventstream");
    const failure = {
      event: "exception:modelStreamErrorException",
      data: '{"message":"The model failed."}',
      tokens: 0,
    };
    return playStream(exchange, plan, streamFrames(exchange, plan, input), failure, BINARY);
  }
  const text = wholeText(plan);
  const output = text.length + plan.tools.reduce((sum, tool) => sum + tool.fragments.length + 1, 0);
  const content: unknown[] = [];
  if (plan.reasoning > 0) {
    const thoughts = Array(plan.reasoning).fill("think").join(" ");
    content.push({ reasoningContent: { reasoningText: { text: thoughts, signature: SIGNATURE } } });
  }
  if (text.length > 0) content.push({ text: text.join("") });
  plan.tools.forEach(({ name, fragments }, index) => {
    content.push({
      toolUse: { toolUseId: toolId(record.id, index), name, input: JSON.parse(fragments.join("") || "{}") },
    });
  });
  const answered = {
    metrics: { latencyMs: 7 },
    output: { message: { content, role: "assistant" } },
    stopReason: stopReason(plan),
    usage: usageOf(plan, input, output + plan.reasoning),
  };
  await playBody(exchange, plan, JSON.stringify(answered), { output, reasoning: plan.reasoning });
}

/** Frames carry their type in a header, and random padding in the payload. */
const BINARY: Framing = {
  render({ event = "", data }) {
    const [kind, type = ""] = event.startsWith("exception:") ? ["exception", event.slice(10)] : ["event", event];
    const payload = data.endsWith("}") && data !== "{}" ? `${data.slice(0, -1)},"p":"abcdefghij"}` : data;
    const headers = { [`:${kind}-type`]: type, ":content-type": "application/json", ":message-type": kind };
    return eventStreamMessage(headers, payload);
  },
  comment: null,
};

function* streamFrames({ record }: Exchange, plan: Plan, input: number): Generator<Frame> {
  const frame = (event: string, value: unknown, tokens = 0, more: Partial<Frame> = {}): Frame => ({
    event,
    data: JSON.stringify(value),
    tokens,
    ...more,
  });
  yield frame("messageStart", { role: "assistant" });
  let index = 0;
  // blocks of text and thoughts begin with their first delta
  const delta = (value: unknown, tokens: number, more: Partial<Frame> = {}) =>
    frame("contentBlockDelta", { contentBlockIndex: index, delta: value }, tokens, more);
  const stop = () => frame("contentBlockStop", { contentBlockIndex: index++ });
  if (plan.reasoning > 0) {
    for (let i = 0; i < plan.reasoning; i++)
      yield delta({ reasoningContent: { text: i === 0 ? "think" : " think" } }, 1, { reasoning: true });
    yield delta({ reasoningContent: { signature: SIGNATURE } }, 0);
    yield stop();
  }
  let open = false;
  for (const text of plan.text) {
    open = true;
    yield delta({ text }, 1);
  }
  if (open) yield stop();
  for (const [number, { name, fragments }] of plan.tools.entries()) {
    const start = { toolUse: { toolUseId: toolId(record.id, number), name } };
    yield frame("contentBlockStart", { contentBlockIndex: index, start }, 1);
    for (const fragment of fragments) yield delta({ toolUse: { input: fragment } }, 1);
    yield stop();
  }
  if (plan.sendFinish) yield frame("messageStop", { stopReason: stopReason(plan) });
  if (plan.usage !== "missing") {
    const usage = usageOf(plan, input, record.usage.output + record.usage.reasoning);
    yield frame("metadata", { usage, metrics: { latencyMs: 7 } }, 0, { usage: true });
  }
}

function usageOf(plan: Plan, input: number, output: number): Record<string, unknown> {
  if (plan.usage === "zero") return { inputTokens: 0, outputTokens: 0, totalTokens: 0 };
  if (plan.usage === "negative") return { inputTokens: -5, outputTokens: -7, totalTokens: -12 };
  if (plan.usage === "huge") return { inputTokens: input, outputTokens: 9e15, totalTokens: 9e15 };
  const written = plan.cacheWrite + plan.cacheWrite1h;
  return {
    inputTokens: input,
    outputTokens: output,
    totalTokens: input + output + plan.cacheRead + written,
    cacheReadInputTokens: plan.cacheRead,
    cacheWriteInputTokens: written,
    ...(written > 0 && {
      cacheDetails: [
        { ttl: "5m", inputTokens: plan.cacheWrite },
        { ttl: "1h", inputTokens: plan.cacheWrite1h },
      ],
    }),
  };
}

function stopReason({ finish }: Plan): string {
  return { stop: "end_turn", length: "max_tokens", tool_calls: "tool_use", refusal: "guardrail_intervened" }[finish];
}

function toolId(id: string, index: number): string {
  return `tooluse_${id.slice(-8)}${index}`;
}

function sendModels({ response, record }: Exchange): void {
  record.status = 200;
  const modelSummaries = ANSWER_SCENARIOS.map((modelId) => ({ modelId, modelName: `Simulated ${modelId}` }));
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ modelSummaries }));
}

function refuse(
  { response, record, truth }: Exchange,
  status: number,
  type: string,
  message: string,
  headers: Record<string, string> = {},
): void {
  const text = JSON.stringify({ message });
  record.status = status;
  record.outcome = "error";
  truth.keep(record, Buffer.from(text));
  response.writeHead(status, { "content-type": "application/json", "x-amzn-errortype": type, ...headers }).end(text);
}

type ErrorAnswer = { status: number; type: string; message: string; headers?: Record<string, string> };

function errorScenario({ name, options }: { name: string; options: Record<string, string> }): ErrorAnswer | null {
  if (name === "error") return errorFor(options.value ?? "500");
  const headers = retryHeaders({ name, options });
  if (headers) return { ...errorFor("429"), headers };
  if (name === "context-length")
    return { status: 400, type: "ValidationException", message: "Input is too long for requested model." };
  return null;
}

function errorFor(status: string): ErrorAnswer {
  const known: Record<string, [type: string, message: string]> = {
    400: ["ValidationException", "1 validation error detected: temperature must be at most 1"],
    401: ["UnrecognizedClientException", "The security token included in the request is invalid."],
    402: ["AccessDeniedException", "Your account has an invalid payment instrument."],
    403: ["AccessDeniedException", "You don't have access to the model with the specified model ID."],
    404: ["ResourceNotFoundException", "Model not found."],
    429: ["ThrottlingException", "Too many requests, please wait before trying again."],
    500: ["InternalServerException", "The system encountered an unexpected error."],
    503: ["ServiceUnavailableException", "Bedrock is unable to process your request."],
    504: ["ModelTimeoutException", "The model timed out."],
    529: ["ModelNotReadyException", "The model is not ready for inference."],
  };
  const [type, message] = known[status] ?? ["InternalServerException", "The system encountered an unexpected error."];
  return { status: Number(status), type, message };
}
