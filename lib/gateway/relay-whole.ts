import { totalOutputTokens, type Usage } from "@/lib/billing/usage";
import { type AttemptContext, type AttemptResult, endedByHub, failed, GRACE_DRAIN_MS } from "@/lib/gateway/attempt";
import type { JsonObject } from "@/lib/gateway/json-body";
import { countTokens } from "@/lib/gateway/meter/tokens";
import { usageReader } from "@/lib/gateway/providers/define";
import { relayRequest } from "@/lib/gateway/relay-request";
import { publicUsage, replaceUsage } from "@/lib/gateway/relayed-usage";
import { openUpstream } from "@/lib/gateway/upstream";
import { reportOf } from "@/lib/gateway/usage/reading";
import { toUsdNumber } from "@/lib/money";

/** No answer is this long: whatever sends more must not fill our memory. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** One relayed attempt whose answer comes in one piece: passed on as it is, but for the price in its usage. Rejects with
 *  errors of our own, and where the hub ends the call. */
export function relayWhole(context: AttemptContext): Promise<AttemptResult> {
  return new Promise((resolve, reject) => {
    const { candidate, meter, reply } = context;
    let status = 0;
    let headers: Record<string, string | undefined> = {};
    const parts: Buffer[] = [];
    let bytes = 0;
    let grace: NodeJS.Timeout | null = null;
    let done = false;
    const settle = (result: AttemptResult) => {
      done = true;
      if (grace) clearTimeout(grace);
      resolve(result);
    };
    // thrown into the transport, a bug of ours would pass for its failure
    const guard = (step: () => void) => {
      try {
        step();
      } catch (error) {
        done = true;
        if (grace) clearTimeout(grace);
        upstream.abort();
        reject(error);
      }
    };

    const upstream = openUpstream(context.dispatcher, relayRequest(context), {
      onHeaders(code, received) {
        status = code;
        headers = received;
      },
      onData(chunk) {
        bytes += chunk.length;
        if (bytes <= MAX_ANSWER_BYTES) return void parts.push(chunk);
        upstream.abort();
        settle(
          failed({ class: "server", status, message: "The answer is too large.", param: null, retryAfterMs: null }),
        );
      },
      onEnd() {
        guard(() => {
          const body = Buffer.concat(parts).toString("utf8");
          if (status < 200 || status > 299)
            return settle(failed(candidate.definition.classify({ status, headers, body })));
          settle(answer(context, status, body));
        });
      },
      onFailure: (failure) => settle(failed(failure)),
    });

    const leave = () => {
      if (done) return;
      upstream.abort();
      // a whole answer that never came consumed nothing that could be counted; once headers were there, the input was read
      const usage = status >= 200 && status < 300 ? { input: context.inputTokens(), output: 0 } : null;
      meter.finish({ outcome: "client_gone", httpStatus: status || null, usage, usageSource: "estimated" }, 499);
      settle({ answered: true });
    };
    reply.onGone(() => {
      if (!done) grace ??= setTimeout(() => guard(leave), GRACE_DRAIN_MS);
    });
    meter.onAbort(() => {
      if (reply.gone) return guard(leave);
      if (done) return;
      done = true;
      upstream.abort();
      reject(endedByHub());
    });
  });
}

function answer(context: AttemptContext, status: number, text: string): AttemptResult {
  const { candidate, chat, meter, reply } = context;
  const { dialect } = chat;
  const body = parse(text);
  if (!body) {
    return failed({
      class: "server",
      status,
      message: "The provider's answer is not JSON.",
      param: null,
      retryAfterMs: null,
    });
  }
  const facts = dialect.relay.facts(body, chat);
  if (facts.error && !facts.hasContent)
    return failed(candidate.definition.classify({ status: 500, headers: {}, body: text }));

  meter.firstContent(() => ({}));
  meter.setUpstreamId(facts.id);
  const reading = usageReader(candidate.definition, dialect.id)(facts.usage);
  const isReported = reading.source === "reported";
  const counted = isReported && totalOutputTokens(reading.usage) > 0 ? null : estimate(context, body);
  const usage = isReported ? reading.usage : (counted ?? {});
  const isZero = isReported && counted !== null && totalOutputTokens(counted) > 0;
  const price = meter.finish(
    {
      outcome: reply.gone ? "client_gone" : "ok",
      httpStatus: status,
      usage,
      usageSource: isReported ? "reported" : "estimated",
      report: reportOf(facts.usage, reading, ...(isZero ? ["zero_output"] : [])),
      finishReason: facts.finishReason ?? null,
    },
    reply.gone ? 499 : 200,
  );
  reply.send(200, { ...context.answerHeaders, "content-type": "application/json" }, withCost(text, body, price));
  return { answered: true };
}

function withCost(text: string, body: JsonObject, price: bigint | null): string {
  if (typeof body.usage !== "object" || body.usage === null) return text;
  const usage = publicUsage(body.usage as JsonObject, price === null ? null : toUsdNumber(price));
  return replaceUsage(text, body.usage, usage) ?? JSON.stringify({ ...body, usage });
}

function estimate(context: AttemptContext, body: JsonObject): Usage {
  const { text, reasoning } = context.chat.dialect.relay.text(body);
  return { input: context.inputTokens(), output: countTokens(text), reasoning: countTokens(reasoning) };
}

function parse(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as JsonObject) : null;
  } catch {
    return null;
  }
}
