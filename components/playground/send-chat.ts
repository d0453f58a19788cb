import {
  type ChatEvent,
  type ChatFailure,
  connectionFailure,
  readChatStream,
  readFailure,
} from "@/components/playground/chat-stream";
import type { TokenSource } from "@/components/playground/member-token";
import type { ChatCall } from "@/lib/snippets";

type Deps = { tokens: TokenSource; fetch: typeof fetch };
export type ChatStart = { type: "start"; requestId: string | null; provider: string | null };

/** The member's session ended, or may not use the playground any more; the message is safe to show. */
export class TokenRefused extends Error {}

/** Calls our own API as any app would, and yields its answer. Failures are events, never thrown; only an abort ends the
 *  generator without a last word. */
export async function* sendChat(
  { tokens, fetch }: Deps,
  call: ChatCall,
  signal: AbortSignal,
): AsyncGenerator<ChatEvent | ChatStart> {
  try {
    const response = await post({ tokens, fetch }, call, signal);
    const { headers } = response;
    yield { type: "start", requestId: headers.get("x-request-id"), provider: headers.get("x-aigne-provider") };
    if (!response.ok || !response.body) yield { type: "error", failure: await readFailure(response) };
    else yield* readChatStream(response.body);
  } catch (thrown) {
    if (signal.aborted) return;
    yield { type: "error", failure: thrown instanceof TokenRefused ? sessionFailure(thrown) : connectionFailure() };
  }
}

/** Once more with a fresh token where the one in memory is refused: the laptop slept, or the organisation changed. */
async function post({ tokens, fetch }: Deps, call: ChatCall, signal: AbortSignal): Promise<Response> {
  const send = (token: string) =>
    fetch("/api/v1/chat/completions", {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ ...call, stream: true, stream_options: { include_usage: true } }),
      signal,
      credentials: "omit",
    });
  const token = await tokens.get();
  signal.throwIfAborted();
  const response = await send(token);
  if (response.status !== 401) return response;
  tokens.discard(token);
  return send(await tokens.get());
}

function sessionFailure({ message }: TokenRefused): ChatFailure {
  return { kind: "session", message, code: null, retryAfterMs: null, charged: false };
}
