import { createHash } from "node:crypto";
import { recordAudit } from "@/lib/audit/mutations";
import { REFUND_TASK } from "@/lib/billing/reconcile";
import type { RefundState } from "@/lib/billing/schema";
import { AppError } from "@/lib/errors";
import { formatUsd, type Nano, toNano } from "@/lib/money";
import type { Scope, StaffScope } from "@/lib/orgs/scope";
import type { Prisma } from "@/prisma/generated/client";

// What a buyer's and the operator's refunds share. Amounts are nano-USD of credit.

export type RefundWish = {
  id: string;
  topupId: string;
  orgId: string;
  creditNano: Nano;
  /** Waits for a second person; nothing moves until then. */
  isProposed: boolean;
  reason: string;
};

/** The same form sent twice is one refund. */
export function refundId(topupId: string, form: string): string {
  return `rfd_${createHash("sha256").update(`${topupId}\n${form}`).digest("hex").slice(0, 26)}`;
}

export function isWithinWindow(paidAt: Date | null, hours: number, now = Date.now()): boolean {
  return paidAt !== null && now - paidAt.getTime() < hours * 3_600_000;
}

/** Debits wallet and lots and has the worker ask Stripe, all in the caller's transaction. Idempotent by the wish's id.
 *  Throws conflict where less is left. */
export async function askForRefund(
  tx: Prisma.TransactionClient,
  scope: Pick<Scope | StaffScope, "actor" | "request">,
  { id, topupId, orgId, creditNano, isProposed, reason }: RefundWish,
): Promise<{ state: RefundState }> {
  const isKnown = (await tx.refund.count({ where: { id } })) > 0;
  const state = await refusing(async () => {
    const [row] = await tx.$queryRaw<{ state: RefundState }[]>`
      SELECT request_refund(${id}, ${topupId}, ${creditNano}::bigint, ${isProposed}, ${actorOf(scope)}, ${reason}) AS state`;
    return row?.state;
  });
  if (!isKnown) {
    const after = { amountUsd: formatUsd(creditNano), topup: topupId, state };
    await recordAudit(tx, scope, { action: "refund.request", target: `refund:${id}`, orgId, after, reason });
  }
  if (state === "requested") await sendSoon(tx, id);
  return { state: state as RefundState };
}

/** Throws forbidden for the person who proposed it, and conflict where it cannot be made any more. */
export async function decideOnRefund(
  tx: Prisma.TransactionClient,
  scope: Pick<StaffScope, "actor" | "request">,
  { id, orgId, isApproved }: { id: string; orgId: string; isApproved: boolean },
): Promise<{ state: RefundState }> {
  const state = await refusing(async () => {
    const [row] = await tx.$queryRaw<{ state: RefundState }[]>`
      SELECT decide_refund(${id}, ${isApproved}, ${actorOf(scope)}) AS state`;
    return row?.state;
  });
  const action = isApproved ? "refund.approve" : "refund.reject";
  await recordAudit(tx, scope, { action, target: `refund:${id}`, orgId, after: { state } });
  if (state === "requested") await sendSoon(tx, id);
  return { state: state as RefundState };
}

function actorOf({ actor }: Pick<StaffScope, "actor">): string {
  return `${actor.type}:${actor.id}`;
}

async function sendSoon(tx: Prisma.TransactionClient, id: string): Promise<void> {
  await tx.$queryRaw`
    SELECT 1 FROM graphile_worker.add_job(${REFUND_TASK}, ${JSON.stringify({ refund: id })}::json, job_key => ${`refund:${id}`})`;
}

/** What the SQL functions refuse, in words. */
async function refusing<Result>(run: () => Promise<Result>): Promise<Result> {
  try {
    return await run();
  } catch (cause) {
    const message = String((cause as Error).message);
    const left = /only (\d+) nano-USD are refundable/.exec(message)?.[1];
    if (left !== undefined) {
      const text =
        left === "0"
          ? "Nothing of this purchase can be refunded: it is spent, in use by running calls, or disputed."
          : `Only ${formatUsd(toNano(left))} USD of this purchase are unspent and can be refunded.`;
      throw new AppError("conflict", text, { param: "amountUsd", cause });
    }
    if (/waits for approval/.test(message))
      throw new AppError("conflict", "A refund of this purchase waits for approval already.", { cause });
    if (/exists with other terms/.test(message))
      throw new AppError("conflict", "This form was sent before with another amount.", { cause });
    if (/second person must approve/.test(message))
      throw new AppError("forbidden", "Somebody else must approve the refund that you asked for.", { cause });
    throw cause;
  }
}
