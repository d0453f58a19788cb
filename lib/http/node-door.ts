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
  let drains: (() => void)[] = [];
  const drain = () => {
    const waiting = drains;
    drains = [];
    for (const resume of waiting) resume();
  };
  outgoing.on("drain", drain);
  outgoing.on("close", () => {
    if (outgoing.writableFinished) return;
    gone = true;
    for (const leave of leavers) leave();
    // whoever waits for a client that left would wait for ever
    drain();
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
    cut() {
      gone = true;
      outgoing.destroy();
    },
    onDrain(callback) {
      if (gone) callback();
      else drains.push(callback);
    },
    onGone(callback) {
      if (gone) callback();
      else leavers.push(callback);
    },
  };
}

/** An upload brings 1 kB/s, judged every 10 s: whoever sends less keeps a connection and its memory for nothing. */
const RATE_WINDOW_MS = 10_000;
const LEAST_BYTES_PER_WINDOW = 10_000;

/** How long what is left of an answered request's body is read and dropped: a client that still writes when the connection
 *  closes sees a reset instead of the answer, and tries again. */
const DISCARD_MS = 10_000;

/** Ends an upload that was answered already where its sender does not. */
export function limitUpload(incoming: IncomingMessage): void {
  if (incoming.complete) return;
  setTimeout(() => incoming.complete || incoming.destroy(), DISCARD_MS).unref();
}

function discardUpload(incoming: IncomingMessage): void {
  incoming.removeAllListeners("data").resume();
  limitUpload(incoming);
}

/** Reads at most `limitBytes`; a body that declares more is refused before a byte of it is read. */
function readBody(incoming: IncomingMessage, limitBytes: number): Promise<Buffer> {
  const tooLarge = () =>
    new AppError("request_too_large", `The request body is larger than ${Math.floor(limitBytes / 1024 / 1024)} MB.`);
  if (Number(incoming.headers["content-length"] ?? 0) > limitBytes) {
    discardUpload(incoming);
    return Promise.reject(tooLarge());
  }
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let length = 0;
    let judgedLength = 0;
    const refuse = (error: AppError) => {
      clearInterval(judge);
      parts.length = 0;
      discardUpload(incoming);
      reject(error);
    };
    const judge = setInterval(() => {
      if (length - judgedLength < LEAST_BYTES_PER_WINDOW)
        return refuse(new AppError("invalid_request", "The request body came too slowly: less than 1 kB per second."));
      judgedLength = length;
    }, RATE_WINDOW_MS);
    incoming.on("data", (part: Buffer) => {
      length += part.length;
      if (length <= limitBytes) parts.push(part);
      else refuse(tooLarge());
    });
    incoming.on("close", () => clearInterval(judge));
    incoming.on("end", () => {
      clearInterval(judge);
      if (length > limitBytes) return;
      const whole = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
      resolve(decodeBody(whole, incoming.headers["content-encoding"], limitBytes));
    });
    incoming.on("error", () => reject(new AppError("invalid_request", "The request body broke off.")));
    incoming.on("aborted", () => reject(new AppError("invalid_request", "The request body broke off.")));
  });
}
