import { recordAudit } from "@/lib/audit/mutations";
import { MAX_CARDS_PER_DAY, type PaymentRef, RECONCILE_TASK } from "@/lib/billing/reconcile";
import { askForRefund, isWithinWindow, refundId } from "@/lib/billing/refund-requests";
import type { AddCreditsInput, BalanceAlertInput, RefundInput, RefundState } from "@/lib/billing/schema";
import type { PaymentEvent } from "@/lib/billing/stripe";
import { type Buying, centsOf, returnUrls, topupId } from "@/lib/billing/topups";
import { db } from "@/lib/db";
import { AppError } from "@/lib/errors";
import { formatUsd, parseUsd } from "@/lib/money";
import { requirePermission, type Scope } from "@/lib/orgs/scope";
import { getSettings } from "@/lib/settings/queries";
import type { Prisma, Topup } from "@/prisma/generated/client";

/** Against trying out stolen cards, per organisation. */
const MAX_SESSIONS_PER_HOUR = 5;
const HOUR_MS = 3_600_000;
/** A page that watches asks every second; Stripe need not be asked as often. */
const FRESH_MS = 2_000;
const CURRENCY = "usd";

/** Begins a purchase and answers Stripe's page for it. The row comes first, so that whatever Stripe reports later has one to
 *  match; the same `form` again answers the same page. Throws forbidden (also before the buyer's address is verified), conflict (enterprise
 *  mode), rate_limit_exceeded. */
export async function createTopup(
  scope: Scope,
  { amountUsd: creditNano, form }: AddCreditsInput,
  { payments, place }: Buying,
): Promise<{ id: string; url: string }> {
  requirePermission(scope, "billing.manage");
  if ((await getSettings()).mode !== "service") {
    throw new AppError("conflict", "This hub records costs and sells no credit.");
  }
  const id = topupId(scope.orgId, form);
  const customer = await ensureCustomer(scope, payments);
  const amountMinor = centsOf(creditNano);
  const row = await db().$transaction(async (tx) => {
    await requireTrust(tx, scope, id);
    const made = await tx.$executeRaw`
      INSERT INTO topup (id, org_id, actor_id, credit_nano, currency, amount_minor, locale, livemode, stripe_customer)
      VALUES (${id}, ${scope.orgId}, ${scope.actor.id}, ${creditNano}, ${CURRENCY}, ${amountMinor}, ${place.locale}, ${payments.livemode}, ${customer})
      ON CONFLICT (id) DO NOTHING`;
    const topup = await tx.topup.findFirstOrThrow({ where: { id, orgId: scope.orgId } });
    if (topup.creditNano !== creditNano)
      throw new AppError("conflict", "This form was sent before with another amount.");
    if (made > 0) {
      const after = { amountUsd: formatUsd(creditNano) };
      await recordAudit(tx, scope, { action: "topup.create", target: `topup:${id}`, orgId: scope.orgId, after });
    }
    return topup;
  });
  if (row.state !== "created") throw new AppError("conflict", "This purchase has been paid already.");
  return openCheckout(row, { payments, place });
}

async function openCheckout(row: Topup, { payments, place }: Buying): Promise<{ id: string; url: string }> {
  const { session, url } = await payments.createCheckout({
    topupId: row.id,
    orgId: row.orgId,
    customer: row.stripeCustomer,
    currency: row.currency,
    amountMinor: row.amountMinor,
    description: `${formatUsd(row.creditNano)} USD API credit`,
    locale: place.locale,
    ...returnUrls(place, row.id),
  });
  await db().$executeRaw`UPDATE topup SET stripe_session = ${session} WHERE id = ${row.id} AND stripe_session IS NULL`;
  return { id: row.id, url };
}

/** Has the worker look at a purchase now, as a webhook would. Throws forbidden and not_found. */
export async function checkTopup(scope: Scope, id: string): Promise<void> {
  requirePermission(scope, "billing.manage");
  const row = await db().topup.findFirst({
    where: { id, orgId: scope.orgId },
    select: { state: true, fetchedAt: true },
  });
  if (!row) throw new AppError("not_found", "There is no such purchase.");
  const isFresh = row.fetchedAt !== null && Date.now() - row.fetchedAt.getTime() < FRESH_MS;
  if (!isFresh && row.state !== "paid" && row.state !== "refunded") await enqueue(db(), { topup: id });
}

/** Gives the unspent part of a purchase back to its buyer while the operator's window is open; what is large waits for the
 *  operator. Wallet and lots are debited here; the worker then asks Stripe. The same `form` again answers the same refund.
 *  Throws forbidden, not_found, conflict. */
export async function refundTopup(
  scope: Scope,
  { id: topupId, amountUsd: creditNano, form }: RefundInput,
): Promise<{ state: RefundState }> {
  requirePermission(scope, "billing.manage");
  const { orgId, actor } = scope;
  return db().$transaction(async (tx) => {
    const topup = await tx.topup.findFirst({ where: { id: topupId, orgId } });
    if (!topup) throw new AppError("not_found", "There is no such purchase.");
    const wallet = await tx.wallet.findUniqueOrThrow({ where: { orgId } });
    const settings = await getSettings(tx);
    const id = refundId(topupId, form);
    const isKnown = (await tx.refund.count({ where: { id } })) > 0;
    if (!isKnown && !isWithinWindow(topup.paidAt, settings.refundWindowHours)) {
      throw new AppError("conflict", "The time in which this purchase could be refunded is over.");
    }
    if (!isKnown && wallet.status !== "active") throw new AppError("conflict", "The balance is frozen.");
    const isProposed = creditNano > parseUsd(settings.refundApprovalUsd);
    return askForRefund(tx, scope, { id, topupId, orgId, creditNano, isProposed, reason: `user:${actor.id}` });
  });
}

