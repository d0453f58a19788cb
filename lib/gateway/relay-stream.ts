import { AppError } from "@/lib/errors";
import { type AttemptContext, type AttemptResult, failed, GRACE_DRAIN_MS } from "@/lib/gateway/attempt";
import { contentOf, DONE_FRAME, dataFrame, errorFrame } from "@/lib/gateway/dialects/openai-chat/frames";
import { publicUsage, replaceUsage } from "@/lib/gateway/dialects/openai-chat/relay";
import { chatUsage } from "@/lib/gateway/dialects/openai-chat/usage";
import type { JsonObject } from "@/lib/gateway/json-body";
import type { Outcome } from "@/lib/gateway/meter/call-meter";
import { RelayTally } from "@/lib/gateway/meter/relay-tally";
import { EventSplitter, endOfEvent, eventData, startOfEvent } from "@/lib/gateway/meter/sse";
import type { UpstreamFailure } from "@/lib/gateway/providers/define";
import { relayRequest } from "@/lib/gateway/relay-request";
import type { StreamOutput } from "@/lib/gateway/stream-output";
import { openUpstream, transportFailure, type UpstreamCall } from "@/lib/gateway/upstream";
import { toUsdNumber } from "@/lib/money";

/** One relayed streaming attempt. Whole events go through as the bytes they are; only regions that may hold usage, an
 *  error, a finish reason or the end are looked into. Everything before the first content is kept back, so that a failure
 *  there can still go to another candidate. */
export function relayStream(context: AttemptContext): Promise<AttemptResult> {
  return new Promise((resolve) => new StreamRelay(context, resolve).start());
}

/** What makes an event worth parsing. Inside JSON strings these would be written with escaped quotes. One regular
 *  expression costs a tenth of one search per marker. */
