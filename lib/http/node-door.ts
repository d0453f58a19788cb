import type { IncomingMessage, ServerResponse } from "node:http";
import { AppError } from "@/lib/errors";
import type { GatewayRequest, Reply } from "@/lib/gateway/exchange";
import { decodeBody } from "@/lib/http/decode-body";
import { normalisePath } from "@/lib/http/normalise-path";
import { newId } from "@/lib/ids";

/** The fast door: a Node request as the gateway's own exchange. `remoteAddress` is the peer, or the client that a trusted
 *  proxy named. */
export function fromNode(incoming: IncomingMessage, remoteAddress: string | null): GatewayRequest {
  const url = incoming.url ?? "/";
  const question = url.indexOf("?");
  return {
    id: newId("req"),
    method: incoming.method ?? "GET",
    path: normalisePath(question < 0 ? url : url.slice(0, question)),
    query: new URLSearchParams(question < 0 ? "" : url.slice(question + 1)),
    // safe because Node joins repeated headers, set-cookie apart, which requests do not carry
    headers: incoming.headers as Record<string, string | undefined>,
    remoteAddress,
    readBody: (limitBytes) => readBody(incoming, limitBytes),
  };
}

export function toNode(outgoing: ServerResponse): Reply {
  let started = false;
  let gone = false;
  const leavers: (() => void)[] = [];
  outgoing.on("close", () => {
    if (outgoing.writableFinished) return;
    gone = true;
    for (const leave of leavers) leave();
  });
  return {
    get started() {
      return started;
    },
    get gone() {
      return gone;
    },
    send(status, headers, body) {
      if (gone || started) return;
      started = true;
      const bytes = typeof body === "string" ? Buffer.byteLength(body) : body.length;
      if (status !== 204) headers["content-length"] = String(bytes);
      outgoing.writeHead(status, headers).end(outgoing.req.method === "HEAD" ? undefined : body);
    },
    start(status, headers) {
      if (gone || started) return;
      started = true;
      outgoing.writeHead(status, headers);
    },
    write: (chunk) => gone || outgoing.write(chunk),
    end(last) {
      if (!gone) outgoing.end(last);
    },
    onDrain: (callback) => void outgoing.once("drain", callback),
    onGone(callback) {
      if (gone) callback();
      else leavers.push(callback);
    },
  };
}

/** How long what is left of a refused body is read and dropped: a client that still writes when the connection closes sees
 *  a reset instead of the answer, and tries again. */
const DISCARD_MS = 10_000;

/** Reads at most `limitBytes`; a body that declares more is refused before a byte of it is read. */
function readBody(incoming: IncomingMessage, limitBytes: number): Promise<Buffer> {
  const refuse = () => {
    incoming.removeAllListeners("data").resume();
    setTimeout(() => incoming.complete || incoming.destroy(), DISCARD_MS).unref();
    return new AppError(
      "request_too_large",
      `The request body is larger than ${Math.floor(limitBytes / 1024 / 1024)} MB.`,
    );
  };
  if (Number(incoming.headers["content-length"] ?? 0) > limitBytes) return Promise.reject(refuse());
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let length = 0;
    incoming.on("data", (part: Buffer) => {
      length += part.length;
      if (length <= limitBytes) return void parts.push(part);
      parts.length = 0;
      reject(refuse());
    });
    incoming.on("end", () => {
      if (length > limitBytes) return;
      const whole = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
      resolve(decodeBody(whole, incoming.headers["content-encoding"], limitBytes));
    });
    incoming.on("error", () => reject(new AppError("invalid_request", "The request body broke off.")));
    incoming.on("aborted", () => reject(new AppError("invalid_request", "The request body broke off.")));
  });
}
