import { crashPoint, crashPointSoon } from "@/lib/crash-points";
import { AppError } from "@/lib/errors";
import { type AttemptContext, type AttemptResult, failed, GRACE_DRAIN_MS } from "@/lib/gateway/attempt";
import type { JsonObject } from "@/lib/gateway/json-body";
import type { Outcome } from "@/lib/gateway/meter/call-meter";
import { StreamTooLarge } from "@/lib/gateway/meter/sse";
import type { UpstreamFailure } from "@/lib/gateway/providers/define";
import { RelayedAnswer } from "@/lib/gateway/relay-answer";
import { RelayReader } from "@/lib/gateway/relay-reader";
import { relayOf, relayRequest } from "@/lib/gateway/relay-request";
import type { StreamOutput } from "@/lib/gateway/stream-output";
import { openUpstream, type UpstreamCall } from "@/lib/gateway/upstream";

/** One relayed streaming attempt. Whole events go through as the bytes they are, but for usage. Everything before the first
 *  content is kept back, so that a failure there can still go to another candidate. Rejects only where a bug of ours left
 *  nothing to settle with. */
export function relayStream(context: AttemptContext): Promise<AttemptResult> {
  return new Promise((resolve, reject) => new StreamRelay(context, resolve, reject).start());
}

const MAX_ERROR_BYTES = 64 * 1024;
/** Of what comes before the first content: nobody says more without saying anything. */
const MAX_QUEUED_BYTES = 4 * 1024 * 1024;

class StreamRelay {
  private readonly reader: RelayReader;
  private readonly answer: RelayedAnswer;
  private readonly output: StreamOutput;
  private upstream: UpstreamCall | null = null;
  private status = 0;
  private headers: Record<string, string | undefined> = {};
  private readonly errorBody: Buffer[] = [];
  /** Came in this turn of the event loop and waits to be read. */
  private received: Buffer[] = [];
  /** Events on their way to the client: of this region, or all that came before the first content. */
  private queued: Buffer[] = [];
  private queuedBytes = 0;
  private committed = false;
  private done = false;
  private grace: NodeJS.Timeout | null = null;
  /** Why nothing is read for the moment. */
  private readonly pauses = new Set<"client" | "hold">();

  constructor(
    private readonly context: AttemptContext,
    private readonly resolve: (result: AttemptResult) => void,
    private readonly reject: (error: unknown) => void,
  ) {
    this.reader = new RelayReader(this, relayOf(context.chat).marker);
    this.answer = new RelayedAnswer(context);
    // safe because streaming calls are always given an output
    this.output = context.output as StreamOutput;
  }

  start(): void {
    const { context } = this;
    this.upstream = openUpstream(context.connect, relayRequest(context), {
      onHeaders: (status, headers) => {
        this.status = status;
        this.headers = headers;
      },
      onData: (chunk) => this.receive(chunk),
      onEnd: () => {
        this.readReceived();
        this.guard(() => this.upstreamEnded());
      },
      onFailure: (failure) => {
        this.readReceived();
        this.guard(() => this.upstreamFailed(failure));
      },
    });
    this.output.onGone(() => this.guard(() => this.clientLeft()));
    context.meter.onAbort(() =>
      this.guard(() => this.close(context.meter.aborted === "timeout" ? "timeout" : "internal_error")),
    );
    context.meter.onHold({
      extended: () => this.resume("hold"),
      exhausted: () => this.guard(() => this.creditEnded()),
    });
  }

  /** A bug of ours is reported and ends the call, instead of leaving the client hanging. */
  private guard(step: () => void): void {
    if (this.done) return;
    try {
      step();
    } catch (error) {
      if (error instanceof StreamTooLarge) return this.guard(() => this.upstreamFailed(serverFailure(error.message)));
      this.context.onError(error);
      this.giveUp(error);
    }
  }

  private giveUp(error: unknown): void {
    try {
      this.close("internal_error");
    } catch {
      // closing needs what failed: whoever runs the attempt settles without it
      this.stop();
      this.reject(error);
    }
  }

  /** What one packet brought is read and passed on together, within the same turn of the event loop: a write per chunk
   *  would cost more than all else a stream costs. */
  private receive(chunk: Buffer): void {
    if (this.received.push(chunk) === 1) queueMicrotask(() => this.readReceived());
  }

  private readReceived(): void {
    const { received } = this;
    if (received.length === 0) return;
    this.received = [];
    this.guard(() => this.read(received.length === 1 ? (received[0] as Buffer) : Buffer.concat(received)));
  }

  private read(chunk: Buffer): void {
    if (!this.isSuccess) {
      if (this.errorBody.reduce((sum, part) => sum + part.length, 0) < MAX_ERROR_BYTES) this.errorBody.push(chunk);
      return;
    }
    this.reader.push(chunk);
    if (this.done) return;
    this.flush();
    if (this.committed && !this.output.gone && !this.answer.hasRoom) this.pause("hold");
  }

  onChunk(chunk: JsonObject, event: Buffer): void {
    const facts = relayOf(this.context.chat).facts(chunk, this.context.chat);
    if (facts.error) return this.upstreamFailed(this.classifyFrame(chunk, facts.error));
    if (!this.committed) this.answer.identify(facts, chunk);
    const edited = this.answer.read(facts, chunk, event);
    if (facts.hasContent && !this.committed) {
      this.answer.learn(event, chunk);
      this.commit();
    }
    if (edited) this.onEvents(edited);
    if (facts.isLast) this.onDone();
  }

