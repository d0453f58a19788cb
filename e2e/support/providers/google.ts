import { type Frame, playBody, playStream, wholeText } from "./player.ts";
import {
  ANSWER_SCENARIOS,
  PICTURE,
  type Plan,
  parseScenario,
  planAnswer,
  retryHeaders,
  type ToolCall,
} from "./scenario.ts";
import { type Exchange, type Simulator, type SimulatorOptions, sendHtml, startSimulator } from "./server.ts";
import { countPromptTokens } from "./words.ts";

const DEFAULT_LIMIT = 16_384;
const SIGNATURE = "CiQBVKhc7simulatedThoughtSignature==";
const CALL = /^\/v1beta\/models\/(.+):(generateContent|streamGenerateContent)$/;

const EMBED = /^\/v1beta\/models\/(.+):(embedContent|batchEmbedContents)$/;
const MAX_EMBEDDED = 100;

/** Gemini's wire: `:generateContent`, `:streamGenerateContent?alt=sse`, vectors and the model list below `/v1beta`. The model name in the
 *  path chooses the scenario; a key that contains `bad` is refused as wrong, one that contains `broke` as unpaid. */
export function startGoogleSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  return startSimulator({ idPrefix: "gemini-", basePath: "/v1beta", read: readPath, answer }, options);
}

function readPath(path: string): { model: string; stream: boolean } {
  const [, model = "", verb] = CALL.exec(path.split("?")[0] as string) ?? [];
  return { model: decodeURIComponent(model), stream: verb === "streamGenerateContent" };
}

async function answer(exchange: Exchange): Promise<void> {
  const { request, record } = exchange;
  const path = record.path.split("?")[0] as string;
  const key = request.headers["x-goog-api-key"];
  if (typeof key !== "string" || key === "")
    return refuse(exchange, 403, "PERMISSION_DENIED", "Method doesn't allow unregistered callers.");
  if (key.includes("bad"))
    return refuse(exchange, 400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", [
      { "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: "API_KEY_INVALID", domain: "googleapis.com" },
    ]);
  if (key.includes("broke"))
    return refuse(exchange, 400, "FAILED_PRECONDITION", "Please enable billing on project in Google AI Studio.");
  if (path === "/v1beta/models" && request.method === "GET") return sendModels(exchange);
  if (EMBED.test(path) && request.method === "POST") return embed(exchange);
  if (!CALL.test(path) || request.method !== "POST")
    return refuse(exchange, 404, "NOT_FOUND", `The requested URL ${path} was not found on this server.`);
  if (record.stream && !record.path.endsWith("?alt=sse"))
    return refuse(exchange, 400, "INVALID_ARGUMENT", "This simulator streams with alt=sse only.");

  const { body } = record;
  if (!body) return refuse(exchange, 400, "INVALID_ARGUMENT", "Invalid JSON payload received.");
  const fault = faultOf(body as GenerateRequest);
  if (fault) return refuse(exchange, 400, "INVALID_ARGUMENT", fault);
  await generate(exchange, body as GenerateRequest);
}

type Part = { text?: string; functionCall?: unknown; functionResponse?: unknown; inlineData?: { mimeType?: string } };
const PICTURE_PART = { inlineData: { mimeType: "image/png", data: PICTURE } };
/** 20 ms of silence at 24 kHz, as the speech models answer. */
const SOUND_PART = {
  inlineData: { mimeType: "audio/L16;codec=pcm;rate=24000", data: Buffer.alloc(960).toString("base64") },
};
const SOUND_TOKENS = 32;
/** Of one sound that is sent, however long. */
const HEARD_TOKENS = 64;
type GenerateRequest = {
  contents?: { role?: string; parts?: Part[] }[];
  systemInstruction?: { parts?: Part[] };
  generationConfig?: {
    maxOutputTokens?: number;
    stopSequences?: string[];
    thinkingConfig?: { includeThoughts?: boolean };
    responseModalities?: string[];
  };
};

