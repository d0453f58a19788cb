import { MAX_CARDS_PER_DAY } from "@/lib/billing/reconcile";
import { AppError } from "@/lib/errors";
import type { Scope } from "@/lib/orgs/scope";
import type { Prisma } from "@/prisma/generated/client";

/** The audit action of a page that saves a card. */
export const ASK_CARD = "auto_topup.ask_card";
/** Against trying out stolen cards, per organisation. */
const MAX_SESSIONS_PER_HOUR = 5;
const HOUR_MS = 3_600_000;

/** Whether this person may be shown one more of Stripe's pages; `except`: the purchase whose page it is. Throws forbidden before
 *  their address is verified, and rate_limit_exceeded. */
export async function requireTrust(
  tx: Prisma.TransactionClient,
  { orgId, actor }: Scope,
  { except = "" }: { except?: string } = {},
): Promise<void> {
  const person = await tx.user.findUnique({ where: { id: actor.id }, select: { emailVerified: true } });
  if (!person?.emailVerified) throw new AppError("forbidden", "Verify your e-mail address before you buy.");
  const hourAgo = new Date(Date.now() - HOUR_MS);
  const bought = await tx.topup.count({
    where: { orgId, createdAt: { gt: hourAgo }, id: { not: except }, paymentMethod: null },
  });
  const saved = await tx.auditEvent.count({ where: { orgId, action: ASK_CARD, at: { gt: hourAgo } } });
  if (bought + saved >= MAX_SESSIONS_PER_HOUR) {
    const message = `${MAX_SESSIONS_PER_HOUR} payment pages were opened in the last hour, which is the limit. Try again later.`;
    throw new AppError("rate_limit_exceeded", message, { retryAfterMs: HOUR_MS });
  }
  const dayAgo = new Date(Date.now() - 24 * HOUR_MS);
  if ((await tx.paymentCard.count({ where: { orgId, seenAt: { gt: dayAgo } } })) > MAX_CARDS_PER_DAY) {
    const message = `More than ${MAX_CARDS_PER_DAY} cards were tried today. Try again tomorrow, or ask the operator.`;
    throw new AppError("rate_limit_exceeded", message, { retryAfterMs: 24 * HOUR_MS });
  }
}
