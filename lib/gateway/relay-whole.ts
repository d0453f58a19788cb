import { totalOutputTokens, type Usage } from "@/lib/billing/usage";
import { crashPoint, crashPointSoon } from "@/lib/crash-points";
import { type AttemptContext, type AttemptResult, failed } from "@/lib/gateway/attempt";
import type { JsonObject } from "@/lib/gateway/json-body";
import { countTokens } from "@/lib/gateway/meter/tokens";
import { type Spoken, usageReader } from "@/lib/gateway/providers/define";
import { relayOf, relayRequest } from "@/lib/gateway/relay-request";
import { publicUsage, replaceUsage } from "@/lib/gateway/relayed-usage";
import { confirmedTier, countNames, withFacts } from "@/lib/gateway/usage/named";
import { reportOf } from "@/lib/gateway/usage/reading";
import { exchangeWhole } from "@/lib/gateway/whole-exchange";
import { toUsdNumber } from "@/lib/money";

/** One relayed attempt whose answer comes in one piece: passed on as it is, but for the price in its usage. Rejects with
 *  errors of our own, and where the hub ends the call. */
export function relayWhole(context: AttemptContext): Promise<AttemptResult> {
  return exchangeWhole(context, relayRequest(context), ({ status, body }) =>
    answer(context, status, body.toString("utf8")),
  );
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
  const facts = relayOf(chat).facts(body, chat);
  if (facts.error && !facts.hasContent)
    return failed(candidate.definition.classify({ status: 500, headers: {}, body: text }));

  meter.firstContent(() => ({}));
  meter.setUpstreamId(facts.id);
  const serviceTier = confirmedTier(chat.serviceTier, facts.serviceTier);
  const shown = { toolCalls: facts.toolCalls ?? null, serviceTier };
  const reading = withFacts(usageReader(candidate.definition, dialect.id)(facts.usage), shown);
  const isReported = reading.source === "reported";
  const counted = isReported && totalOutputTokens(reading.usage) > 0 ? null : estimate(context, body);
  const tiered = { ...counted, ...(serviceTier !== null && { serviceTier }) };
  const usage = isReported ? reading.usage : tiered;
  const isZero = isReported && counted !== null && totalOutputTokens(counted) > 0;
  const answered = meter.finishWhole(
    {
      outcome: reply.gone ? "client_gone" : "ok",
      httpStatus: status,
      usage,
      usageSource: isReported ? "reported" : "estimated",
      report: reportOf(facts.usage, reading, ...(isZero ? ["zero_output"] : [])),
      finishReason: facts.finishReason ?? null,
    },
    reply.gone ? 499 : 200,
    (price) => withCost(text, body, price, candidate.definition.speaks[dialect.id]?.restate),
  );
  crashPoint("answer.settled");
  reply.send(200, { ...context.answerHeaders, "content-type": "application/json" }, answered);
  crashPointSoon("answer.sent");
  return { answered: true };
}

/** The answer with the price in its usage, the same byte for byte elsewhere. */
export function withCost(text: string, body: JsonObject, price: bigint | null, restate?: Spoken["restate"]): string {
  if (typeof body.usage !== "object" || body.usage === null) return text;
  const usage = publicUsage(body.usage as JsonObject, price === null ? null : toUsdNumber(price), restate);
  return replaceUsage(text, body.usage, usage) ?? JSON.stringify({ ...body, usage });
}

function estimate(context: AttemptContext, body: JsonObject): Usage {
  const { text, reasoning, ran = [] } = relayOf(context.chat).text(body);
  const toolCalls = countNames(ran);
  return {
    ...{ input: context.inputTokens(), output: countTokens(text), reasoning: countTokens(reasoning) },
    ...(toolCalls && { toolCalls }),
  };
}

function parse(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as JsonObject) : null;
  } catch {
    return null;
  }
}
