import type {
  LanguageModelV4,
  LanguageModelV4FinishReason,
  LanguageModelV4StreamPart,
  LanguageModelV4Usage,
} from "@ai-sdk/provider";
import { totalOutputTokens, type Usage, type UsageSource } from "@/lib/billing/usage";
import { AppError } from "@/lib/errors";
import { type AttemptContext, type AttemptResult, failed } from "@/lib/gateway/attempt";
import type { AnswerIdentity, StreamRenderer } from "@/lib/gateway/dialects/dialect";
import { moduleWarnings } from "@/lib/gateway/dialects/module-warnings";
import { placeFiles } from "@/lib/gateway/dialects/prompt-files";
import type { Outcome } from "@/lib/gateway/meter/call-meter";
import { countTokens } from "@/lib/gateway/meter/tokens";
import { exchangeModule } from "@/lib/gateway/module-exchange";
import type { UpstreamFailure } from "@/lib/gateway/providers/define";
import { isUnknownEvent, sdkFailure } from "@/lib/gateway/providers/sdk-failure";
import { endOf, INSUFFICIENT_CREDITS } from "@/lib/gateway/relay-answer";
import { inlineRemoteFiles } from "@/lib/gateway/remote-files";
import { endedEvents } from "@/lib/gateway/sse-end";
import type { StreamOutput } from "@/lib/gateway/stream-output";
import { type ReadUsage, reportOf, type UsageReport } from "@/lib/gateway/usage/reading";

/** One attempt through the provider's AI SDK model, for upstreams that do not speak the client's dialect. */
export async function translate(context: AttemptContext): Promise<AttemptResult> {
  const { candidate, chat } = context;
  const { options, warnings } = chat.dialect.toCallOptions(chat, {
    provider: candidate.definition,
    upstreamModel: candidate.offer.upstreamModel,
    maxOutputTokens: context.maxOutputTokens,
  });
  const prepared = candidate.definition.prepare?.(options, candidate.offer.upstreamModel) ?? options;
  const prepare = async (abortSignal: AbortSignal) => {
    const model = await languageModelOf(context, prepared);
    const prompt = await inlineRemoteFiles(prepared.prompt, await model.supportedUrls, context.fileFetch);
    const call = { ...prepared, prompt: placeFiles(prompt, candidate.definition), abortSignal };
    return { model, call };
  };
  const exchange = { ...context, isStream: chat.stream };
  const isChat = candidate.definition.speaks["openai-chat"] !== undefined;
  if (!chat.stream)
    return exchangeModule(exchange, {
      ask: (signal) => prepare(signal).then(({ model, call }) => model.doGenerate(call)),
      answer: (result) => whole(context, result, warnings),
    });
  return exchangeModule(exchange, {
    // for the reason that modules of this wire forget: see `TranslatedStream`
    ask: (signal) => prepare(signal).then(({ model, call }) => model.doStream({ ...call, includeRawChunks: isChat })),
    answer: ({ stream }, signal) => new TranslatedStream(context, warnings, signal).run(stream),
  });
}

function languageModelOf({ candidate, secret, sdkFetch, timeouts }: AttemptContext, options: CallOptions) {
  const { baseUrl, region } = candidate.offer.provider;
  return candidate.definition.languageModel(
    { secret, baseUrl, region, fetch: endedEvents(sdkFetch(timeouts)) },
    candidate.offer.upstreamModel,
    options,
  );
}

const ENDED_EARLY: UpstreamFailure = {
  class: "server",
  status: null,
  message: "The provider closed the stream before its end.",
  param: null,
  retryAfterMs: null,
};

type CallOptions = Parameters<LanguageModelV4["doGenerate"]>[0];
type WholeAnswer = Awaited<ReturnType<LanguageModelV4["doGenerate"]>>;

function whole(context: AttemptContext, result: WholeAnswer, warnings: string[]): AttemptResult {
  const { meter, reply } = context;
  meter.firstContent(() => ({}));
  meter.setUpstreamId(result.response?.id);
  const text = result.content
    .map((part) => ("text" in part ? part.text : part.type === "tool-call" ? part.toolName + part.input : ""))
    .join("");
  const { usage, source, report } = usageOf(result.usage, context.candidate.definition.usage, () => ({
    input: context.inputTokens(),
    output: countTokens(text),
  }));
  const identity = identityOf(context, result.response?.timestamp);
  const provider = context.candidate.definition.id;
  const body = meter.finishWhole(
    {
      outcome: reply.gone ? "client_gone" : "ok",
      httpStatus: 200,
      usage,
      usageSource: source,
      report,
      finishReason: result.finishReason.unified,
    },
    reply.gone ? 499 : 200,
    (price) =>
      JSON.stringify(context.chat.dialect.renderWhole(context.chat, result, { identity, provider, usage, price })),
  );
  const headers = headersWith(context, [...warnings, ...moduleWarnings(result.warnings)]);
  reply.send(200, { ...headers, "content-type": "application/json" }, body);
  return { answered: true };
}

