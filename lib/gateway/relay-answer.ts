import type { Usage } from "@/lib/billing/usage";
import type { AppError } from "@/lib/errors";
import type { AttemptContext } from "@/lib/gateway/attempt";
import { DONE_FRAME, dataFrame, errorFrame } from "@/lib/gateway/dialects/openai-chat/frames";
import { publicUsage, replaceUsage } from "@/lib/gateway/dialects/openai-chat/relay";
import { chatUsage } from "@/lib/gateway/dialects/openai-chat/usage";
import type { JsonObject } from "@/lib/gateway/json-body";
import type { Outcome } from "@/lib/gateway/meter/call-meter";
import { RelayTally } from "@/lib/gateway/meter/relay-tally";
import { toUsdNumber } from "@/lib/money";

/** What a relayed stream has said so far: who it is, what it used and how it ended; and what that costs. */
export class RelayedAnswer {
  finishReason: string | null = null;
  private readonly tally: RelayTally;
  private usage: JsonObject | null = null;
  private identity: { id: string; created: number; model: string };

  constructor(private readonly context: AttemptContext) {
    const { requestId, clock, chat, inputTokens } = context;
    this.tally = new RelayTally(inputTokens);
    this.identity = { id: requestId, created: Math.floor(clock.now() / 1000), model: chat.model };
  }

  /** Events that count as received by the client. */
  count(events: Buffer): void {
    this.tally.add(events);
  }

  counted(): Usage {
    return this.tally.usage();
  }

  /** The first chunks say who answers. */
  identify({ id, created, model }: JsonObject): void {
    if (typeof id !== "string") return;
    this.context.meter.setUpstreamId(id);
    this.identity = {
      id,
      created: Number(created) || this.identity.created,
      model: String(model ?? this.identity.model),
    };
  }

  /** Takes note of a chunk. Returns the event to pass on: with the tenant's price in its usage, or null where only we had
   *  asked for it. */
  read(chunk: JsonObject, event: Buffer): Buffer | null {
    const reason = (chunk.choices as ({ finish_reason?: unknown } | null)[] | undefined)?.[0]?.finish_reason;
    if (typeof reason === "string") this.finishReason = reason;
    if (typeof chunk.usage !== "object" || chunk.usage === null) return event;
    this.usage = chunk.usage as JsonObject;
    const isUsageOnly = Array.isArray(chunk.choices) && chunk.choices.length === 0;
    if (isUsageOnly && !this.context.chat.includeUsage) return null;
    const normalised = this.reported();
    const price = normalised && this.context.meter.priceOf(normalised);
    const usage = publicUsage(this.usage, price === null ? null : toUsdNumber(price));
    const text = event.toString("utf8");
    return Buffer.from(replaceUsage(text, chunk.usage, usage) ?? dataFrame({ ...chunk, usage }));
  }

  /** Settles an answer that came to its end; returns the frames that are still owed. */
  complete(upstreamStatus: number, isGone: boolean): string {
    const price = this.settle(isGone ? "client_gone" : "ok", upstreamStatus, isGone ? 499 : 200);
    if (this.reported() || !this.context.chat.includeUsage) return DONE_FRAME;
    // the client asked for usage and the provider gave none: it gets ours
    const chunk = { ...this.identity, object: "chat.completion.chunk", choices: [] };
    return dataFrame({ ...chunk, usage: chatUsage(this.counted(), price) }) + DONE_FRAME;
  }

  /** Settles what arrived: as reported, else as counted. A stream that broke off pays for what was received, whatever it had
   *  reported on the way; one that never was a success pays nothing. Returns the price. */
  settle(outcome: Outcome, upstreamStatus: number, clientStatus: number): bigint | null {
    const isBroken = outcome === "cut" || outcome === "timeout";
    const isSuccess = upstreamStatus >= 200 && upstreamStatus < 300;
    const reported = isBroken ? null : this.reported();
    const usage = reported ?? (isSuccess ? this.counted() : null);
    return this.context.meter.finish(
      {
        outcome,
        httpStatus: upstreamStatus || null,
        usage,
        usageSource: reported ? "reported" : usage ? "estimated" : "unknown",
        finishReason: isBroken ? "error" : this.finishReason,
      },
      clientStatus,
    );
  }

  /** The last frame of a stream that failed. */
  failure(error: AppError): string {
    return errorFrame(error, this.identity);
  }

  private reported(): Usage | null {
    return this.context.candidate.definition.usage(this.usage);
  }
}
