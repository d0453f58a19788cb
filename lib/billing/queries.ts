import { amountsOf, stateOf } from "@/lib/billing/auto-topup-settings";
import { LOW_BALANCE_USD } from "@/lib/billing/low-balance";
import { isWithinWindow } from "@/lib/billing/refund-requests";
import type {
  AutoTopup,
  BalanceAlert,
  BillingEntry,
  History,
  LotRow,
  PurchaseRow,
  RefundObstacle,
  RefundState,
  TopupRow,
  TopupState,
} from "@/lib/billing/schema";
import { db } from "@/lib/db";
import { AppError } from "@/lib/errors";
import { formatUsd, toNano } from "@/lib/money";
import { requirePermission, type Scope } from "@/lib/orgs/scope";
import { getSettings } from "@/lib/settings/queries";
import type { Topup } from "@/prisma/generated/client";

const HISTORY_DAYS = 90;
const HISTORY_ROWS = 200;
const PENDING_SHOWN = 5;

/** What the organisation has, as decimal USD strings. `availableUsd` is null where nobody pays (enterprise). */
export type OrgBalance = {
  availableUsd: string | null;
  heldUsd: string;
  purchasedUsd: string;
  promotionalUsd: string;
  nextExpiryAt: string | null;
  status: "active" | "frozen" | "closed";
};

/** Every member sees the balance: without it a refused call cannot be explained. Throws not_found. */
export async function getBalance(scope: Scope): Promise<OrgBalance> {
  const { orgId } = scope;
  const [wallet, lots] = await Promise.all([
    db().wallet.findUnique({ where: { orgId } }),
    db().creditLot.groupBy({ by: ["source"], where: { orgId, remaining: { gt: 0 } }, _sum: { remaining: true } }),
  ]);
  if (!wallet) throw new AppError("not_found", "This organisation has no wallet.");
  const { posted, held, floor, status, nextExpiryAt } = wallet;
  const left = (wanted: (source: string) => boolean) =>
    lots.reduce((total, { source, _sum }) => (wanted(source) ? total + (_sum.remaining ?? 0n) : total), 0n);
  return {
    availableUsd: floor === null ? null : formatUsd(posted - held - floor),
    heldUsd: formatUsd(held),
    purchasedUsd: formatUsd(left((source) => source === "paid")),
    promotionalUsd: formatUsd(left((source) => source !== "paid")),
    nextExpiryAt: nextExpiryAt?.toISOString() ?? null,
    // safe because a CHECK allows no other value
    status: status as OrgBalance["status"],
  };
}

/** Purchases under way, and the last 90 days of entries with usage summed up by UTC day. Throws forbidden. */
export async function getHistory(scope: Scope): Promise<History> {
  requirePermission(scope, "billing.manage");
  const { orgId } = scope;
  const [pending, entries] = await Promise.all([
    db().topup.findMany({
      // an automatic one that waits for its buyer is shown where it is confirmed
      where: { orgId, OR: [{ state: "processing" }, { state: "needs_action", paymentMethod: null }] },
      orderBy: { createdAt: "desc" },
      take: PENDING_SHOWN,
    }),
    listEntries(orgId),
  ]);
  return { pending: pending.map(toTopup), entries };
}

/** One purchase with the balance as it is now. Throws forbidden and not_found. */
export async function getTopup(scope: Scope, id: string): Promise<TopupRow & { availableUsd: string | null }> {
  requirePermission(scope, "billing.manage");
  const { orgId } = scope;
  const topup = await db().topup.findFirst({ where: { id, orgId } });
  if (!topup) throw new AppError("not_found", "There is no such purchase.");
  // after the row: a purchase seen as paid must not come with the balance from before
  const { availableUsd } = await getBalance(scope);
  return { ...toTopup(topup), availableUsd };
}

/** Below which balance who is told, and who could be. Throws forbidden. */
export async function getBalanceAlert(scope: Scope): Promise<BalanceAlert> {
  requirePermission(scope, "billing.manage");
  const { orgId } = scope;
  const [row, members] = await Promise.all([
    db().balanceAlert.findUnique({ where: { orgId } }),
    db().member.findMany({ where: { orgId }, include: { user: { select: { name: true, email: true } } }, take: 50 }),
  ]);
  return {
    lowUsd: row ? formatUsd(row.lowNano) : LOW_BALANCE_USD,
    recipients: row?.recipients ?? [],
    members: members.map(({ userId, user }) => ({
      userId,
      name: user.name ? `${user.name} · ${user.email}` : user.email,
    })),
  };
}

/** Null where nobody has ever switched it on. Throws forbidden. */
export async function findAutoTopup(scope: Scope): Promise<AutoTopup | null> {
  requirePermission(scope, "billing.manage");
  const { orgId } = scope;
  const row = await db().autoTopup.findUnique({ where: { orgId } });
  if (!row) return null;
  const now = new Date();
  const month = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth()));
  const day = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate()));
  const charged = await db().topup.findMany({
    where: { orgId, paymentMethod: { not: null }, state: { not: "failed" }, createdAt: { gte: month } },
    select: { state: true, creditNano: true, createdAt: true },
  });
  const sumSince = (since: Date) =>
    charged.reduce((sum, { creditNano, createdAt }) => (createdAt >= since ? sum + creditNano : sum), 0n);
  return {
    state: stateOf(row, charged),
    // safe because a CHECK allows no other value
    reason: row.reason as AutoTopup["reason"],
    ...amountsOf(row),
    ...{ todayUsd: formatUsd(sumSince(day)), thisMonthUsd: formatUsd(sumSince(month)) },
    card: row.card,
    nextAttemptAt: row.nextAttemptAt && row.nextAttemptAt > now ? row.nextAttemptAt.toISOString() : null,
  };
}