/** Sets below which balance who is told. `recipients` are user ids of members; none: everybody who manages billing. Idempotent.
 *  Throws forbidden and invalid_request. */
export async function setBalanceAlert(scope: Scope, { lowUsd: lowNano, recipients }: BalanceAlertInput): Promise<void> {
  requirePermission(scope, "billing.manage");
  const { orgId } = scope;
  await db().$transaction(async (tx) => {
    const members = await tx.member.count({ where: { orgId, userId: { in: recipients } } });
    if (members !== new Set(recipients).size) {
      throw new AppError("invalid_request", "recipients: must be members of this organisation.", {
        param: "recipients",
      });
    }
    const { posted, floor } = await tx.wallet.findUniqueOrThrow({ where: { orgId } });
    // who is below it already has nothing to cross
    const isLow = floor !== null && posted - floor < lowNano;
    await tx.$executeRaw`
      INSERT INTO balance_alert (org_id, is_low, low_nano, recipients) VALUES (${orgId}, ${isLow}, ${lowNano}, ${recipients})
      ON CONFLICT (org_id) DO UPDATE SET low_nano = excluded.low_nano, recipients = excluded.recipients`;
    const after = { lowUsd: formatUsd(lowNano), recipients };
    await recordAudit(tx, scope, { action: "balance_alert.update", target: `org:${orgId}`, orgId, after });
  });
}

/** Keeps a verified event and has the worker look at its payment. The event is a hint: nothing of it is credited.
 *  A delivery that is repeated changes nothing. */
export async function receivePaymentEvent({
  id,
  type,
  objectId,
  livemode,
  topupId,
  intent,
}: PaymentEvent): Promise<void> {
  await db().$transaction(async (tx) => {
    const isNew = await tx.$executeRaw`
      INSERT INTO stripe_event (id, type, object_id, livemode) VALUES (${id}, ${type}, ${objectId}, ${livemode}) ON CONFLICT (id) DO NOTHING`;
    if (isNew === 0) return;
    if (topupId && !type.startsWith("refund")) await enqueue(tx, { topup: topupId });
    else if (intent) await enqueue(tx, { intent });
  });
}

async function enqueue(tx: Pick<Prisma.TransactionClient, "$queryRaw">, ref: PaymentRef): Promise<void> {
  const key = `payment:${"topup" in ref ? ref.topup : ref.intent}`;
  await tx.$queryRaw`SELECT 1 FROM graphile_worker.add_job(${RECONCILE_TASK}, ${JSON.stringify(ref)}::json, job_key => ${key})`;
}

async function ensureCustomer(scope: Scope, payments: Buying["payments"]): Promise<string> {
  const { orgId, actor } = scope;
  const { livemode } = payments;
  const known = await db().stripeCustomer.findUnique({ where: { orgId_livemode: { orgId, livemode } } });
  if (known) return known.customerId;
  const [org, person] = await Promise.all([
    db().org.findUniqueOrThrow({ where: { id: orgId } }),
    db().user.findUnique({ where: { id: actor.id } }),
  ]);
  const made = await payments.createCustomer({ orgId, name: org.name, email: person?.email ?? "" });
  await db().$executeRaw`
    INSERT INTO stripe_customer (org_id, livemode, customer_id) VALUES (${orgId}, ${livemode}, ${made}) ON CONFLICT DO NOTHING`;
  const row = await db().stripeCustomer.findUniqueOrThrow({ where: { orgId_livemode: { orgId, livemode } } });
  return row.customerId;
}

async function requireTrust(tx: Prisma.TransactionClient, { orgId, actor }: Scope, id: string): Promise<void> {
  const person = await tx.user.findUnique({ where: { id: actor.id }, select: { emailVerified: true } });
  if (!person?.emailVerified) throw new AppError("forbidden", "Verify your e-mail address before you buy.");
  const hourAgo = new Date(Date.now() - HOUR_MS);
  const begun = await tx.topup.count({ where: { orgId, createdAt: { gt: hourAgo }, id: { not: id } } });
  if (begun >= MAX_SESSIONS_PER_HOUR) {
    const message = `${MAX_SESSIONS_PER_HOUR} payment pages were opened in the last hour, which is the limit. Try again later.`;
    throw new AppError("rate_limit_exceeded", message, { retryAfterMs: HOUR_MS });
  }
  const dayAgo = new Date(Date.now() - 24 * HOUR_MS);
  if ((await tx.paymentCard.count({ where: { orgId, seenAt: { gt: dayAgo } } })) > MAX_CARDS_PER_DAY) {
    const message = `More than ${MAX_CARDS_PER_DAY} cards were tried today. Try again tomorrow, or ask the operator.`;
    throw new AppError("rate_limit_exceeded", message, { retryAfterMs: 24 * HOUR_MS });
  }
}
