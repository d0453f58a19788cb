import { releasedOf } from "@/lib/billing/receipt";
import { decodeCursor, encodeCursor } from "@/lib/cursor";
import { db } from "@/lib/db";
import { AppError } from "@/lib/errors";
import { formatUsd, parseUsd } from "@/lib/money";
import { requireStaffPermission, type StaffScope } from "@/lib/orgs/scope";
import { adjustmentsOf } from "@/lib/usage/admin-adjustments";
import { readPrice } from "@/lib/usage/admin-receipt-price";
import { readReport } from "@/lib/usage/reported";
import { type RouteRow, readRoute } from "@/lib/usage/route-record";
import type { Receipt, RequestQuery, RequestRow } from "@/lib/usage/schema";
import type { Attempt, Refusal, UsageEvent } from "@/prisma/generated/client";

/** Admitted and refused calls of all organisations, newest settled first. A late adjustment counts into its call. */
export async function listRequests(
  scope: StaffScope,
  query: RequestQuery,
): Promise<{ data: RequestRow[]; nextCursor: string | null }> {
  requireStaffPermission(scope, "usage.read");
  return readRequests(query);
}

/** Of several keys where one organisation's person sees only their own; further filters of the console. */
export type ListedRequests = RequestQuery & {
  keyIds?: readonly string[];
  stream?: boolean;
  /** Calls that took longer, in milliseconds. */
  slowerThanMs?: number;
  /** Neither answered in full nor ended by the caller; refusals are their own outcome. */
  failed?: boolean;
  minPriceNano?: bigint;
  maxPriceNano?: bigint;
  /** A request's id, exactly, or the rule that refused it. */
  search?: string;
};

/** The list itself; the caller has judged the scope and put its organisation into the query. */
export async function readRequests(query: ListedRequests): Promise<{ data: RequestRow[]; nextCursor: string | null }> {
  const take = query.limit + 1;
  const where = conditions(query);
  const orderBy = [{ at: "desc" }, { id: "desc" }] as const;
  const { provider, credentialId, outcome, latencyMs, priceNano, AND, ...shared } = where;
  const wantsEvents = query.outcome !== "refused";
  // a refused call never had a provider, a duration or a price
  const isOfCalls = query.provider || query.credentialId || query.failed || latencyMs || priceNano;
  const wantsRefusals = !isOfCalls && (!query.outcome || query.outcome === "refused");
  const { search } = query;
  const [events, refusals] = await Promise.all([
    wantsEvents
      ? db().usageEvent.findMany({
          where: { ...where, kind: "call", ...(search && { id: search }) },
          orderBy: [...orderBy],
          take,
        })
      : [],
    wantsRefusals
      ? db().refusal.findMany({
          where: { ...shared, ...(search && { AND: [{ OR: [{ id: search }, { rule: search }] }] }) },
          orderBy: [...orderBy],
          take,
        })
      : [],
  ]);
  const newest = [...events, ...refusals].sort(newestFirst).slice(0, take);
  const page = newest.slice(0, query.limit);
  const last = page.at(-1);
  return {
    data: await toRows(page),
    nextCursor: newest.length > query.limit && last ? encodeCursor(last.at.toISOString(), last.id) : null,
  };
}

/** One call with its attempts and the arithmetic of its price. Throws not_found. */
export async function getReceipt(scope: StaffScope, id: string): Promise<Receipt> {
  requireStaffPermission(scope, "usage.read");
  const event = await db().usageEvent.findFirst({ where: { id, kind: "call" } });
  const found = event ?? (await db().refusal.findUnique({ where: { id } }));
  if (!found) throw new AppError("not_found", `There is no request "${id}".`);
  const [row] = await toRows([found]);
  const none = {
    finishReason: null,
    upstreamId: null,
    routing: null,
    heldUsd: "0",
    releasedUsd: "0",
    promoUsd: "0",
    usage: {},
    price: null,
  };
  const nothing = { marginUsd: null, reportedUsage: null };
  if (!event) return { ...(row as RequestRow), ...none, ...nothing };
  return {
    ...(row as RequestRow),
    finishReason: event.finishReason,
    upstreamId: event.upstreamId,
    routing: await findRoute(event.orgId, id),
    heldUsd: formatUsd(event.heldNano),
    releasedUsd: formatUsd(releasedOf(event.heldNano, event.priceNano)),
    promoUsd: formatUsd(event.promoNano),
    marginUsd: marginOf(row as RequestRow),
    reportedUsage: await findReport(event.orgId, id),
    ...(await readPrice(event)),
  };
}

/** The usage object of the attempt that answered, which is the last one. */
export async function findReport(orgId: string, requestId: string): Promise<Record<string, unknown> | null> {
  const last = await db().attempt.findFirst({ where: { orgId, requestId }, orderBy: { n: "desc" } });
  return readReport(last?.usage).reported;
}

/** What was considered for a call, kept with its first attempt. */
export async function findRoute(orgId: string, requestId: string): Promise<RouteRow[] | null> {
  const first = await db().attempt.findFirst({ where: { orgId, requestId, n: 1 }, select: { routing: true } });
  return readRoute(first?.routing);
}

function marginOf({ priceUsd, costUsd, wasteUsd }: RequestRow): string | null {
  if (priceUsd === null || costUsd === null) return null;
  return formatUsd(parseUsd(priceUsd) - parseUsd(costUsd) - parseUsd(wasteUsd));
}