/** What the real endpoint refuses before any model runs. */
function faultOf({ contents, generationConfig }: GenerateRequest): string | null {
  if ((generationConfig?.stopSequences?.length ?? 0) > 5)
    return "Unable to submit request because it has more than 5 stop sequences.";
  if (!contents?.length) return "* GenerateContentRequest.contents: contents is not specified";
  for (const [index, { role, parts }] of contents.entries()) {
    if (role !== "user" && role !== "model") return "Please use a valid role: user, model.";
    if (!parts?.length) return `* GenerateContentRequest.contents[${index}].parts: contents.parts must not be empty.`;
    if (parts.some(({ inlineData }) => inlineData && !/^[a-z]+\/[\w.+-]+$/.test(inlineData.mimeType ?? "")))
      return "Unsupported MIME type.";
  }
  const calls = contents.at(-2)?.parts?.filter(({ functionCall }) => functionCall).length ?? 0;
  const answers = contents.at(-1)?.parts?.filter(({ functionResponse }) => functionResponse).length ?? 0;
  return calls !== answers && calls > 0
    ? "Please ensure that the number of function response parts is equal to the number of function call parts."
    : null;
}

type EmbedRequest = { content?: { parts?: Part[] }; outputDimensionality?: number };

/** One vector for each text, whose first figure is the text's length. Nobody is told of tokens. */
function embed(exchange: Exchange): void {
  const { response, record } = exchange;
  const { requests, ...single } = (record.body ?? {}) as EmbedRequest & { requests?: EmbedRequest[] };
  const asked = requests ?? [single];
  if (asked.length > MAX_EMBEDDED)
    return refuse(exchange, 400, "INVALID_ARGUMENT", "* BatchEmbedContentsRequest.requests: at most 100 requests.");
  const embeddings = asked.map(({ content, outputDimensionality: size = 3 }) => ({
    values: Array.from({ length: size }, (_, at) => (at === 0 ? (content?.parts?.[0]?.text?.length ?? 0) : 0.5)),
  }));
  record.status = 200;
  response
    .writeHead(200, { "content-type": "application/json" })
    .end(JSON.stringify(requests ? { embeddings } : { embedding: embeddings[0] }));
}

async function generate(exchange: Exchange, body: GenerateRequest): Promise<void> {
  const { response, record, earlierCalls } = exchange;
  // some of what a module does goes by its models' names
  const scenario = parseScenario(record.model.replace(/^gemini-(?=image)/, ""));
  if (scenario.name === "never") return;
  if (scenario.name === "html-502") return sendHtml(exchange, 502, HTML_502);
  const flaky = scenario.name === "flaky" && earlierCalls < Number(scenario.options.times ?? 1);
  const error =
    scenario.name === "flaky"
      ? flaky
        ? errorFor(scenario.options.status ?? "503", record.model)
        : null
      : errorScenario(scenario, record.model);
  if (error) return refuse(exchange, error.status, error.name, error.message, error.details, error.headers);

  const limit = body.generationConfig?.maxOutputTokens ?? DEFAULT_LIMIT;
  const plan = planAnswer(scenario.name === "flaky" ? { ...scenario, name: "text" } : scenario, limit, record.bodyText);
  if (!plan) {
    const missing = errorFor("404", record.model);
    return refuse(exchange, missing.status, missing.name, missing.message);
  }
  const input = countPromptTokens(
    (body.contents ?? []).map(({ parts }) => ({ content: parts })),
    body.systemInstruction?.parts,
  );
  record.usage = { input, cacheRead: plan.cacheRead, cacheWrite: 0, cacheWrite1h: 0, output: 0, reasoning: 0 };
  record.status = 200;
  if (record.stream) {
    response.setHeader("content-type", "text/event-stream");
    const failure = { error: { code: 500, message: "An internal error has occurred.", status: "INTERNAL" } };
    return playStream(exchange, plan, streamFrames(exchange, plan, input, thoughtsShown(body)), {
      data: JSON.stringify(failure),
      tokens: 0,
    });
  }
  if (body.generationConfig?.responseModalities?.includes("AUDIO")) return speak(exchange, plan, input);
  const text = wholeText(plan);
  const output = text.length + plan.tools.reduce((sum, tool) => sum + tool.fragments.length + 1, 0);
  const parts: unknown[] = [];
  if (plan.reasoning > 0 && thoughtsShown(body))
    parts.push({ text: Array(plan.reasoning).fill("think").join(" "), thought: true });
  if (text.length > 0) parts.push({ text: text.join("") });
  for (let i = 0; i < plan.images; i++) parts.push(PICTURE_PART);
  plan.tools.forEach((tool, index) => {
    parts.push(callPart(tool, index));
  });
  const usage = withSound(usageOf(plan, input, output, plan.reasoning), body);
  const answered = chunkOf(exchange, parts, finishReason(plan), usage);
  await playBody(exchange, plan, JSON.stringify(answered, null, 2), { output, reasoning: plan.reasoning });
}

