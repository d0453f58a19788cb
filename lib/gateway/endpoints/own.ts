import { decodeCursor, encodeCursor } from "@/lib/cursor";
import { AppError } from "@/lib/errors";
import type { Endpoint } from "@/lib/gateway/endpoints/table";
import type { GatewayRequest, Reply } from "@/lib/gateway/exchange";
import { responseHeaders } from "@/lib/gateway/response-headers";
import { formatUsd, type Nano, toUsdNumber } from "@/lib/money";
import type { CallReceipt } from "@/lib/usage/key-receipt";
import type { Generation, KeySummary, KeyUsageGroup, KeyUsageRow } from "@/lib/usage/key-reports";

/** GET /generation?id=: what one call used and cost. Compatible fields are JSON numbers, exact amounts end in `_usd`. */
export const getGeneration: Endpoint = async ({ keyring, reports }, request, reply) => {
  const { scope } = await keyring.authenticate(request);
  const id = request.query.get("id")?.trim() ?? "";
  if (id === "" || id.length > 200) throw invalid("id", "must be the x-request-id or the id of an answer");
  const found = await reports.findGeneration(scope.orgId, id);
  if (found === "pending")
    throw new AppError("not_found", `The call "${id}" is not settled yet. Ask again in a second.`, {
      retryAfterMs: 1_000,
    });
  if (!found) throw new AppError("not_found", `There is no call "${id}".`);
  sendJson(request, reply, { data: renderGeneration(found) });
};

/** GET /key: the calling key, its nearest budget and its rate limit. */
export const getKey: Endpoint = async ({ keyring, reports }, request, reply) => {
  const { scope, keyId } = await keyring.authenticate(request);
  const key = await reports.readKey({ orgId: scope.orgId, keyId });
  if (!key) throw new AppError("invalid_api_key", "This API key was removed.");
  sendJson(request, reply, { data: renderKey(key) });
};

/** GET /credits: the organisation's balance. Without a floor (enterprise) nothing limits what is available. */
export const getCredits: Endpoint = async ({ keyring, reports }, request, reply) => {
  const { scope } = await keyring.authenticate(request);
  const credits = await reports.readCredits(scope.orgId);
  if (!credits) throw new AppError("not_found", "This organisation has no wallet.");
  const { postedNano, heldNano, floorNano, usedNano } = credits;
  sendJson(request, reply, {
    data: {
      total_credits: toUsdNumber(postedNano + usedNano),
      total_usage: toUsdNumber(usedNano),
      balance_usd: formatUsd(postedNano),
      held_usd: formatUsd(heldNano),
      available_usd: floorNano === null ? null : formatUsd(postedNano - heldNano - floorNano),
    },
  });
};

/** GET /usage: the calling key's sums by day, hour or model. */
export const getUsage: Endpoint = async ({ keyring, reports, clock }, request, reply) => {
  const { scope, keyId } = await keyring.authenticate(request);
  const { query } = request;
  const end = instant(query, "end") ?? new Date(clock.now());
  const start = instant(query, "start") ?? new Date(end.getTime() - DEFAULT_RANGE_MS);
  const groupBy = query.get("group_by") ?? "day";
  if (!isGroup(groupBy)) throw invalid("group_by", "must be day, hour or model");
  const cursor = query.get("cursor");
  const [after = null] = cursor ? decodeCursor(cursor, 1) : [];
  const key = { orgId: scope.orgId, keyId };
  const rows = await reports.listUsage(key, { start, end, groupBy, after, limit: PAGE_SIZE + 1 });
  const page = rows.slice(0, PAGE_SIZE);
  const last = page.at(-1);
  sendJson(request, reply, {
    data: page.map((row) => renderUsage(row, groupBy)),
    next_cursor: rows.length > PAGE_SIZE && last ? encodeCursor(last.name) : null,
  });
};

const PAGE_SIZE = 200;
const DEFAULT_RANGE_MS = 30 * 24 * 60 * 60 * 1000;

