import { parseRates, priceLines } from "@/lib/billing/pricing";
import type { ReceiptData } from "@/lib/billing/receipt";
import { db } from "@/lib/db";
import { AppError } from "@/lib/errors";
import { formatUsd } from "@/lib/money";
import { requirePermission, type Scope } from "@/lib/orgs/scope";
import { getSettings } from "@/lib/settings/queries";
import { type Latency, readLatencies } from "@/lib/usage/admin-latency";
import { usageOf } from "@/lib/usage/admin-receipt-price";
import { findReport, findRoute, type ListedRequests, readRequests, toRows } from "@/lib/usage/admin-requests";
import { readSums } from "@/lib/usage/admin-usage";
import { withoutMoney } from "@/lib/usage/reported";
import { forTenant } from "@/lib/usage/route-record";
import type { OrgReceipt, OrgRequest, RequestRow, UsageQuery, UsageRow } from "@/lib/usage/schema";
import type { UsageEvent } from "@/prisma/generated/client";

/** Sums of the organisation; of their own keys for a developer. They equal the ledger at every moment. Costs of the
 *  operator are taken out. Throws forbidden. */
export async function sumOrgUsage(scope: Scope, query: UsageQuery): Promise<OrgUsage[]> {
  const keyIds = await visibleKeys(scope, "usage.sums");
  const { data } = await readSums({ ...query, orgId: scope.orgId, ...(keyIds && { keyIds }) });
  return data.map(({ costUsd, wasteUsd, ...row }) => row);
}
export type OrgUsage = Omit<UsageRow, "costUsd" | "wasteUsd">;

/** The same sums with what the providers cost. Only where the organisation is the operator's own (enterprise mode): to a
 *  customer the operator's cost is not shown. Throws forbidden, or not_found in service mode. */
export async function sumOrgCosts(scope: Scope, query: UsageQuery): Promise<OrgCost[]> {
  if ((await getSettings()).mode !== "enterprise") throw new AppError("not_found", "Costs are not shown in this mode.");
  const keyIds = await visibleKeys(scope, "usage.sums");
  const { data } = await readSums({ ...query, orgId: scope.orgId, ...(keyIds && { keyIds }) });
  return data.map(({ wasteUsd, ...row }) => row);
}
export type OrgCost = Omit<UsageRow, "wasteUsd">;

/** Percentiles by at most one dimension, of the same calls as the sums. Throws forbidden. */
export async function orgLatencies(scope: Scope, query: UsageQuery): Promise<Latency[]> {
  const keyIds = await visibleKeys(scope, "usage.sums");
  return readLatencies({ ...query, orgId: scope.orgId, ...(keyIds && { keyIds }) });
}

export type OrgRequestQuery = Omit<ListedRequests, "keyIds">;

/** Requests, newest settled first, in pages that neither repeat nor skip while new ones arrive. Throws forbidden. */
export async function listOrgRequests(
  scope: Scope,
  query: OrgRequestQuery,
): Promise<{ data: OrgRequest[]; nextCursor: string | null }> {
  const keyIds = await visibleKeys(scope, "usage.read");
  const { data, nextCursor } = await readRequests({ ...query, orgId: scope.orgId, ...(keyIds && { keyIds }) });
  return { data: data.map(withoutCost), nextCursor };
}

/** One request with the arithmetic of its price, at the version that was stored with it. Throws forbidden or not_found. */
export async function getOrgReceipt(scope: Scope, id: string): Promise<OrgReceipt> {
  const keyIds = await visibleKeys(scope, "usage.read");
  const where = { id, orgId: scope.orgId, ...(keyIds && { keyId: { in: keyIds } }) };
  const event = await db().usageEvent.findFirst({ where: { ...where, kind: "call" } });
  const found = event ?? (await db().refusal.findFirst({ where }));
  if (!found) throw new AppError("not_found", `There is no request "${id}".`);
  const [row] = await toRows([found]);
  if (!row) throw new AppError("not_found", `There is no request "${id}".`);
  const routing = event && (await findRoute(scope.orgId, event.id));
  const report = event && (await findReport(scope.orgId, event.id));
  return {
    ...withoutCost(row),
    finishReason: event?.finishReason ?? null,
    promoUsd: formatUsd(event?.promoNano ?? 0n),
    reportedUsage: report && withoutMoney(report),
    receipt: event ? await receiptOfEvent(event) : null,
    routing: routing && forTenant(routing),
  };
}

/** Whether there are sums this person may see, of all keys or of their own. */
export function maySeeUsage({ permissions }: Scope): boolean {
  return permissions.has("usage.sums") || permissions.has("usage.own");
}

