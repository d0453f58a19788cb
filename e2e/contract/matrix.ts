import type { MatrixDialect } from "@/lib/catalog/compatibility";
import type { DoorName } from "./doors";
import type { ContractHub } from "./hub";

/** What a client asks, free of any dialect. */
export type Ask = {
  text: string;
  stream?: boolean;
  /** Two tools: `get_weather({city})` and `get_time()`. */
  tools?: boolean;
  /** An earlier turn: the calls the model made, each with its result. */
  toolTurn?: { assistant: Told; results: string[] };
  schema?: Record<string, unknown>;
  /** A PNG in base64. */
  image?: string;
  effort?: "low";
  stop?: string[];
  maxTokens?: number;
};

/** What a client is told, free of any dialect. */
export type Told = {
  status: number;
  requestId: string;
  text: string;
  reasoning: string;
  calls: { id: string; name: string; input: unknown }[];
  /** The dialect's own reason in the words of the matrix. */
  finish: "stop" | "length" | "tools" | "refusal" | "error" | null;
  errorCode: string | null;
  inputTokens: number | null;
  outputTokens: number | null;
  cost: number | null;
  /** The answer as the next request gives it back, where the dialect has it in one piece. */
  turn: unknown;
};

/** One client protocol. */
export type DialectColumn = {
  name: MatrixDialect;
  send(at: { hub: ContractHub; door: DoorName; key: string }, model: string, ask: Ask): Promise<Told>;
  /** Starts a stream and leaves after its first content. */
  leave(at: { hub: ContractHub; door: DoorName; key: string }, model: string, ask: Ask): Promise<{ requestId: string }>;
  /** Status and code of one of our errors, where the dialect has words of its own for them. */
  errorOf?(status: number, code: string | null): { status: number; code: string | null };
};

/** The tools of `Ask.tools`, for dialects that differ only in how they wrap them. */
export const MATRIX_TOOLS = [
  {
    name: "get_weather",
    description: "The weather of a city",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
  { name: "get_time", description: "The time", parameters: { type: "object", properties: {} } },
];

export function nothing(status: number, requestId: string): Told {
  const empty = { text: "", reasoning: "", calls: [], finish: null, errorCode: null, turn: null };
  return { ...empty, status, requestId, inputTokens: null, outputTokens: null, cost: null };
}

/** Server-sent events that have a name and one line of data; comments are left out. */
export function dataFrames(stream: string): { event: string; data: string }[] {
  return stream
    .split(/\r?\n\r?\n/)
    .filter((frame) => frame !== "" && !frame.startsWith(":"))
    .map((frame) => {
      const [, event, data] = /^event: (.*)\r?\ndata: (.*)$/.exec(frame) ?? [];
      if (event === undefined || data === undefined) throw new Error(`not an event with a name and data: ${frame}`);
      return { event, data };
    });
}

/** Reads a stream until `content` has come, and leaves. */
export async function leaveAfter(
  content: RegExp,
  start: (signal: AbortSignal) => Promise<Response>,
): Promise<{ requestId: string }> {
  const abort = new AbortController();
  const response = await start(abort.signal);
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  for (let seen = ""; !content.test(seen); ) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`the stream ended first: ${seen}`);
    seen += Buffer.from(value).toString();
  }
  await reader.cancel().catch(() => {});
  abort.abort();
  return { requestId: response.headers.get("x-request-id") ?? "" };
}
