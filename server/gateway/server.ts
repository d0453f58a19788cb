import http, { type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { asAppError, errorHeaders, openAIErrorBody } from "@/lib/errors";
import { ROUTES } from "@/lib/gateway/endpoints/table";
import type { GatewayRuntime } from "@/lib/gateway/runtime";
import type { ClientAddress } from "@/lib/http/client-address";
import { fromNode, limitUpload, toNode } from "@/lib/http/node-door";
import { newId } from "@/lib/ids";
import { requireManagementKey } from "@/server/gateway/management-key";
import type { Metrics } from "@/server/gateway/metrics";
import type { Notice } from "@/server/gateway/notice";
import { checkReadiness } from "@/server/gateway/readiness";
import type { WebProxy } from "@/server/gateway/web-proxy";

type ServerDependencies = {
  runtime: GatewayRuntime;
  metrics: Metrics;
  web: WebProxy;
  /** The pages of the simulation of Stripe, where there is one. */
  stripe?: WebProxy;
  clients: ClientAddress;
  webPort: number;
  peppers: readonly string[];
  isDraining: () => boolean;
  notice: Notice;
  /** Calls of the data plane whose answer has not left yet. */
  calls: Set<ServerResponse>;
};

/** Above the idle time of any balancer in front, so that it never sends into a connection we are closing. */
const KEEP_ALIVE_MS = 70_000;
/** The routes of the OpenAI- and Anthropic-shaped API, and those where the AIGNE client looks for its own. */
const DATA_PLANE = /^\/+(?:api\/+v[12](?:\/|$)|api\/+ai\/+models\/?$|api\/+user\/+info\/?$|__blocklet__\.js$)/;

/** The server on the public port: answers the data plane and the operations endpoints itself, passes the rest to web. */
export function createGatewayServer(deps: ServerDependencies): http.Server {
  const server = http.createServer(
    // a large body may take its time: the door judges its rate
    {
      ...{ maxHeaderSize: 16 * 1024, requestTimeout: 0, headersTimeout: 10_000, keepAliveTimeout: KEEP_ALIVE_MS },
      // the data plane refuses WebSockets in its own words, and an offer of HTTP/2 is no reason to refuse a call
      shouldUpgradeCallback: (incoming) => !DATA_PLANE.test(pathOf(incoming)),
    },
    (incoming, outgoing) => {
      outgoing.once("finish", () => limitUpload(incoming));
      // whoever keeps connections goes elsewhere with the next call
      if (deps.isDraining()) outgoing.shouldKeepAlive = false;
      const path = pathOf(incoming);
      if (DATA_PLANE.test(path)) return answerCall(deps, incoming, outgoing, path);
      const operation = OPERATIONS[path];
      if (operation) return void operation(deps, incoming, outgoing).catch((error) => sendError(outgoing, error));
      if (deps.stripe && path.startsWith("/__stripe/")) return deps.stripe.pass(incoming, outgoing);
      deps.web.pass(incoming, outgoing);
    },
  );
  server.on("upgrade", (incoming, socket, head) => deps.web.upgrade(incoming, socket, head));
  server.on("clientError", (_error, socket) => refuseMalformed(socket as Socket));
  return server;
}

function answerCall(deps: ServerDependencies, incoming: IncomingMessage, outgoing: ServerResponse, path: string): void {
  const startedAt = performance.now();
  deps.calls.add(outgoing);
  outgoing.once("close", () => {
    deps.calls.delete(outgoing);
    deps.metrics.observe({
      route: routeLabel(path),
      status: outgoing.statusCode,
      durationMs: performance.now() - startedAt,
    });
  });
  void deps.runtime.gateway.handle(fromNode(incoming, deps.clients.addressOf(incoming)), toNode(outgoing));
}

type Operation = (deps: ServerDependencies, incoming: IncomingMessage, outgoing: ServerResponse) => Promise<void>;

const OPERATIONS: Record<string, Operation | undefined> = {
  "/api/health": async (_deps, _incoming, outgoing) => sendJson(outgoing, 200, { status: "ok" }),
  "/api/ready": async ({ runtime, webPort, isDraining, notice }, _incoming, outgoing) => {
    notice.probed();
    const { ready, checks } = await checkReadiness({ sql: runtime.sql, webPort, isDraining });
    sendJson(outgoing, ready ? 200 : 503, { status: ready ? "ready" : "not_ready", checks });
  },
  "/api/metrics": async ({ runtime, peppers, metrics }, incoming, outgoing) => {
    await requireManagementKey({ sql: runtime.sql, peppers }, incoming.headers.authorization);
    outgoing.writeHead(200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" }).end(await metrics.render());
  },
};

function sendJson(outgoing: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  outgoing
    .writeHead(status, { "content-type": "application/json", "cache-control": "no-store", ...headers })
    .end(JSON.stringify(body));
}

function sendError(outgoing: ServerResponse, thrown: unknown): void {
  const error = asAppError(thrown);
  sendJson(outgoing, error.status, openAIErrorBody(error), { ...errorHeaders(error), "x-request-id": newId("req") });
}

/** Labels come from the route table, so that a stranger's paths cannot multiply the metrics. */
function routeLabel(path: string): string {
  return ROUTES.find((route) => (route.prefix ? path.startsWith(route.path) : path === route.path))?.path ?? "unknown";
}

function pathOf(incoming: IncomingMessage): string {
  const url = incoming.url ?? "/";
  const question = url.indexOf("?");
  return question < 0 ? url : url.slice(0, question);
}

function refuseMalformed(socket: Socket): void {
  if (!socket.writable) return;
  socket.end("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
}