/** Success headers; what tunes and was left out is named. */
function headersWith({ chat, answerHeaders }: AttemptContext, warnings: readonly string[]): Record<string, string> {
  const all = new Set([...chat.warnings, ...warnings]);
  return all.size > 0 ? { ...answerHeaders, "x-aigne-warnings": [...all].join(", ") } : answerHeaders;
}

class TranslatedStream {
  private readonly renderer: StreamRenderer;
  private readonly output: StreamOutput;
  private readonly identity: AnswerIdentity;
  private committed = false;
  private text = "";
  private reasoning = "";
  private counted: Usage = {};
  private finish: Extract<LanguageModelV4StreamPart, { type: "finish" }> | null = null;
  /** As the upstream said it. An event that a module does not know, even behind the answer's end, makes it forget the reason. */
  private saidReason: string | null = null;
  /** Ends a wait for the client to take more. */
  private resume: (() => void) | null = null;
  /** Ends a wait for the hold. */
  private goOn: ((isExtended: boolean) => void) | null = null;

  constructor(
    private readonly context: AttemptContext,
    private readonly warnings: string[],
    private readonly signal: AbortSignal,
  ) {
    this.identity = identityOf(context, undefined);
    const { chat, candidate, inputTokens } = context;
    const answer = { identity: this.identity, provider: candidate.definition.id, inputTokens };
    this.renderer = chat.dialect.renderStream(chat, answer);
    // safe because streaming calls are always given an output
    this.output = context.output as StreamOutput;
    context.meter.onHold({ extended: () => this.goOn?.(true), exhausted: () => this.goOn?.(false) });
    this.output.onGone(() => this.goOn?.(true));
    // nobody reads the upstream meanwhile, so that it cannot say so
    signal.addEventListener("abort", () => {
      this.resume?.();
      this.goOn?.(true);
    });
  }

  /** Rejects where a bug of ours struck before the client had anything. */
  async run(stream: ReadableStream<LanguageModelV4StreamPart>): Promise<AttemptResult> {
    const reader = stream.getReader();
    try {
      return await this.passAll(reader);
    } catch (error) {
      if (!this.committed) throw error;
      this.context.onError(error);
      const message = "The hub had to end this stream. You were charged for what arrived.";
      return this.breakOff("internal_error", "error", new AppError("internal_error", message));
    } finally {
      // lets the provider's connection go when we stop early
      reader.cancel().catch(() => {});
    }
  }

  private async passAll(reader: ReadableStreamDefaultReader<LanguageModelV4StreamPart>): Promise<AttemptResult> {
    for (;;) {
      // only what reading throws is the provider's failure
      const read = await reader.read().catch((error: unknown) => ({ error }));
      if ("error" in read) return this.broken(read.error);
      if (read.done) break;
      const part = read.value;
      if (part.type === "error") {
        if (isUnknownEvent(part.error)) continue;
        return this.broken(part.error);
      }
      if (part.type === "response-metadata") this.context.meter.setUpstreamId(part.id);
      else if (part.type === "stream-start") this.warnings.push(...moduleWarnings(part.warnings));
      else if (part.type === "raw") this.saidReason = reasonIn(part.rawValue) ?? this.saidReason;
      else if (part.type === "finish") this.finish = this.remembered(part);
      else {
        await this.pass(part);
        const hasRoom = await this.hasRoom();
        if (this.signal.aborted) return this.broken(this.signal.reason);
        if (!hasRoom) return this.creditEnded();
      }
    }
    return this.finish && isProvidersOwn(this.finish.finishReason)
      ? this.complete(this.finish)
      : this.brokenBy(ENDED_EARLY);
  }

  private remembered(finish: NonNullable<TranslatedStream["finish"]>): NonNullable<TranslatedStream["finish"]> {
    const unified = this.saidReason === null ? undefined : REASONS[this.saidReason];
    if (unified === undefined || isProvidersOwn(finish.finishReason)) return finish;
    return { ...finish, finishReason: { unified, raw: this.saidReason ?? undefined } };
  }

  private async pass(part: LanguageModelV4StreamPart): Promise<void> {
    const frames = this.renderer.part(part);
    if (frames === "") return;
    if (part.type === "text-delta" || part.type === "tool-input-delta") this.text += part.delta;
    else if (part.type === "reasoning-delta") this.reasoning += part.delta;
    else if (part.type === "tool-call") this.text += part.toolName + part.input;
    this.commit();
    if (!this.output.write(frames) && !this.output.gone)
      await new Promise<void>((resume) => {
        this.resume = resume;
        this.output.onDrain(resume);
      });
  }

  /** Waits while the hold is used up and its extension is under way. False: it may not grow. */
  private hasRoom(): Promise<boolean> | true {
    const characters = () => this.text.length + this.reasoning.length;
    if (this.output.gone || !this.committed || this.context.meter.hasRoom(characters)) return true;
    return new Promise((resolve) => {
      this.goOn = resolve;
    });
  }

  private creditEnded(): AttemptResult {
    const usage = this.tally();
    const price = this.settle("ok", usage, "estimated", INSUFFICIENT_CREDITS);
    this.output.end(this.renderer.finish({ unified: "length", raw: INSUFFICIENT_CREDITS }, usage, price));
    return { answered: true };
  }

