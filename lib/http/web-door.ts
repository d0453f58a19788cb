import { AppError } from "@/lib/errors";
import type { GatewayRequest, Reply } from "@/lib/gateway/exchange";
import type { Gateway } from "@/lib/gateway/gateway";
import { decodeBody } from "@/lib/http/decode-body";
import { normalisePath } from "@/lib/http/normalise-path";
import { newId } from "@/lib/ids";

/** The portable door: the same handlers on the web's Request and Response. The promise resolves with the head of the
 *  answer; a stream goes on behind it. */
export function answerWebRequest(gateway: Gateway, request: Request, remoteAddress: string | null): Promise<Response> {
  return new Promise((resolve) => {
    const reply = new WebReply(request, resolve);
    void gateway.handle(fromWeb(request, remoteAddress), reply);
  });
}

function fromWeb(request: Request, remoteAddress: string | null): GatewayRequest {
  const url = new URL(request.url);
  return {
    id: newId("req"),
    method: request.method,
    path: normalisePath(url.pathname),
    query: url.searchParams,
    headers: Object.fromEntries(request.headers),
    remoteAddress,
    readBody: (limitBytes) => readBody(request, limitBytes),
  };
}

async function readBody(request: Request, limitBytes: number): Promise<Buffer> {
  const tooLarge = () =>
    new AppError("request_too_large", `The request body is larger than ${Math.floor(limitBytes / 1024 / 1024)} MB.`);
  if (Number(request.headers.get("content-length") ?? 0) > limitBytes) throw tooLarge();
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of request.body ?? []) {
    length += part.length;
    if (length > limitBytes) throw tooLarge();
    parts.push(part);
  }
  return decodeBody(Buffer.concat(parts), request.headers.get("content-encoding") ?? undefined, limitBytes);
}

/** How much may wait for a slow reader before the source is told to pause. */
const HIGH_WATER_BYTES = 64 * 1024;

class WebReply implements Reply {
  started = false;
  gone = false;
  private controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  private drains: (() => void)[] = [];
  private readonly leavers: (() => void)[] = [];
  private readonly encoder = new TextEncoder();
  private ended = false;

  constructor(
    private readonly request: Request,
    private readonly resolve: (response: Response) => void,
  ) {
    request.signal.addEventListener("abort", () => this.leave(), { once: true });
  }

  send(status: number, headers: Record<string, string>, body: string | Uint8Array): void {
    if (this.started) return;
    this.started = true;
    this.ended = true;
    const bytes = typeof body === "string" ? this.encoder.encode(body) : body;
    if (status !== 204) headers["content-length"] = String(bytes.length);
    // safe because Uint8Array is a body in every runtime; the DOM type wants an ArrayBuffer-backed one
    const content = status === 204 || this.request.method === "HEAD" ? null : (bytes as Uint8Array<ArrayBuffer>);
    this.resolve(new Response(content, { status, headers }));
  }

  start(status: number, headers: Record<string, string>): void {
    if (this.started) return;
    this.started = true;
    const stream = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.controller = controller;
        },
        pull: () => {
          const drains = this.drains;
          this.drains = [];
          for (const drain of drains) drain();
        },
        cancel: () => this.leave(),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: HIGH_WATER_BYTES }),
    );
    this.resolve(new Response(stream, { status, headers }));
  }

  write(chunk: string | Uint8Array): boolean {
    if (this.gone || !this.controller) return true;
    this.controller.enqueue(typeof chunk === "string" ? this.encoder.encode(chunk) : chunk);
    return (this.controller.desiredSize ?? 0) > 0;
  }

  end(last?: string | Uint8Array): void {
    if (this.ended) return;
    if (last !== undefined) this.write(last);
    this.ended = true;
    if (!this.gone) this.controller?.close();
  }

  cut(): void {
    if (this.ended) return;
    this.ended = true;
    this.controller?.error(new Error("The answer was cut off."));
  }

  onDrain(callback: () => void): void {
    if (this.gone || (this.controller?.desiredSize ?? 0) > 0) callback();
    else this.drains.push(callback);
  }

  onGone(callback: () => void): void {
    if (this.gone) callback();
    else this.leavers.push(callback);
  }

  /** A disconnect fires both the request's signal and the stream's cancel. */
  private leave(): void {
    if (this.gone || this.ended) return;
    this.gone = true;
    const drains = this.drains;
    this.drains = [];
    for (const callback of [...this.leavers, ...drains]) callback();
  }
}
