import { describe, expect, it, test } from "vitest";
import { createTokenSource } from "@/components/playground/member-token";
import { sendChat, TokenRefused } from "@/components/playground/send-chat";

const CALL = { model: "sandbox/chat", messages: [{ role: "user", content: "Hi" }] } as const;
const OK = 'data: {"choices":[{"delta":{"content":"Hi"}}]}\n\ndata: [DONE]\n\n';

type Sent = { authorization: string; body: unknown; credentials: string | undefined };

function stage(answers: (() => Response | Promise<Response>)[], issue = async (n: number) => `token-${n}`) {
  const sent: Sent[] = [];
  let issued = 0;
  const tokens = createTokenSource(
    async () => ({ token: await issue(++issued), expiresInMs: 900_000 }),
    () => 0,
  );
  const fetch = async (_url: unknown, init: RequestInit) => {
    const authorization = new Headers(init.headers).get("authorization") ?? "";
    sent.push({ authorization, body: JSON.parse(String(init.body)), credentials: init.credentials });
    init.signal?.throwIfAborted();
    const answer = answers.shift();
    if (!answer) throw new Error("one request too many");
    return answer();
  };
  const run = async (signal = new AbortController().signal) => {
    const events: unknown[] = [];
    // safe because sendChat calls it with an address and options only
    for await (const event of sendChat({ tokens, fetch: fetch as unknown as typeof globalThis.fetch }, CALL, signal))
      events.push(event);
    return events;
  };
  return { run, sent, issued: () => issued };
}

const refused = () => new Response(JSON.stringify({ error: { code: "invalid_api_key" } }), { status: 401 });

test("an answer begins with its request id and provider; no cookie is sent", async () => {
  const { run, sent } = stage([
    () => new Response(OK, { headers: { "x-request-id": "req_1", "x-aigne-provider": "sandbox" } }),
  ]);
  expect(await run()).toEqual([
    { type: "start", requestId: "req_1", provider: "sandbox" },
    { type: "text", text: "Hi" },
  ]);
  expect(sent).toEqual([
    {
      authorization: "Bearer token-1",
      body: { ...CALL, stream: true, stream_options: { include_usage: true } },
      credentials: "omit",
    },
  ]);
});

test("a refused token is replaced once", async () => {
  const { run, sent } = stage([refused, () => new Response(OK)]);
  expect(await run()).toContainEqual({ type: "text", text: "Hi" });
  expect(sent.map(({ authorization }) => authorization)).toEqual(["Bearer token-1", "Bearer token-2"]);
});

test("two refused tokens are a failure, not a loop", async () => {
  const { run, issued } = stage([refused, refused]);
  expect((await run()).at(-1)).toMatchObject({ type: "error", failure: { kind: "session", charged: false } });
  expect(issued()).toBe(2);
});

test("a member who may not have a token reads why", async () => {
  const { run } = stage([], async () => {
    throw new TokenRefused("Your session has ended.");
  });
  expect(await run()).toMatchObject([
    { type: "error", failure: { kind: "session", message: "Your session has ended.", charged: false } },
  ]);
});

test("a connection that fails leaves the charge to the ledger", async () => {
  const { run } = stage([() => Promise.reject(new TypeError("fetch failed"))]);
  expect(await run()).toMatchObject([{ type: "error", failure: { kind: "connection", charged: null } }]);
});

test("stopping ends it without a failure", async () => {
  const control = new AbortController();
  control.abort();
  const { run } = stage([]);
  expect(await run(control.signal)).toEqual([]);
});

describe("a token source", () => {
  function source() {
    let now = 0;
    let issued = 0;
    const tokens = createTokenSource(
      async () => ({ token: `token-${++issued}`, expiresInMs: 900_000 }),
      () => now,
    );
    const advance = (ms: number) => {
      now += ms;
    };
    return { tokens, advance, issued: () => issued };
  }

  it("asks once for callers at the same time", async () => {
    const { tokens, issued } = source();
    expect(await Promise.all([tokens.get(), tokens.get()])).toEqual(["token-1", "token-1"]);
    expect(issued()).toBe(1);
  });

  it("renews a minute before the end", async () => {
    const { tokens, advance } = source();
    await tokens.get();
    advance(839_999);
    expect(await tokens.get()).toBe("token-1");
    advance(1);
    expect(await tokens.get()).toBe("token-2");
  });

  it("forgets a refused token, but not its successor", async () => {
    const { tokens } = source();
    await tokens.get();
    tokens.discard("token-1");
    expect(await tokens.get()).toBe("token-2");
    tokens.discard("token-1");
    expect(await tokens.get()).toBe("token-2");
  });

  it("asks again after a failure", async () => {
    let tries = 0;
    const tokens = createTokenSource(
      async () => {
        if (++tries === 1) throw new Error("away");
        return { token: "token", expiresInMs: 900_000 };
      },
      () => 0,
    );
    await expect(tokens.get()).rejects.toThrow("away");
    expect(await tokens.get()).toBe("token");
  });
});
