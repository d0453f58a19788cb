import type { Wallet } from "@/lib/billing/wallet";
import type { Clock } from "@/lib/clock";
import type { EgressTimeouts } from "@/lib/egress";
import { AppError, asAppError, errorHeaders } from "@/lib/errors";
import { errorAnswer } from "@/lib/gateway/endpoints/error-answer";
import { findEndpoint } from "@/lib/gateway/endpoints/table";
import type { GatewayRequest, Reply } from "@/lib/gateway/exchange";
import type { StoredAnswer } from "@/lib/gateway/idempotency";
import type { Ticker } from "@/lib/gateway/meter/ticker";
import { responseHeaders } from "@/lib/gateway/response-headers";
import type { RetryBudget } from "@/lib/gateway/retry-budget";
import type { RouteHealth } from "@/lib/gateway/routing/health";
import type { SnapshotStore } from "@/lib/gateway/snapshot-store";
import type { Connect } from "@/lib/gateway/upstream";
import type { Vault } from "@/lib/gateway/vault";
import type { Keyring } from "@/lib/keys/authenticate";
import type { KeyReports } from "@/lib/usage/key-reports";
import type { Recorder } from "@/lib/usage/record";
import type { RefusalLog } from "@/lib/usage/refusals";

/** Everything a call needs from outside: passed in, so that tests and the simulator can drive the same code. */
export type GatewayDependencies = {
  wallet: Wallet;
  recorder: Recorder;
  refusals: RefusalLog;
  reports: KeyReports;
  snapshots: SnapshotStore;
  keyring: Keyring;
  vault: Vault;
  health: RouteHealth;
  retries: RetryBudget;
  ticker: Ticker;
  /** What a finished call left for a retry with its Idempotency-Key. */
  storedAnswer(claim: { orgId: string; keyId: string; path: string; key: string }): Promise<StoredAnswer | null>;
  clock: Clock;
  random: () => number;
  /** Connections to providers, guarded by lib/egress.ts. */
  connect: Connect;
  sdkFetch(timeouts: EgressTimeouts): typeof globalThis.fetch;
  /** For addresses that tenants choose. */
  fileFetch: typeof globalThis.fetch;
  onError: (error: unknown, requestId: string) => void;
};

export type Gateway = {
  /** Answers one request completely; never throws. */
  handle(request: GatewayRequest, reply: Reply): Promise<void>;
};

export function createGateway(deps: GatewayDependencies): Gateway {
  return {
    async handle(request, reply) {
      try {
        if (request.method === "OPTIONS") return reply.send(204, preflightHeaders(request), "");
        if (request.headers.upgrade?.toLowerCase() === "websocket")
          throw new AppError("upgrade_required", "WebSockets are not offered here. Send the request over HTTP.");
        await findEndpoint(request)(deps, request, reply);
      } catch (error) {
        answerWithError(deps, request, reply, error);
      }
    },
  };
}

function answerWithError(deps: GatewayDependencies, request: GatewayRequest, reply: Reply, thrown: unknown): void {
  const error = asAppError(thrown);
  // what has a cause is our trouble or the database's: the caller sees a sentence, the operator the reason
  if (error.code === "internal_error" || error.details.cause) deps.onError(error.details.cause ?? error, request.id);
  // a stream that has begun tells its own end
  if (reply.started) return reply.end();
  const headers = { ...responseHeaders(request), ...errorHeaders(error), "content-type": "application/json" };
  const { status, body } = errorAnswer(request, error);
  reply.send(status, headers, JSON.stringify(body));
}

function preflightHeaders(request: GatewayRequest): Record<string, string> {
  return {
    ...responseHeaders(request),
    "access-control-allow-methods": "GET, HEAD, POST, OPTIONS",
    "access-control-allow-headers": request.headers["access-control-request-headers"] ?? "*",
    "access-control-max-age": "86400",
    "content-length": "0",
  };
}
