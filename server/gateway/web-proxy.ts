import http, { type IncomingMessage, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { createProxyServer } from "http-proxy-3";
import type { ClientAddress } from "@/lib/http/client-address";

export type WebProxy = {
  pass(incoming: IncomingMessage, outgoing: ServerResponse): void;
  upgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer): void;
};

/** Headers with which a client could speak as somebody else to web. */
const FORWARDING = /^(x-forwarded-|forwarded$|x-real-ip$|x-middleware-|x-nextjs-)/;
/** Next's own client sends these; they change nothing about who is asking. */
const HARMLESS = new Set(["x-nextjs-data", "x-nextjs-request-id", "x-nextjs-html-request-id"]);

/** Passes pages and the control plane's API on to web. What the client says about its own address or host is dropped,
 *  unless it comes from a trusted proxy; ours is set instead. */
export function createWebProxy(options: {
  port: number;
  clients: ClientAddress;
  development: boolean;
  onError: (error: unknown) => void;
}): WebProxy {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 256 });
  const proxy = createProxyServer({ target: { host: "127.0.0.1", port: options.port }, agent, proxyTimeout: 120_000 });
  proxy.on("error", (error, _incoming, outgoing) => {
    options.onError(error);
    if (!("writeHead" in outgoing)) return void outgoing.destroy();
    if (outgoing.headersSent) return void outgoing.destroy();
    outgoing.writeHead(502, {
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-store",
      "retry-after": "2",
    });
    outgoing.end(UNAVAILABLE_PAGE);
  });
  return {
    pass(incoming, outgoing) {
      prepare(incoming, options.clients);
      proxy.web(incoming, outgoing);
    },
    upgrade(incoming, socket, head) {
      // upgrades have carried server-side request forgery: only the development server's hot reload needs them
      if (!options.development || !incoming.url?.startsWith("/_next/")) return refuseUpgrade(socket);
      prepare(incoming, options.clients);
      proxy.ws(incoming, socket as never, head);
    },
  };
}

function prepare(incoming: IncomingMessage, clients: ClientAddress): void {
  const { headers } = incoming;
  const trusted = clients.isTrusted(incoming);
  const host = (trusted && single(headers["x-forwarded-host"])) || headers.host || "";
  const protocol = (trusted && single(headers["x-forwarded-proto"])) || "http";
  const address = clients.addressOf(incoming);
  for (const name of Object.keys(headers)) if (FORWARDING.test(name) && !HARMLESS.has(name)) delete headers[name];
  headers["x-forwarded-host"] = host;
  headers["x-forwarded-proto"] = protocol;
  if (address) headers["x-forwarded-for"] = address;
}

function refuseUpgrade(socket: Duplex): void {
  socket.end("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value?.split(",")[0]?.trim();
}

const UNAVAILABLE_PAGE = `<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Back in a moment</title>
<body style="font:16px/1.5 system-ui;max-width:34rem;margin:20vh auto;padding:0 1rem"><h1 style="font-size:1.25rem">The console is starting.</h1>
<p>The API keeps working meanwhile. Reload this page in a few seconds.</p></body>`;
