/** Reads what `/api/v1/chat/completions` answers: server-sent events, an error instead of them, or an error after them. */

export type ChatUsage = { inputTokens: number; outputTokens: number; cachedTokens: number; reasoningTokens: number };

export type ChatEvent =
  | { type: "text"; text: string }
  | { type: "reasoning"; text: string }
  | { type: "model"; model: string }
  | { type: "finish"; reason: string; nativeReason: string | null }
  /** `costUsd` is the charge in the ledger; null where the model has no price. */
  | { type: "usage"; usage: ChatUsage; costUsd: number | null }
  | { type: "error"; failure: ChatFailure };

/** Why an answer did not come, or ended early. `charged`: false where the hub promises that nothing was charged, null where
 *  only the ledger knows. */
export type ChatFailure = {
  kind: "credit" | "rate" | "provider" | "session" | "connection" | "other";
  /** Of the API, in English; empty for kinds that have a text of their own. */
  message: string;
  code: string | null;
  retryAfterMs: number | null;
  charged: false | null;
};

/** Yields what arrives until the stream ends. Throws what the body throws: an abort, a broken connection. */
export async function* readChatStream(body: ReadableStream<Uint8Array>): AsyncGenerator<ChatEvent> {
  let isWhole = false;
  for await (const data of readEvents(body)) {
    if (data === "[DONE]") {
      isWhole = true;
      continue;
    }
    const chunk = parseChunk(data);
    if (!chunk) continue;
    for (const event of eventsOf(chunk)) {
      if (event.type === "error") isWhole = true;
      yield event;
    }
  }
  if (!isWhole) yield { type: "error", failure: connectionFailure() };
}

/** The payloads of `data:` lines; comments, other fields and empty events are skipped. */
async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      // a closing event without its empty line still counts
      const lines = (rest + (done ? "\n" : value)).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const data = /^data: ?(.*?)\r?$/.exec(line)?.[1];
        if (data) yield data;
      }
      if (done) return;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

type Chunk = {
  model?: string;
  choices?: {
    delta?: { content?: string | null; reasoning_content?: string | null };
    finish_reason?: string | null;
    native_finish_reason?: string | null;
  }[];
  usage?: {
    prompt_tokens?: number;
    completion_tokens?: number;
    prompt_tokens_details?: { cached_tokens?: number } | null;
    completion_tokens_details?: { reasoning_tokens?: number } | null;
    cost?: number;
  } | null;
  error?: ErrorBody;
};
type ErrorBody = { message?: string; type?: string; code?: string | null };

function parseChunk(data: string): Chunk | null {
  try {
    const value: unknown = JSON.parse(data);
    // safe because every field is optional and read as such
    return typeof value === "object" && value !== null ? (value as Chunk) : null;
  } catch {
    return null;
  }
}

function* eventsOf(chunk: Chunk): Generator<ChatEvent> {
  if (chunk.model) yield { type: "model", model: chunk.model };
  const [choice] = chunk.choices ?? [];
  const { content, reasoning_content: reasoning } = choice?.delta ?? {};
  if (reasoning) yield { type: "reasoning", text: reasoning };
  if (content) yield { type: "text", text: content };
  if (chunk.error) {
    yield { type: "error", failure: failureOf(chunk.error, null) };
    return;
  }
  if (choice?.finish_reason)
    yield { type: "finish", reason: choice.finish_reason, nativeReason: choice.native_finish_reason ?? null };
  const { usage } = chunk;
  if (!usage) return;
  yield {
    type: "usage",
    costUsd: usage.cost ?? null,
    usage: {
      inputTokens: usage.prompt_tokens ?? 0,
      outputTokens: usage.completion_tokens ?? 0,
      cachedTokens: usage.prompt_tokens_details?.cached_tokens ?? 0,
      reasoningTokens: usage.completion_tokens_details?.reasoning_tokens ?? 0,
    },
  };
}

/** An answer that is no stream: refused or failed before any output, so nothing was charged. */
export async function readFailure(response: Response): Promise<ChatFailure> {
  const body = parseChunk(await response.text().catch(() => ""));
  const waitMs = Number(response.headers.get("retry-after-ms") ?? Number.NaN);
  const failure = failureOf(body?.error ?? {}, false, response.status);
  return { ...failure, retryAfterMs: Number.isFinite(waitMs) ? waitMs : failure.kind === "rate" ? 1_000 : null };
}

export function connectionFailure(): ChatFailure {
  return { kind: "connection", message: "", code: null, retryAfterMs: null, charged: null };
}

const KINDS: Record<number, ChatFailure["kind"]> = { 401: "session", 402: "credit", 429: "rate" };
const PROVIDER_CODES = ["upstream_error", "provider_unavailable", "upstream_timeout"];

function failureOf(error: ErrorBody, charged: false | null, status?: number): ChatFailure {
  const code = error.code ?? null;
  const isProvider = status === undefined || PROVIDER_CODES.includes(code ?? "");
  const kind = KINDS[status ?? 0] ?? (isProvider ? "provider" : "other");
  return { kind, message: error.message ?? "", code, retryAfterMs: null, charged };
}
