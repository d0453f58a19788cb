import { errorScenario, type Refuse } from "./openai-errors.ts";
import { parseScenario } from "./scenario.ts";
import type { Exchange } from "./server.ts";
import { countPromptTokens } from "./words.ts";

/** OpenAI's endpoints that answer in one piece. Vectors, pictures and sounds are made up; figures are true. */
export const UNITS: Record<string, (exchange: Exchange) => void> = {
  "/embeddings": embeddings,
  "/images/generations": images,
  "/images/edits": images,
  "/audio/speech": speech,
  "/audio/transcriptions": transcription,
  "/audio/translations": transcription,
  "/moderations": moderation,
  "/rerank": rerank,
};

export function answerUnit(exchange: Exchange, path: string, refuse: Refuse): void {
  const { record } = exchange;
  // in a form the model is one field among others
  if (!record.body) record.model = /name="model"\r\n\r\n(.+?)\r\n/.exec(record.bodyText)?.[1] ?? "";
  const error = errorScenario(parseScenario(record.model), record.model);
  if (error) return refuse(error.status, error.body, error.headers);
  record.status = 200;
  UNITS[path]?.(exchange);
}

function embeddings({ record, response }: Exchange): void {
  const { input, encoding_format: format } = record.body as { input: unknown; encoding_format?: string };
  const list =
    typeof input === "string" || typeof (input as unknown[])[0] === "number" ? [input] : (input as unknown[]);
  const tokens = list.reduce<number>(
    (sum, item) => sum + (Array.isArray(item) ? item.length : countPromptTokens([{ content: item }])),
    0,
  );
  record.usage.input = tokens;
  const data = list.map((_, index) => {
    const vector = [index, 0.5, -0.25, 0.125];
    const packed = Buffer.from(new Float32Array(vector).buffer).toString("base64");
    return { object: "embedding", index, embedding: format === "base64" ? packed : vector };
  });
  json(response, {
    object: "list",
    data,
    model: record.model,
    ...(record.model !== "usage-missing" && { usage: { prompt_tokens: tokens, total_tokens: tokens } }),
  });
}

function images({ record, response }: Exchange): void {
  const n = Number(record.body?.n ?? /name="n"\r\n\r\n(\d+)/.exec(record.bodyText)?.[1] ?? 1);
  const usage = { input: 11, output: 272 * n };
  const isCounted = record.model.includes("tokens");
  if (isCounted) Object.assign(record.usage, usage);
  json(response, {
    created: 1_750_000_000,
    data: Array.from({ length: n }, () => ({ b64_json: "iVBORw0KGgo=" })),
    size: "1024x1024",
    quality: "low",
    ...(isCounted && {
      usage: {
        input_tokens: usage.input,
        output_tokens: usage.output,
        total_tokens: usage.input + usage.output,
        input_tokens_details: { text_tokens: usage.input, image_tokens: 0 },
      },
    }),
  });
}

function speech({ record, response }: Exchange): void {
  const format = String(record.body?.response_format ?? "mp3");
  const types: Record<string, string> = { mp3: "audio/mpeg", opus: "audio/opus", wav: "audio/wav", pcm: "audio/pcm" };
  response
    .writeHead(200, { "content-type": types[format] ?? `audio/${format}` })
    .end(Buffer.from([0xff, 0xfb, 0x90, 0x00, 0x00, 0x80]));
}

function transcription({ record, response }: Exchange): void {
  const format = /name="response_format"\r\n\r\n(\w+)/.exec(record.bodyText)?.[1] ?? "json";
  if (format === "text" || format === "srt" || format === "vtt")
    return void response.writeHead(200, { "content-type": "text/plain; charset=utf-8" }).end("hello world\n");
  json(response, { text: "hello world", usage: { type: "duration", seconds: 3 } });
}

function moderation({ record, response }: Exchange): void {
  json(response, {
    id: record.id,
    model: record.model,
    results: [{ flagged: false, categories: { violence: false }, category_scores: { violence: 0.01 } }],
  });
}

function rerank({ record, response }: Exchange): void {
  const { documents, top_n: topN } = record.body as { documents: unknown[]; top_n?: number };
  const results = documents.map((_, index) => ({ index, relevance_score: 1 / (index + 1) })).slice(0, topN);
  json(response, { id: record.id, model: record.model, results, usage: { total_tokens: 17 } });
}

function json(response: Exchange["response"], body: unknown): void {
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body, null, 2));
}
