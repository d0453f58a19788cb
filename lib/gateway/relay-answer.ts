import { INPUT_CLASSES, totalOutputTokens, type Usage } from "@/lib/billing/usage";
import type { AppError } from "@/lib/errors";
import type { AttemptContext } from "@/lib/gateway/attempt";
import type { AnswerIdentity, RelayedFacts } from "@/lib/gateway/dialects/dialect";
import type { JsonObject } from "@/lib/gateway/json-body";
import type { AbortReason, Outcome } from "@/lib/gateway/meter/call-meter";
import { RelayTally } from "@/lib/gateway/meter/relay-tally";
import { usageReader } from "@/lib/gateway/providers/define";
import { relayOf } from "@/lib/gateway/relay-request";
import { publicUsage, replaceUsage } from "@/lib/gateway/relayed-usage";
import { confirmedTier, withFacts } from "@/lib/gateway/usage/named";
import { reportOf, type UsageReading } from "@/lib/gateway/usage/reading";
import { toUsdNumber } from "@/lib/money";

/** What an answer says that ended because its credit did. */
export const INSUFFICIENT_CREDITS = "insufficient_credits";

/** What a relayed stream has said so far: who it is, what it used and how it ended; and what that costs. */
export class RelayedAnswer {
  finishReason: string | null = null;
  private readonly tally: RelayTally;
  private usage: JsonObject | null = null;
  /** What came is only the beginning: the input, and hardly any of the output. */
  private isEarly = true;
  private latestReading: UsageReading | null = null;
  /** Of hosted tools, where the usage does not count them. */
  private toolCalls: Readonly<Record<string, number>> | null = null;
  private serviceTier: string | null = null;
  private identity: AnswerIdentity;

  constructor(private readonly context: AttemptContext) {
    const { requestId, clock, chat, inputTokens } = context;
    this.tally = new RelayTally(inputTokens, relayOf(chat).text);
    this.identity = { id: requestId, created: Math.floor(clock.now() / 1000), model: chat.model };
  }

  /** Events that count as received by the client. */
  count(events: Buffer): void {
    this.tally.add(events);
  }

  /** The first content, which was parsed anyway. */
  learn(event: Buffer, chunk: JsonObject): void {
    this.tally.learn(event, chunk);
  }

  /** False: the hold is used up. */
  get hasRoom(): boolean {
    return this.context.meter.hasRoom((limit) => this.tally.uncounted(limit));
  }

  /** Our count; of the input, what the provider has said of it at the start. */
  counted(): Usage {
    const { serviceTier: tier } = this;
    const counted = { ...this.tally.usage(), ...(tier !== null && { serviceTier: tier }) };
    if (!this.usage || !this.isEarly || this.reading.source !== "reported") return counted;
    const { usage } = this.reading;
    const input = INPUT_CLASSES.flatMap((name) => (usage[name] === undefined ? [] : [[name, usage[name]]]));
    return { ...counted, input: 0, ...Object.fromEntries(input) };
  }

  /** The first chunks say who answers. */
  identify({ id }: RelayedFacts, { created, model }: JsonObject): void {
    if (id === undefined) return;
    this.context.meter.setUpstreamId(id);
    this.identity = {
      id,
      created: Number(created) || this.identity.created,
      model: String(model ?? this.identity.model),
    };
  }

  /** Takes note of a chunk. Returns the event to pass on: with the tenant's price in its usage, or null where only we had
   *  asked for it. */
  read(facts: RelayedFacts, chunk: JsonObject, event: Buffer): Buffer | null {
    if (facts.finishReason !== undefined) this.finishReason = facts.finishReason;
    if (facts.toolCalls !== undefined) this.toolCalls = facts.toolCalls ?? this.tally.usage().toolCalls ?? null;
    if (facts.serviceTier !== undefined)
      this.serviceTier = confirmedTier(this.context.chat.serviceTier, facts.serviceTier);
    const found = facts.usage ?? facts.earlyUsage;
    if (!found) return event;
    const relay = relayOf(this.context.chat);
    this.usage = relay.joinUsage ? relay.joinUsage(this.usage, found) : found;
    this.latestReading = null;
    if (facts.usage) this.isEarly = false;
    if (facts.isUnasked) return null;
    if (!facts.usage) return event;
    const { usage: normalised, source } = this.reading;
    const price = source === "reported" ? this.context.meter.priceOf(normalised) : null;
    const { candidate, chat } = this.context;
    const restate = candidate.definition.speaks[chat.dialect.id]?.restate;
    const usage = publicUsage(facts.usage, price === null ? null : toUsdNumber(price), restate);
    const text = event.toString("utf8");
    return Buffer.from(replaceUsage(text, facts.usage, usage) ?? relay.frame(replaceIn(chunk, facts.usage, usage)));
  }

