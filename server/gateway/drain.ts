import type { Server } from "node:http";
import type { GatewayRuntime } from "@/lib/gateway/runtime";
import type { Notice } from "@/server/gateway/notice";

/** Takes no new calls and lets those that run finish, also those that still wait for their hold or for the last bytes of their
 *  answer; what runs after `timeoutMs` is ended and settled. Pages that stay open are cut off. */
export async function drainGateway(deps: {
  server: Pick<Server, "close" | "closeIdleConnections" | "closeAllConnections">;
  runtime: Pick<GatewayRuntime, "drain" | "stop">;
  notice: Notice;
  /** Calls of the data plane whose answer has not left. */
  calls: ReadonlySet<unknown>;
  timeoutMs: number;
}): Promise<void> {
  const { server, runtime, notice, calls, timeoutMs } = deps;
  const endsAt = performance.now() + timeoutMs;
  await pause(notice.ms);
  server.close();
  server.closeIdleConnections();
  while (calls.size > 0 && performance.now() < endsAt) await pause(20);
  await runtime.drain(Math.max(0, endsAt - performance.now()));
  server.closeAllConnections();
  await runtime.stop();
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resume) => setTimeout(resume, milliseconds));
}
