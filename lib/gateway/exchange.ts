import type { RequestId } from "@/lib/ids";

/** One HTTP exchange, free of any framework: `lib/http/node-door.ts` and `lib/http/web-door.ts` make these. */
export type GatewayRequest = {
  readonly id: RequestId;
  readonly method: string;
  /** Decoded path without query, one trailing slash removed, double slashes collapsed. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Lower-case name -> value; repeated headers joined with ", ". */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly remoteAddress: string | null;
  /** The decoded body. Throws request_too_large (also by declared length, before reading), unsupported_media_type,
   *  invalid_request for a broken encoding. */
  readBody(limitBytes: number): Promise<Buffer>;
};

/** Where an answer goes. `send` for whole answers; `start`, `write`…, `end` for streams. */
export type Reply = {
  readonly started: boolean;
  /** The client went away before the answer was complete. */
  readonly gone: boolean;
  send(status: number, headers: Record<string, string>, body: string | Uint8Array): void;
  start(status: number, headers: Record<string, string>): void;
  /** False: the client is slow; stop until `onDrain`. Writes after the client left are dropped. */
  write(chunk: string | Uint8Array): boolean;
  /** With the last bytes of a stream, if any. */
  end(last?: string | Uint8Array): void;
  /** Closes the connection in the middle of an answer that has begun, so that nobody takes it for a whole one. */
  cut(): void;
  /** Called back once the client has room again, or has left. */
  onDrain(callback: () => void): void;
  onGone(callback: () => void): void;
};
