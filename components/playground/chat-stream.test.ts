import { describe, expect, it, test } from "vitest";
import { type ChatEvent, readChatStream, readFailure } from "@/components/playground/chat-stream";

const CHUNK = { id: "chatcmpl-1", object: "chat.completion.chunk", model: "openai/gpt-5" };
const data = (fields: object) => `data: ${JSON.stringify({ ...CHUNK, ...fields })}\n\n`;
const delta = (content: string) => data({ choices: [{ index: 0, delta: { content }, finish_reason: null }] });
const ending = (finish_reason: string, more = {}) =>
  data({ choices: [{ index: 0, delta: {}, finish_reason, ...more }] });
const usage = (fields: object) => data({ choices: [], usage: fields });
const DONE = "data: [DONE]\n\n";

function bodyOf(bytes: Uint8Array, size: number): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(at, at + size));
      at += size;
    },
  });
}

async function read(text: string, size = 1_000_000): Promise<ChatEvent[]> {
  const events: ChatEvent[] = [];
  for await (const event of readChatStream(bodyOf(new TextEncoder().encode(text), size))) {
    if (event.type !== "model") events.push(event);
  }
  return events;
}

const WHOLE =
  data({ choices: [{ index: 0, delta: { role: "assistant", content: "" }, finish_reason: null }] }) +
  delta("Grüß ") +
  delta("dich 😀") +
  ending("stop") +
  usage({
    prompt_tokens: 12,
    completion_tokens: 5,
    prompt_tokens_details: { cached_tokens: 4 },
    completion_tokens_details: { reasoning_tokens: 2 },
    cost: 1e-7,
  }) +
  DONE;
const WHOLE_EVENTS = [
  { type: "text", text: "Grüß " },
  { type: "text", text: "dich 😀" },
  { type: "finish", reason: "stop", nativeReason: null },
  { type: "usage", costUsd: 1e-7, usage: { inputTokens: 12, outputTokens: 5, cachedTokens: 4, reasoningTokens: 2 } },
];

describe("readChatStream", () => {
  it.each([1, 2, 3, 7, 64, 100_000])("reads the same in packets of %i bytes", async (size) => {
    expect(await read(WHOLE, size)).toEqual(WHOLE_EVENTS);
  });

  it("takes carriage returns, comments, other fields and data without a space", async () => {
    const text = `: heartbeat\r\nevent: message\r\nid: 4\r\n${delta("a").replace("data: ", "data:").replaceAll("\n", "\r\n")}${DONE}`;
    expect(await read(text)).toEqual([{ type: "text", text: "a" }]);
  });

  it("reads an event whose empty line is missing at the end", async () => {
    expect(await read(delta("a") + DONE.trimEnd())).toEqual([{ type: "text", text: "a" }]);
  });

  it("skips what is no JSON object", async () => {
    expect(await read(`data: {"broken\n\ndata: null\n\ndata: 4\n\n${delta("a")}${DONE}`)).toEqual([
      { type: "text", text: "a" },
    ]);
  });

  it("tells reasoning from text", async () => {
    const text = data({ choices: [{ index: 0, delta: { reasoning_content: "hm" } }] }) + delta("yes") + DONE;
    expect(await read(text)).toEqual([
      { type: "reasoning", text: "hm" },
      { type: "text", text: "yes" },
    ]);
  });

  it("says why an answer ended when the credit did", async () => {
    const text = ending("length", { native_finish_reason: "insufficient_credits" }) + DONE;
    expect(await read(text)).toEqual([{ type: "finish", reason: "length", nativeReason: "insufficient_credits" }]);
  });

  it("has no charge where the model has no price", async () => {
    const [event] = await read(usage({ prompt_tokens: 1, completion_tokens: 1 }) + DONE);
    expect(event).toMatchObject({ type: "usage", costUsd: null });
  });

  it("keeps what came before an error in the stream, and leaves its charge to the ledger", async () => {
    const error = { message: "The provider failed.", type: "server_error", param: null, code: "upstream_error" };
    const text = delta("half") + data({ error, choices: [{ index: 0, delta: {}, finish_reason: "error" }] });
    expect(await read(text)).toEqual([
      { type: "text", text: "half" },
      {
        type: "error",
        failure: {
          kind: "provider",
          message: "The provider failed.",
          code: "upstream_error",
          retryAfterMs: null,
          charged: null,
        },
      },
    ]);
  });

  it("takes an end without [DONE] for a broken connection", async () => {
    expect((await read(delta("half"))).at(-1)).toMatchObject({ type: "error", failure: { kind: "connection" } });
  });

  it("lets go of the connection when the reader stops", async () => {
    let isCancelled = false;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new TextEncoder().encode(delta("a"))),
      cancel: () => {
        isCancelled = true;
      },
    });
    for await (const event of readChatStream(body)) if (event.type === "text") break;
    expect(isCancelled).toBe(true);
  });
});

describe("readFailure", () => {
  const answer = (status: number, code: string | null, headers = {}) =>
    readFailure(
      new Response(JSON.stringify({ error: { message: "why", type: "t", param: null, code } }), { status, headers }),
    );

  it.each<[number, string, string]>([
    [402, "insufficient_quota", "credit"],
    [402, "budget_exceeded", "credit"],
    [401, "invalid_api_key", "session"],
    [429, "rate_limit_exceeded", "rate"],
    [502, "upstream_error", "provider"],
    [503, "provider_unavailable", "provider"],
    [504, "upstream_timeout", "provider"],
    [400, "context_length_exceeded", "other"],
    [403, "org_suspended", "other"],
  ])("%i %s is of the kind %s and was not charged", async (status, code, kind) => {
    expect(await answer(status, code)).toMatchObject({ kind, code, message: "why", charged: false });
  });

  test("the wait is the hub's", async () => {
    expect(await answer(429, "rate_limit_exceeded", { "retry-after-ms": "2500" })).toMatchObject({
      retryAfterMs: 2500,
    });
    expect(await answer(429, "rate_limit_exceeded")).toMatchObject({ retryAfterMs: 1000 });
    expect(await answer(400, null)).toMatchObject({ retryAfterMs: null });
  });

  test("a page of a proxy in between is no reason to fail", async () => {
    const response = new Response("<html>Bad gateway</html>", { status: 502 });
    expect(await readFailure(response)).toMatchObject({ message: "", code: null });
  });
});