  private commit(): void {
    if (this.committed) return;
    this.committed = true;
    this.context.meter.firstContent(() => this.tally());
    this.output.commit(headersWith(this.context, this.warnings));
  }

  private complete(finish: NonNullable<TranslatedStream["finish"]>): AttemptResult {
    this.commit();
    const { usage, source, report } = usageOf(finish.usage, this.context.candidate.definition.usage, () =>
      this.tally(),
    );
    const price = this.settle(
      this.output.gone ? "client_gone" : "ok",
      usage,
      source,
      finish.finishReason.unified,
      report,
    );
    this.output.end(this.renderer.finish(finish.finishReason, usage, price));
    return { answered: true };
  }

  private broken(error: unknown): AttemptResult {
    return this.brokenBy(sdkFailure(error, this.context.candidate.definition));
  }

  private brokenBy(failure: UpstreamFailure): AttemptResult {
    if (this.output.gone) {
      // the headers have come, so the input was read, unless the upstream failed before it said anything
      const isOurs = this.committed || this.signal.aborted;
      this.settle("client_gone", isOurs ? this.tally() : null, isOurs ? "estimated" : "unknown", null);
      return { answered: true };
    }
    const { aborted } = this.context.meter;
    if (!this.committed && !aborted) return failed(failure);
    const isTimeout = failure.class === "timeout" || aborted === "timeout";
    const error = new AppError(
      isTimeout ? "upstream_timeout" : "upstream_error",
      "The provider broke off its answer. You were charged for what arrived.",
    );
    const outcome = aborted && !isTimeout ? "internal_error" : isTimeout ? "timeout" : "cut";
    return this.breakOff(outcome, endOf(aborted) ?? "error", error);
  }

  /** Charged for what arrived, unless that was no output. */
  private breakOff(outcome: Outcome, finishReason: string, error: AppError): AttemptResult {
    const usage = this.tally();
    const isVoid = totalOutputTokens(usage) === 0;
    this.settle(outcome, isVoid ? null : usage, isVoid ? "unknown" : "estimated", finishReason);
    const { chat, requestId } = this.context;
    const answer = { call: chat, identity: this.identity, requestId };
    this.output.end(this.renderer.failure?.(error) ?? chat.dialect.failureFrame(error, answer));
    return { answered: true };
  }

  private settle(
    outcome: Outcome,
    usage: Usage | null,
    usageSource: UsageSource,
    finishReason: string | null,
    report?: UsageReport,
  ) {
    return this.context.meter.finish(
      { outcome, httpStatus: 200, usage, usageSource, finishReason, ...(report && { report }) },
      this.output.gone ? 499 : 200,
    );
  }

  /** What arrived so far, counted by us. */
  private tally(): Usage {
    if (this.text || this.reasoning) {
      this.counted = {
        output: (this.counted.output ?? 0) + countTokens(this.text),
        reasoning: (this.counted.reasoning ?? 0) + countTokens(this.reasoning),
      };
      this.text = "";
      this.reasoning = "";
    }
    return { ...this.counted, input: this.context.inputTokens() };
  }
}

const REASONS: Record<string, LanguageModelV4FinishReason["unified"]> = {
  ...{ stop: "stop", length: "length", content_filter: "content-filter" },
  ...{ tool_calls: "tool-calls", function_call: "tool-calls" },
};

/** Why the answer ends, in an event of the chat wire; null where it does not say. */
function reasonIn(event: unknown): string | null {
  const { choices } = (event ?? {}) as { choices?: { finish_reason?: unknown }[] | null };
  const reason = Array.isArray(choices) ? choices[0]?.finish_reason : null;
  return typeof reason === "string" ? reason : null;
}

/** Modules end a stream that broke off with a finish part of their own making. */
function isProvidersOwn({ unified, raw }: LanguageModelV4FinishReason): boolean {
  return raw !== undefined || (unified !== "interrupted" && unified !== "other" && unified !== "error");
}

function usageOf(
  reported: LanguageModelV4Usage,
  read: ReadUsage,
  estimate: () => Usage,
): { usage: Usage; source: UsageSource; report: UsageReport } {
  // the raw payload keeps the classes that the SDK's own shape drops
  const reading = read(reported.raw);
  const isReported = reading.source === "reported";
  const counted = isReported && totalOutputTokens(reading.usage) > 0 ? null : estimate();
  const isZero = isReported && counted !== null && totalOutputTokens(counted) > 0;
  const report = reportOf(reported.raw, reading, ...(isZero ? ["zero_output"] : []));
  return isReported
    ? { usage: reading.usage, source: "reported", report }
    : { usage: counted ?? {}, source: "estimated", report };
}

function identityOf({ requestId, chat, clock }: AttemptContext, timestamp: Date | undefined): AnswerIdentity {
  return {
    id: chat.dialect.answerId(requestId),
    created: Math.floor((timestamp?.getTime() ?? clock.now()) / 1000),
    model: chat.model,
  };
}