/** Whether single requests are open to this person, not only sums. */
export function maySeeRequests({ permissions }: Scope): boolean {
  return permissions.has("usage.read") || permissions.has("usage.own");
}

/** The organisation's very first call that went through, of all keys. */
export async function findFirstCall(
  scope: Scope,
): Promise<{ at: string; latencyMs: number | null; priceUsd: string | null } | null> {
  const event = await db().usageEvent.findFirst({
    where: { orgId: scope.orgId, kind: "call", outcome: "ok" },
    orderBy: { at: "asc" },
    select: { at: true, latencyMs: true, priceNano: true },
  });
  if (!event) return null;
  const { at, latencyMs, priceNano } = event;
  return { at: at.toISOString(), latencyMs, priceUsd: priceNano === null ? null : formatUsd(priceNano) };
}

/** Whether the organisation has calls under the app of this name. */
export async function hasUsedApp(scope: Scope, name: string): Promise<boolean> {
  const app = await db().app.findFirst({ where: { orgId: scope.orgId, name }, select: { id: true } });
  if (!app) return false;
  const bucket = await db().usageRollup.findFirst({
    where: { orgId: scope.orgId, appId: app.id },
    select: { node: true },
  });
  return bucket !== null;
}

/** When each app last called, by app id; of their own keys for a developer. Throws forbidden. */
export async function lastCallsOfApps(scope: Scope): Promise<Map<string, string>> {
  const keyIds = await visibleKeys(scope, "usage.sums");
  // from the 15-minute sums, as events are many: exact to the bucket, the newest of which is then looked up
  const rows = await db().usageRollup.groupBy({
    by: ["appId"],
    where: { orgId: scope.orgId, ...(keyIds && { keyId: { in: keyIds } }) },
    _max: { bucket: true },
  });
  const found = await Promise.all(
    rows.flatMap(({ appId, _max }) =>
      _max.bucket
        ? [
            db().usageEvent.findFirst({
              where: { orgId: scope.orgId, appId, at: { gte: _max.bucket }, ...(keyIds && { keyId: { in: keyIds } }) },
              orderBy: { at: "desc" },
              select: { appId: true, startedAt: true },
            }),
          ]
        : [],
    ),
  );
  return new Map(found.flatMap((event) => (event ? [[event.appId, event.startedAt.toISOString()]] : [])));
}

/** Which keys' usage this person sees: undefined for all of the organisation. */
async function visibleKeys(scope: Scope, needed: "usage.read" | "usage.sums"): Promise<string[] | undefined> {
  if (scope.permissions.has(needed)) return undefined;
  requirePermission(scope, "usage.own");
  const rows = await db().apiKey.findMany({
    where: { orgId: scope.orgId, createdBy: scope.actor.id },
    select: { id: true },
  });
  return rows.map(({ id }) => id);
}

/** Tenants see attempts by provider and outcome, never credentials or the operator's cost. */
function withoutCost(row: RequestRow): OrgRequest {
  const { costUsd, wasteUsd, credentialId, orgId, upstreamModel, attempts, anomalies, ...shown } = row;
  return {
    ...shown,
    attempts: attempts.map(({ provider, outcome, httpStatus, latencyMs, firstTokenMs, reason }) => ({
      provider,
      outcome,
      httpStatus,
      latencyMs,
      firstTokenMs,
      reason,
    })),
  };
}

async function receiptOfEvent(event: UsageEvent): Promise<ReceiptData | null> {
  const version = event.priceVersionId && (await db().priceVersion.findUnique({ where: { id: event.priceVersionId } }));
  if (!version || event.priceNano === null) return null;
  const { subject, subjectId, orgId } = version;
  const number = await db().priceVersion.count({ where: { subject, subjectId, orgId, id: { lte: version.id } } });
  const adjustments = await db().usageEvent.findMany({
    where: { orgId: event.orgId, parentId: event.id, kind: "adjust" },
  });
  const charged = [event, ...adjustments].reduce((total, { priceNano }) => total + (priceNano ?? 0n), 0n);
  // a call that was not charged has nothing to add up
  const lines = charged === 0n ? [] : priceLines(usageOf(event, ...adjustments), parseRates(version.rates));
  return {
    model: event.modelId,
    requestId: event.id,
    lines: lines.map((line) => ({
      ...line,
      rate: line.rate.toString(),
      nanoMillionths: line.nanoMillionths.toString(),
    })),
    factorBp: version.factorBp,
    charged: charged.toString(),
    held: event.heldNano.toString(),
    released: (event.heldNano > charged ? event.heldNano - charged : 0n).toString(),
    price: { version: String(number), since: version.effectiveFrom.toISOString() },
  };
}