const PURCHASES_SHOWN = 5;

/** The latest paid purchases, with what their buyer may take back now. Throws forbidden. */
export async function listPurchases(scope: Scope): Promise<PurchaseRow[]> {
  requirePermission(scope, "billing.manage");
  const { orgId } = scope;
  const [rows, { refundWindowHours: hours }, wallet] = await Promise.all([
    db().topup.findMany({
      where: { orgId, state: { in: ["paid", "refunded"] } },
      include: { refunds: { orderBy: { createdAt: "desc" }, take: 1 } },
      orderBy: { paidAt: "desc" },
      take: PURCHASES_SHOWN,
    }),
    getSettings(),
    db().wallet.findUniqueOrThrow({ where: { orgId } }),
  ]);
  const left = await db().$queryRaw<{ id: string; nano: bigint }[]>`
    SELECT t.id, refundable(t.id) AS nano FROM topup t WHERE t.org_id = ${orgId} AND t.id = ANY (${rows.map(({ id }) => id)})`;
  return rows.map((row) => {
    const [refund] = row.refunds;
    const leftNano = toNano(left.find(({ id }) => id === row.id)?.nano ?? 0n);
    const obstacle = obstacleOf(row, { leftNano, hours, isFrozen: wallet.status !== "active" });
    return {
      ...toTopup(row),
      refundedUsd: formatUsd(row.refundedNano),
      refundableUsd: obstacle ? "0" : formatUsd(leftNano),
      obstacle,
      refundableUntil:
        hours > 0 && row.paidAt ? new Date(row.paidAt.getTime() + hours * 3_600_000).toISOString() : null,
      // safe because a CHECK allows no other state
      refund: refund ? { state: refund.state as RefundState, amountUsd: formatUsd(refund.creditNano) } : null,
    };
  });
}

const LOTS_SHOWN = 100;

/** What the balance is made of, in the order in which it is used up. Throws forbidden. */
export async function listLots(scope: Scope): Promise<LotRow[]> {
  requirePermission(scope, "billing.manage");
  const rows = await db().creditLot.findMany({
    where: { orgId: scope.orgId, remaining: { gt: 0 } },
    orderBy: [{ priority: "asc" }, { expiresAt: { sort: "asc", nulls: "last" } }, { createdAt: "asc" }],
    take: LOTS_SHOWN,
  });
  return rows.map(({ id, source, amount, remaining, restricted, expiresAt }) => ({
    id,
    // safe because a CHECK allows no other value
    kind: source as LotRow["kind"],
    amountUsd: formatUsd(amount),
    remainingUsd: formatUsd(remaining),
    isRestricted: restricted,
    expiresAt: expiresAt?.toISOString() ?? null,
  }));
}

type Circumstances = { leftNano: bigint; hours: number; isFrozen: boolean };

function obstacleOf({ paidAt, dispute }: Topup, { leftNano, hours, isFrozen }: Circumstances): RefundObstacle | null {
  if (dispute === "open" || dispute === "lost") return "disputed";
  if (!isWithinWindow(paidAt, hours)) return "window";
  if (isFrozen) return "frozen";
  return leftNano > 0n ? null : "spent";
}

type EntryRow = {
  id: bigint;
  at: Date;
  kind: string;
  amount: bigint;
  balance: bigint;
  topup_id: string | null;
  receipt_url: string | null;
};

async function listEntries(orgId: string): Promise<BillingEntry[]> {
  const rows = await db().$queryRaw<EntryRow[]>`
    WITH posting AS (
      SELECT j.id, j.at, CASE j.kind WHEN 'late' THEN 'usage' ELSE j.kind END AS kind, j.reason, e.amount,
        CASE WHEN j.kind IN ('usage', 'late') THEN 'usage ' || (j.at AT TIME ZONE 'UTC')::date ELSE j.id::text END AS line
      FROM journal j JOIN entry e ON e.journal_id = j.id AND e.account_id = ${`customer:${orgId}`}
      WHERE j.org_id = ${orgId} AND j.at > clock_timestamp() - ${HISTORY_DAYS} * interval '1 day'
    ), line AS (
      SELECT max(id) AS id, max(at) AS at, min(kind) AS kind, sum(amount)::bigint AS amount, max(reason) AS reason FROM posting GROUP BY line
    )
    SELECT l.id, l.at, l.kind, l.amount, t.id AS topup_id, t.receipt_url,
      (w.posted - coalesce(sum(l.amount) OVER (ORDER BY l.at DESC, l.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0))::bigint AS balance
    FROM line l JOIN wallet w ON w.org_id = ${orgId}
    LEFT JOIN topup t ON l.kind IN ('topup', 'refund', 'dispute') AND t.id = l.reason AND t.org_id = ${orgId}
    ORDER BY l.at DESC, l.id DESC LIMIT ${HISTORY_ROWS}`;
  return rows.map(({ id, at, kind, amount, balance, topup_id, receipt_url }) => ({
    id: String(id),
    at: at.toISOString(),
    // safe because the SQL functions write no other kind against a customer's account
    kind: kind as BillingEntry["kind"],
    amountUsd: formatUsd(toNano(amount)),
    balanceUsd: formatUsd(toNano(balance)),
    topupId: topup_id,
    receiptUrl: receipt_url,
  }));
}

function toTopup(row: Topup): TopupRow {
  return {
    id: row.id,
    // safe because a CHECK allows no other value
    state: row.state as TopupState,
    creditUsd: formatUsd(row.creditNano),
    failure: row.failure,
    createdAt: row.createdAt.toISOString(),
    paidAt: row.paidAt?.toISOString() ?? null,
    receiptUrl: row.receiptUrl,
  };
}