function conditions(query: ListedRequests) {
  const { orgId, appId, keyId, memberId, model, provider, credentialId, endpoint, outcome, from, to, cursor } = query;
  const [at = "", id = ""] = cursor ? decodeCursor(cursor, 2) : [];
  return {
    orgId,
    appId,
    keyId: keyId ?? (query.keyIds && { in: [...query.keyIds] }),
    memberId,
    modelId: model,
    provider,
    credentialId,
    endpoint,
    outcome,
    stream: query.stream,
    ...(query.slowerThanMs !== undefined && { latencyMs: { gt: query.slowerThanMs } }),
    ...((query.minPriceNano !== undefined || query.maxPriceNano !== undefined) && {
      priceNano: { gte: query.minPriceNano, lte: query.maxPriceNano },
    }),
    ...(query.failed && { AND: [{ outcome: { notIn: ["ok", "client_gone"] } }] }),
    at: { gte: from, lt: to },
    ...(cursor && { OR: [{ at: { lt: new Date(at) } }, { at: new Date(at), id: { lt: id } }] }),
  };
}

/** Rows as the lists show them, with attempts and late adjustments. */
export async function toRows(found: (UsageEvent | Refusal)[]): Promise<RequestRow[]> {
  const events = found.filter(isEvent);
  const [attempts, adjustments] = await Promise.all([
    db().attempt.findMany({ where: { requestId: { in: events.map(({ id }) => id) } }, orderBy: { n: "asc" } }),
    adjustmentsOf(events),
  ]);
  return found.map((row) => {
    if (!isEvent(row)) return fromRefusal(row);
    const own = attempts.filter(({ requestId }) => requestId === row.id);
    return fromEvents([row, ...(adjustments.get(row.id) ?? [])], own);
  });
}

/** The call's own event first, then its adjustments. */
function fromEvents(events: [UsageEvent, ...UsageEvent[]], attempts: Attempt[]): RequestRow {
  const [call] = events;
  const sum = (...names: (keyof UsageEvent)[]) =>
    events.reduce((total, event) => names.reduce((part, name) => part + Number(event[name]), total), 0);
  const money = (name: "priceNano" | "costNano") => {
    const amounts = events.map((event) => event[name]).filter((amount) => amount !== null);
    return amounts.length > 0 ? formatUsd(amounts.reduce((total, amount) => total + amount, 0n)) : null;
  };
  const { id, orgId, appId, keyId, memberId, endpoint, dialect, route, provider, upstreamModel, credentialId } = call;
  return {
    id,
    orgId,
    appId,
    keyId,
    memberId,
    endpoint,
    dialect,
    route,
    provider,
    upstreamModel,
    credentialId,
    model: call.modelId,
    startedAt: call.startedAt.toISOString(),
    settledAt: call.at.toISOString(),
    stream: call.stream,
    outcome: call.outcome,
    httpStatus: call.httpStatus,
    client: call.client,
    refusedBy: null,
    inputTokens: sum(
      "inputTokens",
      "cacheReadTokens",
      "cacheWriteTokens",
      "cacheWrite1hTokens",
      "audioInputTokens",
      "imageInputTokens",
      "videoInputTokens",
    ),
    outputTokens: sum("outputTokens", "reasoningTokens", "audioOutputTokens", "imageOutputTokens"),
    cacheReadTokens: sum("cacheReadTokens"),
    cacheWriteTokens: sum("cacheWriteTokens", "cacheWrite1hTokens"),
    reasoningTokens: sum("reasoningTokens"),
    usageSource: call.usageSource,
    priceUsd: money("priceNano"),
    costUsd: money("costNano"),
    wasteUsd: formatUsd(events.reduce((total, { wasteNano }) => total + wasteNano, 0n)),
    latencyMs: call.latencyMs,
    firstTokenMs: call.firstTokenMs,
    attempts: attempts.map((attempt) => ({
      provider: attempt.provider,
      upstreamModel: attempt.upstreamModel,
      credentialId: attempt.credentialId,
      outcome: attempt.outcome,
      httpStatus: attempt.httpStatus,
      costUsd: attempt.costNano === null ? null : formatUsd(attempt.costNano),
      latencyMs: attempt.latencyMs,
      firstTokenMs: attempt.firstTokenMs,
      reason: attempt.reason,
    })),
    anomalies: [...new Set(attempts.flatMap(({ usage }) => readReport(usage).anomalies))],
  };
}

function fromRefusal(row: Refusal): RequestRow {
  const { id, orgId, appId, keyId, memberId, endpoint, dialect, stream, httpStatus } = row;
  return {
    id,
    orgId,
    appId,
    keyId,
    memberId,
    endpoint,
    dialect,
    stream,
    httpStatus,
    route: null,
    provider: null,
    upstreamModel: null,
    credentialId: null,
    model: row.modelId,
    startedAt: row.at.toISOString(),
    settledAt: row.at.toISOString(),
    outcome: "refused",
    client: null,
    refusedBy: row.rule,
    inputTokens: 0,
    outputTokens: 0,
    cacheReadTokens: 0,
    cacheWriteTokens: 0,
    reasoningTokens: 0,
    usageSource: "unknown",
    priceUsd: "0",
    costUsd: "0",
    wasteUsd: "0",
    latencyMs: null,
    firstTokenMs: null,
    attempts: [],
    anomalies: [],
  };
}

function isEvent(row: UsageEvent | Refusal): row is UsageEvent {
  return "startedAt" in row;
}

function newestFirst(a: { at: Date; id: string }, b: { at: Date; id: string }): number {
  return b.at.getTime() - a.at.getTime() || (a.id < b.id ? 1 : -1);
}
