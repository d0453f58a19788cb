import http, { type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What the upstream does with a call. */
export type Mood =
  | { kind: "answer" }
  | { kind: "error"; status: number; headers?: Record<string, string> }
  /** Bytes of an event stream, in these pieces. */
  | { kind: "raw"; pieces: Iterable<Buffer> };

export type FickleUpstream = {
  baseUrl: string;
  /** Decides each call to come, by the upstream model's name. */
  behave(decide: (model: string) => Mood): void;
  /** Calls so far, and those answered with 200. */
  readonly calls: number;
  readonly served: number;
  stop(): Promise<void>;
};

const WORDS = 5;

/** An upstream on OpenAI's wire whose mood a test changes from call to call. */
export async function startFickleUpstream(): Promise<FickleUpstream> {
  let decide: (model: string) => Mood = () => ({ kind: "answer" });
  let calls = 0;
  let served = 0;
  const server = http.createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      if (request.method === "GET") return sendJson(response, 200, { object: "list", data: [] });
      const body = JSON.parse(Buffer.concat(parts).toString("utf8")) as { model: string; stream?: boolean };
      calls++;
      const mood = decide(body.model);
      if (mood.kind === "error") {
        const error = { message: `failed with ${mood.status}`, type: "server_error", param: null, code: null };
        return sendJson(response, mood.status, { error }, mood.headers);
      }
      served++;
      if (mood.kind === "raw") return void sendPieces(response, mood.pieces);
      if (body.stream) return void sendPieces(response, [Buffer.from(frames().join(""))]);
      sendJson(response, 200, completion());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    behave(next) {
      decide = next;
    },
    get calls() {
      return calls;
    },
    get served() {
      return served;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const USAGE = { prompt_tokens: 10, completion_tokens: WORDS, total_tokens: 10 + WORDS };
const ENVELOPE = { id: "chatcmpl-fickle", created: 1_750_000_000, model: "fickle" };

/** The events of a clean answer, one string each; the last is `[DONE]`. */
export function frames(): string[] {
  const chunk = (choices: object[], more = {}) =>
    `data: ${JSON.stringify({ ...ENVELOPE, object: "chat.completion.chunk", choices, ...more })}\n\n`;
  const delta = (value: object, finish: string | null = null) => [{ index: 0, delta: value, finish_reason: finish }];
  return [
    chunk(delta({ role: "assistant", content: "" })),
    ...Array.from({ length: WORDS }, (_, n) => chunk(delta({ content: n === 0 ? "wörd" : " word" }))),
    chunk(delta({}, "stop")),
    chunk([], { usage: USAGE }),
    "data: [DONE]\n\n",
  ];
}

function completion() {
  const content = Array.from({ length: WORDS }, () => "word").join(" ");
  const choices = [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }];
  return { ...ENVELOPE, object: "chat.completion", choices, usage: USAGE };
}

function sendJson(response: ServerResponse, status: number, body: object, headers: Record<string, string> = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}

async function sendPieces(response: ServerResponse, pieces: Iterable<Buffer>): Promise<void> {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.socket?.setNoDelay(true);
  for (const piece of pieces) {
    if (response.destroyed) return;
    response.write(piece);
    // a packet of its own
    await new Promise((resolve) => setImmediate(resolve));
  }
  response.end();
}