function renderGeneration(call: Generation) {
  const firstTokenMs = call.firstTokenMs ?? call.latencyMs;
  return {
    id: call.id,
    upstream_id: call.upstreamId,
    model: call.model,
    provider_name: call.provider,
    created_at: call.startedAt.toISOString(),
    streamed: call.stream,
    finish_reason: FINISH_REASONS[call.finishReason ?? ""] ?? call.finishReason,
    native_finish_reason: call.finishReason,
    latency: firstTokenMs,
    generation_time: call.latencyMs === null ? null : call.latencyMs - (firstTokenMs ?? 0),
    tokens_prompt: call.inputTokens,
    tokens_completion: call.outputTokens,
    native_tokens_cached: call.cachedTokens,
    native_tokens_reasoning: call.reasoningTokens,
    ...cost("total_cost", call.priceNano),
    estimated: call.usageSource !== "reported",
    status: call.outcome,
    receipt: renderReceipt(call.receipt),
  };
}

/** How the price comes about: `ceil(exact_nano)` is what was charged. */
function renderReceipt({ price, heldUsd, releasedUsd, reportedUsage, attempts }: CallReceipt) {
  return {
    price: price && {
      version: price.version,
      effective_from: price.effectiveFrom,
      factor_bp: price.factorBp,
      lines: price.lines.map(({ ratedAs, usdPerMillion, exactNano, ...line }) => ({
        ...{ ...line, rated_as: ratedAs, usd_per_million: usdPerMillion, exact_nano: exactNano },
      })),
      exact_nano: price.exactNano,
      total_usd: price.totalUsd,
    },
    held_usd: heldUsd,
    released_usd: releasedUsd,
    reported_usage: reportedUsage,
    attempts: attempts.map(({ provider, outcome, httpStatus, latencyMs }) => ({
      ...{ provider_name: provider, status: outcome, http_status: httpStatus, latency: latencyMs },
    })),
  };
}

/** The chat dialect's words for those of other wires. */
const FINISH_REASONS: Record<string, string> = {
  end_turn: "stop",
  stop_sequence: "stop",
  max_tokens: "length",
  tool_use: "tool_calls",
  "tool-calls": "tool_calls",
  refusal: "content_filter",
  "content-filter": "content_filter",
  other: "stop",
};

function renderKey({ label, usageNano, expiresAt, rpm, budgets }: KeySummary) {
  const remaining = ({ budgetNano, spentNano, heldNano }: KeySummary["budgets"][number]) =>
    budgetNano - spentNano - heldNano;
  const nearest = [...budgets].sort((a, b) => (remaining(a) < remaining(b) ? -1 : 1)).at(0);
  const left = nearest ? remaining(nearest) : null;
  return {
    label,
    usage: toUsdNumber(usageNano),
    limit: nearest ? toUsdNumber(nearest.budgetNano) : null,
    limit_remaining: left === null ? null : toUsdNumber(left > 0n ? left : 0n),
    limit_reset: nearest?.resetAt?.toISOString() ?? null,
    rate_limit: rpm === null ? null : { requests: rpm, interval: "1m" },
    expires_at: expiresAt?.toISOString() ?? null,
  };
}

function renderUsage(row: KeyUsageRow, groupBy: KeyUsageGroup) {
  return {
    [groupBy]: row.name,
    requests: row.calls,
    tokens_prompt: row.inputTokens,
    tokens_completion: row.outputTokens,
    native_tokens_cached: row.cachedTokens,
    native_tokens_reasoning: row.reasoningTokens,
    ...cost("cost", row.priceNano),
    unpriced_requests: row.unpricedCalls,
  };
}

function cost(name: string, amountNano: Nano | null) {
  return {
    [name]: amountNano === null ? null : toUsdNumber(amountNano),
    [`${name}_usd`]: amountNano === null ? null : formatUsd(amountNano),
  };
}

function isGroup(value: string): value is KeyUsageGroup {
  return value === "day" || value === "hour" || value === "model";
}

function instant(query: URLSearchParams, name: string): Date | null {
  const text = query.get(name);
  if (!text) return null;
  const date = new Date(text);
  if (!/^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d))?$/.test(text) || Number.isNaN(date.getTime()))
    throw invalid(name, "must be a date such as 2026-11-21 or a time such as 2026-11-21T08:00:00Z");
  return date;
}

function invalid(param: string, message: string): AppError {
  return new AppError("invalid_request", `${param}: ${message}`, { param });
}

function sendJson(request: GatewayRequest, reply: Reply, body: unknown): void {
  reply.send(200, { ...responseHeaders(request), "content-type": "application/json" }, JSON.stringify(body));
}
