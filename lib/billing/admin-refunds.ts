import { askForRefund, decideOnRefund, refundId } from "@/lib/billing/refund-requests";
import type { AdminRefundInput, PaymentRow, RefundState, TopupState } from "@/lib/billing/schema";
import { change, db } from "@/lib/db";
import { AppError } from "@/lib/errors";
import { formatUsd, type Nano, parseUsd, toNano } from "@/lib/money";
import { STAFF_ROLES, type StaffRole } from "@/lib/orgs/permissions";
import { requireStaffPermission, type StaffScope } from "@/lib/orgs/scope";
import { getSettings } from "@/lib/settings/queries";
import type { Prisma } from "@/prisma/generated/client";

const OLD_MS = 30 * 24 * 3_600_000;
const PAYMENTS_SHOWN = 50;

/** An organisation's purchases with their refunds, newest first; those nobody paid are left out. */
export async function listPayments(scope: StaffScope, orgId: string): Promise<PaymentRow[]> {
  requireStaffPermission(scope, "orgs.read");
  const rows = await db().topup.findMany({
    where: { orgId, state: { not: "created" } },
    include: { refunds: { orderBy: { createdAt: "desc" } } },
    orderBy: { createdAt: "desc" },
    take: PAYMENTS_SHOWN,
  });
  const left = await db().$queryRaw<{ id: string; nano: bigint }[]>`
    SELECT t.id, refundable(t.id) AS nano FROM topup t WHERE t.org_id = ${orgId} AND t.state = 'paid'`;
  return rows.map((row) => ({
    id: row.id,
    // safe because a CHECK allows no other value
    state: row.state as TopupState,
    dispute: row.dispute as PaymentRow["dispute"],
    failure: row.failure,
    creditUsd: formatUsd(row.creditNano),
    refundedUsd: formatUsd(row.refundedNano),
    disputedUsd: formatUsd(row.disputedNano),
    refundableUsd: formatUsd(toNano(left.find(({ id }) => id === row.id)?.nano ?? 0n)),
    intent: row.stripePi,
    receiptUrl: row.receiptUrl,
    createdAt: row.createdAt.toISOString(),
    paidAt: row.paidAt?.toISOString() ?? null,
    refunds: row.refunds.map(({ id, state, creditNano, actorId, approvedBy, reason, failure, createdAt }) => ({
      ...{
        id,
        amountUsd: formatUsd(creditNano),
        actorId,
        approvedBy,
        reason,
        failure,
        createdAt: createdAt.toISOString(),
      },
      state: state as RefundState,
    })),
  }));
}

/** Refunds unspent credit of a purchase to the card it was bought with. A large one, and one of a purchase older than 30 days,
 *  is proposed to a second person, where there is one. Idempotent by `form`. Throws not_found, and conflict where less is left. */
export async function requestRefund(
  scope: StaffScope,
  { orgId, topupId, amountUsd: creditNano, reason, form }: AdminRefundInput,
): Promise<{ state: RefundState }> {
  requireStaffPermission(scope, "refunds.manage");
  return change(scope, async (tx) => {
    const topup = await tx.topup.findFirst({ where: { id: topupId, orgId } });
    if (!topup) throw new AppError("not_found", "There is no such purchase.");
    const isProposed = (await needsSecond(tx, creditNano, topup.paidAt)) && (await hasSecond(tx, scope));
    return askForRefund(tx, scope, { id: refundId(topupId, form), topupId, orgId, creditNano, isProposed, reason });
  });
}

/** A second person's word on a proposed refund. Throws not_found, forbidden for the proposer, conflict where less is left. */
export async function decideRefund(
  scope: StaffScope,
  { orgId, refundId: id, isApproved }: { orgId: string; refundId: string; isApproved: boolean },
): Promise<{ state: RefundState }> {
  requireStaffPermission(scope, "refunds.manage");
  if (scope.actor.type !== "staff") throw new AppError("forbidden", "A person must decide on a refund.");
  return change(scope, async (tx) => {
    const refund = await tx.refund.findFirst({ where: { id, topup: { orgId } } });
    if (!refund) throw new AppError("not_found", "There is no such refund.");
    if (refund.state !== "proposed") return { state: refund.state as RefundState };
    return decideOnRefund(tx, scope, { id, orgId, isApproved });
  });
}

async function needsSecond(tx: Prisma.TransactionClient, creditNano: Nano, paidAt: Date | null): Promise<boolean> {
  const isOld = paidAt === null || Date.now() - paidAt.getTime() > OLD_MS;
  return isOld || creditNano > parseUsd((await getSettings(tx)).refundApprovalUsd);
}

/** Whether anybody else may approve: who runs a hub alone must be able to refund. */
async function hasSecond(tx: Prisma.TransactionClient, { actor }: StaffScope): Promise<boolean> {
  const roles = (Object.keys(STAFF_ROLES) as StaffRole[]).filter((role) =>
    STAFF_ROLES[role].includes("refunds.manage"),
  );
  const where = { role: { in: roles }, userId: { not: actor.id }, user: { disabledAt: null } };
  return (await tx.staff.count({ where })) > 0;
}