/** Sound that was sent comes on top of the words. */
function withSound(usage: Record<string, unknown> | null, { contents = [] }: GenerateRequest) {
  const sounds = contents.flatMap(({ parts = [] }) =>
    parts.filter(({ inlineData }) => inlineData?.mimeType?.startsWith("audio/")),
  );
  const heard = sounds.length * HEARD_TOKENS;
  if (!usage || heard === 0) return usage;
  const text = Number(usage.promptTokenCount);
  return {
    ...usage,
    promptTokenCount: text + heard,
    totalTokenCount: Number(usage.totalTokenCount) + heard,
    promptTokensDetails: [
      { modality: "TEXT", tokenCount: text },
      { modality: "AUDIO", tokenCount: heard },
    ],
  };
}

async function speak(exchange: Exchange, plan: Plan, input: number): Promise<void> {
  const usage = {
    ...usageOf(plan, input, SOUND_TOKENS, 0),
    candidatesTokensDetails: [{ modality: "AUDIO", tokenCount: SOUND_TOKENS }],
  };
  const answered = chunkOf(exchange, [SOUND_PART], "STOP", usage);
  await playBody(exchange, plan, JSON.stringify(answered), { output: SOUND_TOKENS, reasoning: 0 });
}

function* streamFrames(exchange: Exchange, plan: Plan, input: number, showsThoughts: boolean): Generator<Frame> {
  const { record } = exchange;
  const frame = (parts: unknown[], tokens: number, more: { reasoning?: boolean; finish?: string } = {}): Frame => {
    const [output, reasoning] = more.reasoning ? [0, tokens] : [tokens, 0];
    // usage is on every chunk, cumulative
    const usage = usageOf(plan, input, record.usage.output + output, record.usage.reasoning + reasoning);
    const data = JSON.stringify(chunkOf(exchange, parts, more.finish, usage));
    return { data, tokens, reasoning: more.reasoning ?? false, usage: plan.usage !== "missing" };
  };
  // hidden thoughts are billed all the same
  for (let i = 0; i < plan.reasoning; i++) {
    const text = showsThoughts ? (i === 0 ? "think" : " think") : "";
    yield frame(showsThoughts ? [{ text, thought: true }] : [], 1, { reasoning: true });
  }
  for (const text of plan.text) yield frame([{ text }], 1);
  for (let i = 0; i < plan.images; i++) yield frame([PICTURE_PART], 0);
  for (const [index, tool] of plan.tools.entries()) yield frame([callPart(tool, index)], tool.fragments.length + 1);
  if (plan.sendFinish) yield frame([{ text: "" }], 0, { finish: finishReason(plan) });
}

function chunkOf({ record }: Exchange, parts: unknown[], finish: string | undefined, usage: unknown) {
  return {
    candidates: [{ content: { parts, role: "model" }, ...(finish && { finishReason: finish }), index: 0 }],
    ...(usage !== null && { usageMetadata: usage }),
    modelVersion: record.model,
    responseId: record.id,
  };
}

/** A call always comes whole; the first of a turn carries the signature of the thoughts before it. */
function callPart({ name, fragments }: ToolCall, index: number) {
  return {
    functionCall: { name, args: JSON.parse(fragments.join("") || "{}") },
    ...(index === 0 && { thoughtSignature: SIGNATURE }),
  };
}

