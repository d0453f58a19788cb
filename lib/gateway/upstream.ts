import type { Dispatcher } from "undici";
import { crashPoint, crashPointSoon } from "@/lib/crash-points";
import type { EgressTimeouts } from "@/lib/egress";
import type { UpstreamFailure } from "@/lib/gateway/providers/define";

export type UpstreamRequest = {
  url: string;
  headers: Record<string, string>;
  body: string | Uint8Array;
  timeouts: EgressTimeouts;
};

export type UpstreamListener = {
  onHeaders(status: number, headers: Record<string, string | undefined>): void;
  onData(chunk: Buffer): void;
  onEnd(): void;
  /** The transport failed, before or after the headers. Not called after `abort`. */
  onFailure(failure: UpstreamFailure): void;
};

/** A running upstream call; pausing it lets TCP slow the provider down. */
export type UpstreamCall = { pause(): void; resume(): void; abort(): void };

/** Connections to providers, by how long one may take to be made; absent: the usual time. */
export type Connect = (connectMs?: number) => Dispatcher;

/** Posts a body and pushes the answer to the listener. Undici's dispatch is used directly, since a Readable per call costs
 *  about as much CPU as everything else the relay does. */
export function openUpstream(connect: Connect, request: UpstreamRequest, listener: UpstreamListener): UpstreamCall {
  const { origin, path } = target(request.url);
  let controller: Dispatcher.DispatchController | null = null;
  let aborted = false;
  crashPoint("upstream.unsent");
  connect(request.timeouts.connectMs).dispatch(
    {
      origin,
      path,
      method: "POST",
      headers: request.headers,
      body: request.body,
      headersTimeout: request.timeouts.firstByteMs,
      bodyTimeout: request.timeouts.idleMs,
    },
    {
      onRequestStart(started) {
        controller = started;
        if (aborted) started.abort(new Error("aborted"));
      },
      onResponseStart(_controller, status, headers) {
        crashPoint("upstream.answered");
        if (!aborted) listener.onHeaders(status, headers as Record<string, string | undefined>);
      },
      onResponseData(_controller, chunk) {
        if (!aborted) listener.onData(chunk);
      },
      onResponseEnd() {
        if (!aborted) listener.onEnd();
      },
      onResponseError(_controller, error) {
        if (!aborted) listener.onFailure(transportFailure(error));
      },
    },
  );
  crashPointSoon("upstream.sent");
  return {
    pause: () => controller?.pause(),
    resume: () => controller?.resume(),
    abort() {
      if (aborted) return;
      aborted = true;
      controller?.abort(new Error("aborted"));
    },
  };
}

/** Provider addresses are few, and parsing one costs more than finding it here. */
const targets = new Map<string, { origin: string; path: string }>();
const MAX_TARGETS = 10_000;

function target(url: string): { origin: string; path: string } {
  let found = targets.get(url);
  if (!found) {
    const { origin, pathname, search } = new URL(url);
    found = { origin, path: pathname + search };
    if (targets.size >= MAX_TARGETS) targets.clear();
    targets.set(url, found);
  }
  return found;
}

const TIMEOUTS = new Set(["UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT", "UND_ERR_CONNECT_TIMEOUT", "ETIMEDOUT"]);

/** Connection-level trouble is never the client's; nothing of the error's text is shown. */
export function transportFailure(error: unknown): UpstreamFailure {
  const code = String((error as { code?: unknown }).code ?? "");
  const isTimeout = TIMEOUTS.has(code);
  return {
    class: isTimeout ? "timeout" : "network",
    status: null,
    message: isTimeout ? "The provider did not answer in time." : "The connection to the provider failed.",
    param: null,
    retryAfterMs: null,
  };
}