const MARKER = /"usage": ?\{|"error"|"finish_reason": ?"|\[DONE\]/g;
const MAX_ERROR_BYTES = 64 * 1024;

class StreamRelay {
  private readonly splitter = new EventSplitter();
  private readonly tally: RelayTally;
  private readonly output: StreamOutput;
  private upstream: UpstreamCall | null = null;
  private status = 0;
  private headers: Record<string, string | undefined> = {};
  private readonly errorBody: Buffer[] = [];
  /** Came in this turn of the event loop and waits to be read. */
  private received: Buffer[] = [];
  /** Events on their way to the client: of this region, or all that came before the first content. */
  private queued: Buffer[] = [];
  private committed = false;
  private done = false;
  private finishReason: string | null = null;
  private usage: JsonObject | null = null;
  private chunk = { id: "", created: 0, model: "" };
  private grace: NodeJS.Timeout | null = null;
  private paused = false;

  constructor(
    private readonly context: AttemptContext,
    private readonly resolve: (result: AttemptResult) => void,
  ) {
    this.tally = new RelayTally(context.inputTokens);
    // safe because streaming calls are always given an output
    this.output = context.output as StreamOutput;
    this.chunk = { id: context.requestId, created: Math.floor(context.clock.now() / 1000), model: context.chat.model };
  }

  start(): void {
    const { context } = this;
    this.upstream = openUpstream(context.dispatcher, relayRequest(context), {
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
    this.output.onGone(() => this.clientLeft());
    context.meter.onAbort(() => this.close("internal_error"));
  }

  /** A bug in our own handling ends the call cleanly instead of leaving the client hanging. */
  private guard(step: () => void): void {
    if (this.done) return;
    try {
      step();
    } catch (error) {
      if (error instanceof RangeError) this.upstreamFailed(transportFailure(error));
      else this.close("internal_error");
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
    if (this.status < 200 || this.status > 299) {
      if (this.errorBody.reduce((sum, part) => sum + part.length, 0) < MAX_ERROR_BYTES) this.errorBody.push(chunk);
      return;
    }
    const region = this.splitter.push(chunk);
    if (region) this.readRegion(region);
  }

  private readRegion(region: Buffer): void {
    // one byte per character, so that positions in the text are positions in the bytes
    const text = region.toString("latin1");
    let from = 0;
    while (from < region.length && !this.done) {
      const marked = this.committed ? nextMarker(text, from) : from;
      if (marked < 0) {
        this.pass(region.subarray(from));
        break;
      }
      const start = startOfEvent(region, marked, from);
      if (start > from) this.pass(region.subarray(from, start));
      from = endOfEvent(region, marked);
      this.readEvent(region.subarray(start, from));
    }
    if (!this.done) this.flush();
  }

  private readEvent(event: Buffer): void {
    const data = eventData(event);
    if (data === null) return this.pass(event);
    if (data === "[DONE]") return this.finish();
    const chunk = parse(data);
    if (!chunk)
      return this.committed
        ? this.pass(event)
        : this.upstreamFailed(serverFailure("The provider sent a chunk that is not JSON."));
    if (chunk.error) return this.upstreamFailed(this.classifyFrame(chunk));

    this.remember(chunk);
    const { hasContent } = contentOf(chunk);
    const edited = this.readUsage(chunk, event);
    if (hasContent && !this.committed) this.commit();
    if (edited) this.pass(edited);
  }

  /** The event to pass on: with the tenant's price in its usage, or null where only we had asked for it. */
  private readUsage(chunk: JsonObject, event: Buffer): Buffer | null {
    if (typeof chunk.usage !== "object" || chunk.usage === null) return event;
    this.usage = chunk.usage as JsonObject;
    const isUsageOnly = Array.isArray(chunk.choices) && chunk.choices.length === 0;
    if (isUsageOnly && !this.context.chat.includeUsage) return null;
    const normalised = this.context.candidate.definition.usage(chunk.usage);
    const price = normalised && this.context.meter.priceOf(normalised);
    const usage = publicUsage(this.usage, price === null ? null : toUsdNumber(price));
    const text = event.toString("utf8");
    return Buffer.from(replaceUsage(text, chunk.usage, usage) ?? dataFrame({ ...chunk, usage }));
  }

  private remember(chunk: JsonObject): void {
    if (typeof chunk.id === "string" && !this.committed) {
      this.context.meter.setUpstreamId(chunk.id);
      this.chunk = {
        id: chunk.id,
        created: Number(chunk.created) || this.chunk.created,
        model: String(chunk.model ?? this.chunk.model),
      };
    }
    const reason = (chunk.choices as { finish_reason?: unknown }[] | undefined)?.[0]?.finish_reason;
    if (typeof reason === "string") this.finishReason = reason;
  }

  private commit(): void {
    this.committed = true;
    this.context.meter.firstContent(() => this.tally.usage());
    this.output.commit(this.context.answerHeaders);
  }

  /** Queues whole events for the client; until the first content they stay queued. */
  private pass(events: Buffer): void {
    this.queued.push(events);
    if (this.committed) this.tally.add(events);
  }

  private flush(): void {
    if (!this.committed || this.queued.length === 0) return;
    const bytes = this.takeQueued();
    if (this.output.gone || this.output.write(bytes) || this.paused) return;
    this.paused = true;
    this.upstream?.pause();
    this.output.onDrain(() => {
      this.paused = false;
      this.upstream?.resume();
    });
  }

  private takeQueued(last?: string): Buffer {
    const queued = this.queued;
    this.queued = [];
    if (last !== undefined) queued.push(Buffer.from(last));
    return queued.length === 1 ? (queued[0] as Buffer) : Buffer.concat(queued);
  }

  private upstreamEnded(): void {
    if (this.status < 200 || this.status > 299) {
      const body = Buffer.concat(this.errorBody).toString("utf8");
      return this.end(
        failed(this.context.candidate.definition.classify({ status: this.status, headers: this.headers, body })),
      );
    }
    const rest = this.splitter.flush();
    if (rest) this.readRegion(Buffer.concat([rest, Buffer.from("\n\n")]));
    if (this.done) return;
    // a provider that names a finish reason and forgets [DONE] did complete; anything less was cut
    if (this.finishReason !== null) return this.finish();
    this.upstreamFailed(serverFailure("The provider closed the stream before its end."));
  }

  private upstreamFailed(failure: UpstreamFailure): void {
    this.upstream?.abort();
    if (!this.committed) return this.end(failed(failure));
    const usage = this.tally.usage();
    this.context.meter.finish(
      {
        outcome: failure.class === "timeout" ? "timeout" : "cut",
        httpStatus: this.status,
        usage,
        usageSource: "estimated",
        finishReason: "error",
      },
      this.output.gone ? 499 : 200,
    );
    const error = new AppError(
      failure.class === "timeout" ? "upstream_timeout" : "upstream_error",
      "The provider broke off its answer. You were charged for what arrived.",
    );
    this.output.end(this.takeQueued(errorFrame(error, this.chunk)));
    this.end({ answered: true });
  }

  /** The answer is complete: settled first, so that nothing is lost once the client has seen the end. */
  private finish(): void {
    if (!this.committed) this.commit();
    const reported = this.context.candidate.definition.usage(this.usage);
    const usage = reported ?? this.tally.usage();
    const price = this.context.meter.finish(
      {
        outcome: this.output.gone ? "client_gone" : "ok",
        httpStatus: this.status,
        usage,
        usageSource: reported ? "reported" : "estimated",
        finishReason: this.finishReason,
      },
      this.output.gone ? 499 : 200,
    );
    // the client asked for usage and the provider gave none: it gets ours
    const own =
      !reported && this.context.chat.includeUsage
        ? dataFrame({ ...this.chunkBase(), choices: [], usage: chatUsage(usage, price) })
        : "";
    this.output.end(this.takeQueued(own + DONE_FRAME));
    this.end({ answered: true });
  }

  private clientLeft(): void {
    if (this.done || this.grace) return;
    if (this.paused) {
      this.paused = false;
      this.upstream?.resume();
    }
    // before the headers there is nothing to wait for
    if (this.status === 0) return this.close("client_gone");
    this.grace = setTimeout(() => this.close("client_gone"), GRACE_DRAIN_MS);
  }

  /** Ends the call from our side: what arrived is charged. */
  private close(outcome: Outcome): void {
    if (this.done) return;
    this.upstream?.abort();
    const answered = this.status >= 200 && this.status < 300;
    const reported = this.context.candidate.definition.usage(this.usage);
    const usage = reported ?? (answered ? this.tally.usage() : null);
    this.context.meter.finish(
      {
        outcome,
        httpStatus: this.status || null,
        usage,
        usageSource: reported ? "reported" : usage ? "estimated" : "unknown",
        finishReason: this.finishReason,
      },
      outcome === "client_gone" ? 499 : 200,
    );
    if (!this.output.gone) {
      this.output.commit(this.context.answerHeaders);
      this.output.end(
        this.takeQueued(
          errorFrame(
            new AppError("internal_error", "The hub had to end this stream. You were charged for what arrived."),
            this.chunk,
          ),
        ),
      );
    }
    this.end({ answered: true });
  }

  private end(result: AttemptResult): void {
    if (this.done) return;
    this.done = true;
    if (this.grace) clearTimeout(this.grace);
    // the client left while the status was still open: no other candidate is worth trying
    this.resolve(result);
  }

  private classifyFrame(chunk: JsonObject): UpstreamFailure {
    const { code } = (chunk.error ?? {}) as { code?: unknown };
    const status = typeof code === "number" && code >= 400 ? code : 500;
    return this.context.candidate.definition.classify({ status, headers: this.headers, body: JSON.stringify(chunk) });
  }

  private chunkBase() {
    return { id: this.chunk.id, object: "chat.completion.chunk", created: this.chunk.created, model: this.chunk.model };
  }
}

/** The position of the first marker at or after `from`; -1 for none. */
function nextMarker(text: string, from: number): number {
  MARKER.lastIndex = from;
  return MARKER.exec(text)?.index ?? -1;
}

function serverFailure(message: string): UpstreamFailure {
  return { class: "server", status: null, message, param: null, retryAfterMs: null };
}

function parse(data: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(data);
    return typeof value === "object" && value !== null ? (value as JsonObject) : null;
  } catch {
    return null;
  }
}
