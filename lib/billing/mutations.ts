import { recordAudit } from "@/lib/audit/mutations";
import { SAVE_CARD_TASK } from "@/lib/billing/auto-topup";
import { saveAutoTopup, summaryOf } from "@/lib/billing/auto-topup-settings";
import { requireTrust } from "@/lib/billing/buyers";
import { type PaymentRef, RECONCILE_TASK } from "@/lib/billing/reconcile";
import { askForRefund, isWithinWindow, refundId } from "@/lib/billing/refund-requests";
import type {
  AddCreditsInput,
  AutoTopupInput,
  BalanceAlertInput,
  RefundInput,
  RefundState,
} from "@/lib/billing/schema";
import type { PaymentEvent } from "@/lib/billing/stripe";
import { type Buying, cardPageUrls, centsOf, creditDescription, returnUrls, topupId } from "@/lib/billing/topups";
import { db } from "@/lib/db";
import { AppError } from "@/lib/errors";
import { formatUsd, parseUsd } from "@/lib/money";
import { requirePermission, type Scope } from "@/lib/orgs/scope";
import { getSettings } from "@/lib/settings/queries";
import type { Prisma, Topup } from "@/prisma/generated/client";

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
  await requireSale();
  const id = topupId(scope.orgId, form);
  const customer = await ensureCustomer(scope, payments);
  const amountMinor = centsOf(creditNano);
  const row = await db().$transaction(async (tx) => {
    await requireTrust(tx, scope, { except: id });
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
    description: creditDescription(row.creditNano),
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

/** Sets when and how much a saved card is charged by itself, and switches it on. Answers Stripe's page where a card has to be saved
 *  first: it is on once that is done, and charges nothing before. Throws forbidden (also before the person's address is
 *  verified), conflict (enterprise mode, a frozen balance), rate_limit_exceeded. */
export async function setAutoTopup(
  scope: Scope,
  input: AutoTopupInput,
  { payments, place }: Buying,
): Promise<{ url: string | null }> {
  requirePermission(scope, "billing.manage");
  const { orgId } = scope;
  await requireSale();
  const customer = await ensureCustomer(scope, payments);
  const { livemode } = payments;
  const asksCard = await db().$transaction((tx) => saveAutoTopup(tx, scope, input, { customer, livemode }));
  if (!asksCard) return { url: null };
  const { form } = input;
  const page = { orgId, customer, form, locale: place.locale, ...cardPageUrls(place) };
  const { session, url } = await payments.createCardPage(page);
  await db().autoTopup.update({ where: { orgId }, data: { setupSession: session } });
  return { url };
}

/** Switches automatic top-ups off; a charge that waits for a confirmation is ended. Idempotent. Throws forbidden. */
export async function stopAutoTopup(scope: Scope): Promise<void> {
  requirePermission(scope, "billing.manage");
  const { orgId } = scope;
  await db().$transaction(async (tx) => {
    const known = await tx.autoTopup.findUnique({ where: { orgId } });
    if (!known || (known.state === "off" && !known.setupSession)) return;
    const off = { state: "off", reason: null, setupSession: null, changedAt: new Date() };
    await tx.autoTopup.update({ where: { orgId }, data: off });
    await recordAudit(tx, scope, {
      ...{ action: "auto_topup.update", target: `org:${orgId}`, orgId },
      ...{ before: summaryOf(known), after: { state: "off" } },
    });
    await tx.$queryRaw`
      SELECT (SELECT j.id FROM graphile_worker.add_job(${RECONCILE_TASK}, json_build_object('topup', t.id), job_key => 'payment:' || t.id) j)::text AS job
      FROM topup t WHERE t.org_id = ${orgId} AND t.payment_method IS NOT NULL AND t.state IN ('created', 'processing', 'needs_action')`;
  });
}

/** Where the person goes whose bank wants the last charge confirmed: the bank's page for that same payment, or what became of it.
 *  Throws forbidden and not_found. */
export async function confirmAutoTopup(scope: Scope, { payments, place }: Buying): Promise<{ url: string }> {
  requirePermission(scope, "billing.manage");
  const { orgId } = scope;
  const waiting = await db().topup.findFirst({
    where: { orgId, state: "needs_action", paymentMethod: { not: null } },
  });
  if (!waiting?.stripePi || !waiting.paymentMethod)
    throw new AppError("not_found", "Nothing waits for a confirmation.");
  const { successUrl } = returnUrls(place, waiting.id);
  const { stripePi: intent, paymentMethod: method } = waiting;
  return { url: (await payments.confirmPayment({ intent, method, returnUrl: successUrl })) ?? successUrl };
}

/** Has the worker look now whether a card was saved. Throws forbidden. */
export async function checkCardPage(scope: Scope): Promise<void> {
  requirePermission(scope, "billing.manage");
  const { orgId } = scope;
  const known = await db().autoTopup.findUnique({ where: { orgId } });
  if (!known?.setupSession) return;
  const payload = JSON.stringify({ org: orgId, session: known.setupSession });
  await db()
    .$queryRaw`SELECT 1 FROM graphile_worker.add_job(${SAVE_CARD_TASK}, ${payload}::json, job_key => ${`${SAVE_CARD_TASK}:${orgId}`})`;
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

async function requireSale(): Promise<void> {
  if ((await getSettings()).mode !== "service") {
    throw new AppError("conflict", "This hub records costs and sells no credit.");
  }
}

/** Stripe's customer of the organisation, made at the first purchase. Idempotent. */
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
