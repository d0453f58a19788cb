import { Agent, fetch } from "undici";

/** A connection that was handed to a process which then died stays silent: nobody waits long for it. */
const connections = new Agent({ connections: null, pipelining: 1, headersTimeout: 20_000, bodyTimeout: 20_000 });

export type Call = {
  url: string;
  key: string;
  model: string;
  stream?: boolean;
  /** The upstream's record carries it. */
  tag?: string;
  /** Reads so many packets, then hangs up. */
  leaveAfter?: number;
  headers?: Record<string, string>;
};

export type Answer = {
  /** 0: there was no answer. */
  status: number;
  text: string;
  /** The client has seen its end. */
  isWhole: boolean;
  /** Nobody listened: nothing was sent. */
  isUnconnected: boolean;
  /** Empty where no headers came. */
  requestId: string;
  headers: Headers;
  ms: number;
};

type Headers = { get(name: string): string | null };

/** One chat completion as a client sees it. Never rejects: a broken connection is an answer that is not whole. */
export async function call({ url, key, model, stream = false, tag, leaveAfter, headers = {} }: Call): Promise<Answer> {
  const startedAt = performance.now();
  const leaving = new AbortController();
  const answer: Answer = {
    ...{ status: 0, text: "", isWhole: false, isUnconnected: false, requestId: "", ms: 0 },
    headers: { get: () => null },
  };
  try {
    const response = await fetch(`${url}/api/v1/chat/completions`, {
      method: "POST",
      dispatcher: connections,
      signal: leaving.signal,
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json", ...headers },
      body: JSON.stringify({ model, messages: [{ role: "user", content: "hi" }], stream, user: tag }),
    });
    Object.assign(answer, {
      status: response.status,
      requestId: response.headers.get("x-request-id") ?? "",
      headers: response.headers,
    });
    const decoder = new TextDecoder();
    let packets = 0;
    for await (const chunk of response.body ?? []) {
      answer.text += decoder.decode(chunk, { stream: true });
      if (leaveAfter !== undefined && ++packets >= leaveAfter) leaving.abort();
    }
    answer.isWhole = response.status === 200 && (!stream || answer.text.includes("data: [DONE]"));
  } catch (error) {
    // cut off, or left: what came is what there is
    const cause = (error as { cause?: { code?: unknown } }).cause;
    answer.isUnconnected = cause?.code === "ECONNREFUSED";
  }
  answer.ms = performance.now() - startedAt;
  return answer;
}
