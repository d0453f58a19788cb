import http, { type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type RequestRecord, Truth } from "./truth.ts";

export type Simulator = {
  /** Origin, without a path. */
  url: string;
  /** What an operator would type as the provider's base URL. */
  baseUrl: string;
  /** The same address as https, which it does not speak: each handshake is refused. */
  tlsUrl: string;
  truth: Truth;
  stop: () => Promise<void>;
};

export type SimulatorOptions = { port?: number; host?: string };

/** A request with its body read and its record opened. */
export type Exchange = {
  request: IncomingMessage;
  response: ServerResponse;
  record: RequestRecord;
  truth: Truth;
  /** How often this upstream model has been called before. */
  earlierCalls: number;
};

type Wire = {
  idPrefix: string;
  /** Path of the base URL, `/v1` where none is given. */
  basePath?: string;
  /** Where the model is not in the body, and streaming is asked for by path. */
  read?: (path: string) => { model: string; stream: boolean };
  answer: (exchange: Exchange) => void | Promise<void>;
};

/** Serves one provider's wire on loopback, with the ground truth at `GET /__truth` (`?summary`, `?sent=<id>`) and
 *  `DELETE /__truth`, for hubs that run in other processes. */
export async function startSimulator(
  wire: Wire,
  { port = 0, host = "127.0.0.1" }: SimulatorOptions,
): Promise<Simulator> {
  const truth = new Truth();
  const calls = new Map<string, number>();

  const server = http.createServer({ keepAliveTimeout: 70_000, requestTimeout: 0 }, (request, response) => {
    const path = request.url ?? "/";
    if (path.startsWith("/__truth")) return answerTruth(truth, request, response);
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const bodyText = Buffer.concat(parts).toString("utf8");
      const record = truth.begin({
        prefix: wire.idPrefix,
        method: request.method ?? "",
        path,
        headers: request.headers,
        bodyText,
        body: parseObject(bodyText),
      });
      if (wire.read) Object.assign(record, wire.read(path));
      const earlierCalls = calls.get(record.model) ?? 0;
      calls.set(record.model, earlierCalls + 1);
      response.on("close", () => truth.end(record, response.writableFinished ? "complete" : "client-gone"));
      void (async () => wire.answer({ request, response, record, truth, earlierCalls }))().catch((error) =>
        response.destroy(error),
      );
    });
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, host, resolve));

  const url = `http://${host}:${(server.address() as AddressInfo).port}`;
  return {
    url,
    baseUrl: url + (wire.basePath ?? "/v1"),
    tlsUrl: url.replace("http:", "https:") + (wire.basePath ?? "/v1"),
    truth,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** What stands in front of a provider answers in its place. */
export function sendHtml({ response, record, truth }: Exchange, status: number, html: string): void {
  record.status = status;
  record.outcome = "error";
  truth.keep(record, Buffer.from(html));
  response.writeHead(status, { "content-type": "text/html" }).end(html);
}

function answerTruth(truth: Truth, request: IncomingMessage, response: ServerResponse): void {
  const query = new URL(request.url ?? "/", "http://simulator").searchParams;
  const sentOf = query.get("sent");
  if (request.method === "DELETE") {
    truth.clear();
    response.writeHead(204).end();
  } else if (sentOf !== null) {
    const record = truth.byId(sentOf);
    response
      .writeHead(record ? 200 : 404, { "content-type": "application/octet-stream" })
      .end(record && truth.sent(record));
  } else {
    const requests = query.has("summary") ? undefined : truth.requests;
    response
      .writeHead(200, { "content-type": "application/json" })
      .end(JSON.stringify({ ...truth.summary(), requests }));
  }
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}
