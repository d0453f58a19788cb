import { recordAudit } from "@/lib/audit/mutations";
import { ASK_CARD, requireTrust } from "@/lib/billing/buyers";
import type { AutoTopup, AutoTopupInput } from "@/lib/billing/schema";
import { AppError } from "@/lib/errors";
import { formatUsd } from "@/lib/money";
import type { Scope } from "@/lib/orgs/scope";
import type { Prisma } from "@/prisma/generated/client";

/** Writes what an organisation wants of automatic top-ups. True: a card has to be saved first. Throws as setAutoTopup does. */
export async function saveAutoTopup(
  tx: Prisma.TransactionClient,
  scope: Scope,
  { isNewCard, ...input }: AutoTopupInput,
  { customer, livemode }: { customer: string; livemode: boolean },
): Promise<boolean> {
  const { orgId, actor } = scope;
  const wallet = await tx.wallet.findUniqueOrThrow({ where: { orgId } });
  if (wallet.status !== "active" && wallet.freezeReason !== "negative") {
    throw new AppError("conflict", "The balance is frozen.");
  }
  const known = await tx.autoTopup.findUnique({ where: { orgId } });
  // a card of the other mode (live or test) is none
  const card = known?.livemode === livemode ? known.paymentMethod : null;
  const asksCard = isNewCard || card === null;
  if (asksCard) await requireTrust(tx, scope);
  const state = card === null ? "off" : isNewCard ? (known?.state ?? "off") : "on";
  const fields = {
    ...{ thresholdNano: input.thresholdUsd, amountNano: input.amountUsd, dailyCapNano: input.dailyCapUsd },
    ...{ monthlyCapNano: input.monthlyCapUsd, actorId: actor.id, livemode, stripeCustomer: customer },
    ...{ paymentMethod: card, state, ...(card === null && { card: null }) },
    ...(state !== "disabled" && { reason: null }),
    ...(state === "on" && known?.state !== "on" && { failures: 0, nextAttemptAt: null, changedAt: new Date() }),
  };
  await tx.autoTopup.upsert({ where: { orgId }, create: { orgId, ...fields }, update: fields });
  await recordAudit(tx, scope, {
    ...{ action: asksCard ? ASK_CARD : "auto_topup.update", target: `org:${orgId}`, orgId },
    ...(known && { before: summaryOf(known) }),
    after: summaryOf(fields),
  });
  return asksCard;
}

type Amounts = { thresholdNano: bigint; amountNano: bigint; dailyCapNano: bigint; monthlyCapNano: bigint };

/** What an organisation is shown of the state. */
export function stateOf(
  { state, setupSession }: { state: string; setupSession: string | null },
  charged: readonly { state: string }[],
): AutoTopup["state"] {
  if (state === "on") return charged.some((topup) => topup.state === "needs_action") ? "paused" : "on";
  if (setupSession) return "saving";
  return state === "disabled" ? "disabled" : "off";
}

export function amountsOf({ thresholdNano, amountNano, dailyCapNano, monthlyCapNano }: Amounts) {
  return {
    ...{ thresholdUsd: formatUsd(thresholdNano), amountUsd: formatUsd(amountNano) },
    ...{ dailyCapUsd: formatUsd(dailyCapNano), monthlyCapUsd: formatUsd(monthlyCapNano) },
  };
}

/** For the audit log. */
export function summaryOf({ state, ...amounts }: Amounts & { state: string }) {
  return { state, ...amountsOf(amounts) };
}