  /** Settles an answer that came to its end; returns the frames that are still owed. */
  complete(upstreamStatus: number, isGone: boolean): string {
    const price = this.settle(isGone ? "client_gone" : "ok", upstreamStatus, isGone ? 499 : 200);
    const { chat } = this.context;
    const reported = this.isReported;
    return relayOf(chat).owed({
      ...{ call: chat, identity: this.identity, reported, price },
      counted: () => this.counted(),
    });
  }

  /** Settles an answer that its credit ends: what came is charged. Returns the frames that make it look complete. */
  exhaust(upstreamStatus: number): string {
    this.finishReason = INSUFFICIENT_CREDITS;
    const price = this.settle("ok", upstreamStatus, 200);
    const { chat } = this.context;
    return relayOf(chat).curtail({
      ...{ call: chat, identity: this.identity, lastEvent: this.tally.lastEvent, native: INSUFFICIENT_CREDITS, price },
      usage: this.isReported ? this.reading.usage : this.counted(),
    });
  }

  /** Settles what arrived: as reported, else as counted. A stream that broke off pays for what was received, whatever it had
   *  reported on the way; one that never was a success pays nothing. Returns the price. */
  settle(outcome: Outcome, upstreamStatus: number, clientStatus: number): bigint | null {
    const isBroken = outcome === "cut" || outcome === "timeout";
    const isSuccess = upstreamStatus >= 200 && upstreamStatus < 300;
    const { reading } = this;
    const reported = this.isReported && !isBroken ? reading.usage : null;
    const received = reported ?? (isSuccess ? this.counted() : null);
    // broken off before any output: not the tenant's fault, whoever's it was
    const isVoid = (isBroken || outcome === "internal_error") && received !== null && totalOutputTokens(received) === 0;
    const usage = isVoid ? null : received;
    const isZero = reported !== null && totalOutputTokens(reported) === 0 && totalOutputTokens(this.counted()) > 0;
    return this.context.meter.finish(
      {
        outcome,
        httpStatus: upstreamStatus || null,
        usage,
        usageSource: !usage ? "unknown" : reported ? "reported" : "estimated",
        finishReason: isBroken ? "error" : (endOf(this.context.meter.aborted) ?? this.finishReason),
        report: reportOf(this.usage, reading, ...(isZero ? ["zero_output"] : [])),
      },
      clientStatus,
    );
  }

  /** The last frame of a stream that failed. */
  failure(error: AppError): string {
    const { chat, requestId } = this.context;
    return chat.dialect.failureFrame(error, { call: chat, identity: this.identity, requestId });
  }

  private get isReported(): boolean {
    return !this.isEarly && this.reading.source === "reported";
  }

  /** Of the last usage that came, each read once. */
  private get reading(): UsageReading {
    const { candidate, chat } = this.context;
    const { toolCalls, serviceTier } = this;
    this.latestReading ??= withFacts(usageReader(candidate.definition, chat.dialect.id)(this.usage), {
      toolCalls,
      serviceTier,
    });
    return this.latestReading;
  }
}

/** The books name what was cut by a shutdown: its tenant gets the price back (`compensate_shutdowns`). */
export function endOf(aborted: AbortReason | null): string | null {
  return aborted === "shutdown" ? "shutdown" : null;
}

/** A copy of an event with one object in it, known by identity, replaced. */
function replaceIn(event: JsonObject, wanted: JsonObject, replacement: JsonObject): JsonObject {
  return JSON.parse(JSON.stringify(event, (_key, value) => (value === wanted ? replacement : value))) as JsonObject;
}