function usageOf(plan: Plan, input: number, output: number, reasoning: number): Record<string, unknown> | null {
  if (plan.usage === "missing") return null;
  if (plan.usage === "zero") return { promptTokenCount: 0, candidatesTokenCount: 0, totalTokenCount: 0 };
  if (plan.usage === "negative") return { promptTokenCount: -5, candidatesTokenCount: -7, totalTokenCount: -12 };
  if (plan.usage === "huge") return { promptTokenCount: input, candidatesTokenCount: 9e15, totalTokenCount: 9e15 };
  const prompt = input + plan.cacheRead;
  return {
    promptTokenCount: prompt,
    candidatesTokenCount: output,
    totalTokenCount: prompt + output + reasoning,
    promptTokensDetails: [{ modality: "TEXT", tokenCount: prompt }],
    ...(plan.cacheRead > 0 && { cachedContentTokenCount: plan.cacheRead }),
    ...(reasoning > 0 && { thoughtsTokenCount: reasoning }),
  };
}

function thoughtsShown({ generationConfig }: GenerateRequest): boolean {
  return generationConfig?.thinkingConfig?.includeThoughts === true;
}

function finishReason({ finish }: Plan): string {
  return { stop: "STOP", tool_calls: "STOP", length: "MAX_TOKENS", refusal: "SAFETY" }[finish];
}

function sendModels({ response, record }: Exchange): void {
  record.status = 200;
  const models = ANSWER_SCENARIOS.map((id) => ({
    name: `models/${id}`,
    displayName: `Simulated ${id}`,
    inputTokenLimit: 1_048_576,
    outputTokenLimit: 65_536,
    supportedGenerationMethods: ["generateContent", "countTokens"],
  }));
  response.writeHead(200, { "content-type": "application/json; charset=UTF-8" }).end(JSON.stringify({ models }));
}

function refuse(
  { response, record, truth }: Exchange,
  status: number,
  name: string,
  message: string,
  details: unknown[] = [],
  headers: Record<string, string> = {},
): void {
  const error = { code: status, message, status: name, ...(details.length > 0 && { details }) };
  const text = JSON.stringify({ error }, null, 2);
  record.status = status;
  record.outcome = "error";
  truth.keep(record, Buffer.from(text));
  response.writeHead(status, { "content-type": "application/json; charset=UTF-8", ...headers }).end(text);
}

type ErrorAnswer = {
  status: number;
  name: string;
  message: string;
  details?: unknown[];
  headers?: Record<string, string>;
};

function errorScenario(
  { name, options }: { name: string; options: Record<string, string> },
  model: string,
): ErrorAnswer | null {
  if (name === "error") return errorFor(options.value ?? "500", model);
  if (name === "error-429-retry-info") {
    const details = [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: `${options.value ?? "2"}s` }];
    return { ...errorFor("429", model), details };
  }
  const headers = retryHeaders({ name, options });
  if (headers) return { ...errorFor("429", model), headers };
  if (name === "context-length") {
    const message = "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).";
    return { status: 400, name: "INVALID_ARGUMENT", message };
  }
  return null;
}

function errorFor(status: string, model: string): ErrorAnswer {
  const known: Record<string, [name: string, message: string]> = {
    400: ["INVALID_ARGUMENT", "* GenerateContentRequest.generation_config.temperature: must be in range [0, 2]"],
    401: ["UNAUTHENTICATED", "Request had invalid authentication credentials."],
    402: ["FAILED_PRECONDITION", "Please enable billing on project in Google AI Studio."],
    403: ["PERMISSION_DENIED", "Your API key doesn't have the required permissions."],
    404: ["NOT_FOUND", `models/${model} is not found for API version v1beta, or is not supported for generateContent.`],
    429: ["RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan and billing details."],
    500: ["INTERNAL", "An internal error has occurred. Please retry."],
    503: ["UNAVAILABLE", "The model is overloaded. Please try again later."],
    504: ["DEADLINE_EXCEEDED", "The request timed out. Please try again."],
    529: ["UNAVAILABLE", "The model is overloaded. Please try again later."],
  };
  const [name, message] = known[status] ?? ["INTERNAL", "An internal error has occurred. Please retry."];
  return { status: Number(status), name, message };
}

const HTML_502 = "<!DOCTYPE html>\n<html lang=en>\n<title>Error 502 (Server Error)!!1</title>\n";