  onGarbage(event: Buffer): void {
    if (this.committed) this.onEvents(event);
    else this.upstreamFailed(serverFailure("The provider sent a chunk that is not JSON."));
  }

  /** Queues whole events for the client; until the first content they stay queued. */
  onEvents(events: Buffer): void {
    this.queued.push(events);
    if (this.committed) return this.answer.count(events);
    this.queuedBytes += events.length;
    if (this.queuedBytes > MAX_QUEUED_BYTES)
      throw new StreamTooLarge("The provider sent more than 4 MB without any content.");
  }

  /** The answer is complete: settled first, so that nothing is lost once the client has seen the end. */
  onDone(): void {
    if (!this.committed) this.commit();
    const owed = this.answer.complete(this.status, this.output.gone);
    crashPoint("answer.settled");
    this.output.end(this.takeQueued(owed));
    crashPointSoon("answer.sent");
    this.end({ answered: true });
  }

  private commit(): void {
    this.committed = true;
    this.reader.skim();
    this.context.meter.firstContent(() => this.answer.counted());
    this.output.commit(this.context.answerHeaders);
    crashPoint("content.committed");
  }

  private flush(): void {
    if (!this.committed || this.queued.length === 0) return;
    const bytes = this.takeQueued();
    const mayGoOn = this.output.gone || this.output.write(bytes);
    crashPoint("content.written");
    if (mayGoOn || this.pauses.has("client")) return;
    this.pause("client");
    this.output.onDrain(() => this.resume("client"));
  }

  private pause(reason: "client" | "hold"): void {
    this.pauses.add(reason);
    this.upstream?.pause();
  }

  private resume(reason: "client" | "hold"): void {
    if (this.pauses.delete(reason) && this.pauses.size === 0) this.upstream?.resume();
  }

  private takeQueued(last?: string): Buffer {
    const queued = this.queued;
    this.queued = [];
    if (last !== undefined) queued.push(Buffer.from(last));
    return queued.length === 1 ? (queued[0] as Buffer) : Buffer.concat(queued);
  }

  private upstreamEnded(): void {
    if (!this.isSuccess) {
      const body = Buffer.concat(this.errorBody).toString("utf8");
      return this.end(
        failed(this.context.candidate.definition.classify({ status: this.status, headers: this.headers, body })),
      );
    }
    this.reader.end();
    if (this.done) return;
    // a provider that names a finish reason and forgets [DONE] did complete; anything less was cut
    if (this.answer.finishReason !== null) return this.onDone();
    this.upstreamFailed(serverFailure("The provider closed the stream before its end."));
  }

  private upstreamFailed(failure: UpstreamFailure): void {
    this.upstream?.abort();
    if (!this.committed) return this.end(failed(failure));
    const isTimeout = failure.class === "timeout";
    this.answer.settle(isTimeout ? "timeout" : "cut", this.status, this.output.gone ? 499 : 200);
    const error = new AppError(
      isTimeout ? "upstream_timeout" : "upstream_error",
      "The provider broke off its answer. You were charged for what arrived.",
    );
    this.output.end(this.takeQueued(this.answer.failure(error)));
    this.end({ answered: true });
  }

  private clientLeft(): void {
    if (this.grace) return;
    crashPoint("client.left");
    this.resume("client");
    this.resume("hold");
    this.grace = setTimeout(() => this.guard(() => this.close("client_gone")), GRACE_DRAIN_MS);
  }

  /** The hold is used up and may not grow: a clean end, the only one that the hub makes itself. */
  private creditEnded(): void {
    if (this.output.gone) return;
    this.upstream?.abort();
    this.output.end(this.takeQueued(this.answer.exhaust(this.status)));
    this.end({ answered: true });
  }

  /** Ends the call from our side: what arrived is charged. */
  private close(outcome: Outcome): void {
    this.upstream?.abort();
    if (outcome === "client_gone") crashPoint("client.abandoned");
    this.answer.settle(outcome, this.status, outcome === "client_gone" ? 499 : 200);
    if (!this.output.gone) {
      const error = new AppError(
        "internal_error",
        "The hub had to end this stream. You were charged for what arrived.",
      );
      this.output.commit(this.context.answerHeaders);
      this.output.end(this.takeQueued(this.answer.failure(error)));
    }
    this.end({ answered: true });
  }

  private end(result: AttemptResult): void {
    this.stop();
    this.resolve(result);
  }

  private stop(): void {
    this.done = true;
    this.reader.stop();
    if (this.grace) clearTimeout(this.grace);
  }

  private get isSuccess(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  private classifyFrame(chunk: JsonObject, error: unknown): UpstreamFailure {
    const { code } = error as { code?: unknown };
    const status = typeof code === "number" && code >= 400 ? code : 500;
    return this.context.candidate.definition.classify({ status, headers: this.headers, body: JSON.stringify(chunk) });
  }
}

function serverFailure(message: string): UpstreamFailure {
  return { class: "server", status: null, message, param: null, retryAfterMs: null };
}
