import type { Clock } from "@/lib/clock";
import type { Reply } from "@/lib/gateway/exchange";

/** The client gives up on headers after 60 s, and then asks three times more: four bills. */
const COMMIT_AFTER_MS = 45_000;
const PAD_AFTER_MS = 15_000;
/** Legal in front of JSON. */
const PADDING = " ";

/** The client's side of one whole JSON answer, for clients that do not wait for late headers: the status is committed after
 *  45 s, and spaces keep the connection going until the answer comes. */
export class PatientReply implements Reply {
  private lastWriteAt: number;
  private isCommitted = false;

  constructor(
    private readonly reply: Reply,
    private readonly headers: Record<string, string>,
    private readonly clock: Clock,
  ) {
    this.lastWriteAt = clock.monotonic();
  }

  get started(): boolean {
    return this.reply.started;
  }

  get gone(): boolean {
    return this.reply.gone;
  }

  send(status: number, headers: Record<string, string>, body: string | Uint8Array): void {
    if (this.isCommitted) this.reply.end(body);
    else this.reply.send(status, headers, body);
  }

  /** Called now and then by the gateway's ticker. */
  tick(): void {
    if (this.gone || (this.started && !this.isCommitted)) return;
    const now = this.clock.monotonic();
    if (now - this.lastWriteAt < (this.isCommitted ? PAD_AFTER_MS : COMMIT_AFTER_MS)) return;
    if (!this.isCommitted) this.reply.start(200, { ...this.headers, "content-type": "application/json" });
    this.isCommitted = true;
    this.lastWriteAt = now;
    this.reply.write(PADDING);
  }

  /** The call failed. A status that says otherwise cannot be taken back: only a cut tells the client. */
  fail(): void {
    if (this.isCommitted) this.reply.cut();
  }

  start(status: number, headers: Record<string, string>): void {
    this.reply.start(status, headers);
  }

  write(chunk: string | Uint8Array): boolean {
    return this.reply.write(chunk);
  }

  end(last?: string | Uint8Array): void {
    this.reply.end(last);
  }

  cut(): void {
    this.reply.cut();
  }

  onDrain(callback: () => void): void {
    this.reply.onDrain(callback);
  }

  onGone(callback: () => void): void {
    this.reply.onGone(callback);
  }
}
