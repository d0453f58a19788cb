import type { MemberToken } from "@/lib/playground/schema";

/** A token that ends this soon might end before the gateway has read it. */
const RENEW_BEFORE_MS = 60_000;

export type TokenSource = {
  /** A token that still lives for a while; asks for another only then. Throws what `issue` throws. */
  get(): Promise<string>;
  /** The gateway refused this one: the next `get` asks for another. */
  discard(token: string): void;
};

/** Keeps the member token in memory, never in storage, and renews it before it ends. Callers at once share one request.
 *  @param now monotonic milliseconds */
export function createTokenSource(issue: () => Promise<MemberToken>, now: () => number): TokenSource {
  let current: { token: string; endsAt: number } | null = null;
  let pending: Promise<string> | null = null;
  const renew = async () => {
    const askedAt = now();
    const { token, expiresInMs } = await issue();
    current = { token, endsAt: askedAt + expiresInMs };
    return token;
  };
  return {
    get() {
      if (current && now() < current.endsAt - RENEW_BEFORE_MS) return Promise.resolve(current.token);
      pending ??= renew().finally(() => {
        pending = null;
      });
      return pending;
    },
    discard(token) {
      if (current?.token === token) current = null;
    },
  };
}
