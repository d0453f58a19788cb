import type { Clock } from "@/lib/clock";
import type { Reply } from "@/lib/gateway/exchange";

const SSE_HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
};
/** Nothing has come by now: the status is committed so that proxies and SDKs keep waiting. Failover stays possible. */
const COMMIT_AFTER_MS = 10_000;
const HEARTBEAT_AFTER_MS = 15_000;
const COMMENT = ": ping\n\n";

/** The client's side of one event stream, over all attempts: commits the status late, keeps a silent stream alive, and
 *  passes the client's slowness on to whoever writes. */
export class StreamOutput {
  private readonly openedAt: number;
  private lastWriteAt: number;
  private ended = false;
  /** The answer has begun, so that its protocol's own heartbeat may come. */
  private hasBegun = false;

  constructor(
    private readonly reply: Reply,
    private readonly headers: Record<string, string>,
    private readonly clock: Clock,
    private readonly heartbeat = COMMENT,
  ) {
    this.openedAt = clock.monotonic();
    this.lastWriteAt = this.openedAt;
  }

  get started(): boolean {
    return this.reply.started;
  }

  get gone(): boolean {
    return this.reply.gone;
  }

  /** An attempt has content: sends the status line, unless a timer did already. */
  commit(headers: Record<string, string>): void {
    this.hasBegun = true;
    this.begin(headers);
  }

  private begin(headers: Record<string, string>): void {
    if (!this.reply.started) this.reply.start(200, { ...SSE_HEADERS, ...this.headers, ...headers });
  }

  /** False: pause the source until `onDrain`. */
  write(bytes: string | Uint8Array): boolean {
    this.lastWriteAt = this.clock.monotonic();
    return this.reply.write(bytes);
  }

  /** With the last bytes, if any. */
  end(last?: string | Uint8Array): void {
    this.ended = true;
    this.reply.end(last);
  }

  /** True while the client has the status of a stream and waits for its end. */
  get open(): boolean {
    return this.reply.started && !this.ended && !this.reply.gone;
  }

  onDrain(callback: () => void): void {
    this.reply.onDrain(callback);
  }

  onGone(callback: () => void): void {
    this.reply.onGone(callback);
  }

  /** Called now and then by the gateway's ticker. */
  tick(): void {
    if (this.reply.gone) return;
    const now = this.clock.monotonic();
    if (!this.reply.started) {
      if (now - this.openedAt < COMMIT_AFTER_MS) return;
      this.begin({});
      this.write(COMMENT);
    } else if (now - this.lastWriteAt >= HEARTBEAT_AFTER_MS) this.write(this.hasBegun ? this.heartbeat : COMMENT);
  }
}
