import { createHash } from "node:crypto";
import type { Emit, Fields, StripeObject, World } from "./world";

// How payments move: what a card does, refunds, disputes. Each function changes objects and tells of it by events.

export type Method =
  | "succeeds"
  | "declined"
  | "insufficient_funds"
  | "needs_authentication"
  | "always_asks"
  | "saved_declines"
  | "delayed"
  | "delayed_fails"
  | "refunds_pend"
  | "refunds_fail";

/** Test numbers that Stripe documents; the two IBANs stand for methods that report later. */
export const METHODS: Readonly<Record<string, Method>> = {
  "4242424242424242": "succeeds",
  "4000000000000002": "declined",
  "4000000000009995": "insufficient_funds",
  "4000002500003155": "needs_authentication",
  "4000002760003184": "always_asks",
  "4000000000000341": "saved_declines",
  "4000000000007726": "refunds_pend",
  "4000000000005126": "refunds_fail",
  DE89370400440532013000: "delayed",
  DE62370400440532013001: "delayed_fails",
};

/** Who pays: a session's visitor, or a saved card. */
type Payer = { fingerprint: unknown; course: unknown; receiptUrl: string };

const FEE_PER_MILLE = 29;
const FEE_FIXED = 30;
const DISPUTE_FEE = 1_500;

/** Pays an open session; returns what the page shows next. */
export function pay(
  world: World,
  emit: Emit,
  session: StripeObject,
  method: Method,
  number = "",
): "paid" | "authenticate" | "failed" {
  session.card = /^\d/.test(number) ? createHash("sha256").update(number).digest("hex").slice(0, 16) : null;
  if (session.mode === "setup") return beginSaving(world, emit, session, method, number);
  const intent = intentOf(world, emit, session);
  if (method === "refunds_pend" || method === "refunds_fail") session.refund_course = method;
  if (method === "declined" || method === "insufficient_funds") return decline(emit, payerOf(session), intent, method);
  if (method === "saved_declines") return decline(emit, payerOf(session), intent, "declined");
  if (method === "needs_authentication" || method === "always_asks") {
    intent.status = "requires_action";
    emit("payment_intent.requires_action", intent);
    return "authenticate";
  }
  if (method === "delayed" || method === "delayed_fails") {
    Object.assign(intent, { status: "processing", last_payment_error: null });
    Object.assign(session, { status: "complete", payment_status: "unpaid", delayed: method });
    emit("payment_intent.processing", intent);
    emit("checkout.session.completed", session);
    return "paid";
  }
  complete(world, emit, session, intent);
  emit("checkout.session.completed", session);
  return "paid";
}

/** The person answers the bank's question. */
export function authenticate(world: World, emit: Emit, session: StripeObject, agrees: boolean): "paid" | "failed" {
  if (session.mode === "setup") return agrees ? save(world, emit, session) : "failed";
  const intent = intentOf(world, emit, session);
  if (!agrees) return decline(emit, payerOf(session), intent, "authentication_failed");
  complete(world, emit, session, intent);
  emit("checkout.session.completed", session);
  return "paid";
}

/** The bank reports on a delayed payment. */
export function settleDelayed(world: World, emit: Emit, session: StripeObject): void {
  const intent = world.find("payment_intent", session.payment_intent);
  if (intent?.status !== "processing") return;
  if (session.delayed === "delayed") {
    complete(world, emit, session, intent);
    return emit("checkout.session.async_payment_succeeded", session);
  }
  decline(emit, payerOf(session), intent, "debit_not_authorized");
  emit("checkout.session.async_payment_failed", session);
}

export function expire(emit: Emit, session: StripeObject): void {
  if (session.status !== "open") return;
  Object.assign(session, { status: "expired", url: null });
  emit("checkout.session.expired", session);
}

/** Throws Error with Stripe's sentence where nothing is left to refund. */
export function refund(
  world: World,
  emit: Emit,
  intent: StripeObject,
  amount: number | null,
  metadata: Fields,
): StripeObject {
  const charge = world.find("charge", intent.latest_charge);
  if (!charge) throw new Error("This PaymentIntent does not have a successful charge to refund.");
  const left = (charge.amount as number) - (charge.amount_refunded as number);
  const taken = amount ?? left;
  if (left === 0) throw new Error(`Charge ${charge.id} has already been refunded.`);
  if (taken > left || taken < 1)
    throw new Error(`Refund amount is greater than unrefunded amount on charge (${left}).`);
  const { currency } = charge;
  const made = world.add("refund", "re", {
    ...{
      amount: taken,
      currency,
      charge: charge.id,
      payment_intent: intent.id,
      status: charge.refund_course === "refunds_pend" ? "pending" : "succeeded",
      metadata,
      reason: null,
    },
  });
  made.balance_transaction = transaction(world, "refund", -taken, 0, made).id;
  markRefunded(charge, taken);
  emit("refund.created", made);
  emit("charge.refunded", charge);
  return made;
}

/** The bank reports on a refund: one that pended is made, one that was doomed fails. */
export function settleRefund(world: World, emit: Emit, made: StripeObject): void {
  const charge = world.find("charge", made.charge);
  if (charge?.refund_course === "refunds_fail") return failRefund(world, emit, made);
  if (made.status !== "pending") return;
  made.status = "succeeded";
  emit("refund.updated", made);
}

/** The bank sends the money back: the refund never happened. */
export function failRefund(world: World, emit: Emit, made: StripeObject): void {
  const charge = world.find("charge", made.charge);
  if (!charge || made.status === "failed") return;
  Object.assign(made, { status: "failed", failure_reason: "lost_or_stolen_card" });
  transaction(world, "refund_failure", made.amount as number, 0, made);
  markRefunded(charge, -(made.amount as number));
  emit("refund.failed", made);
  emit("charge.refund.updated", made);
}

/** The card's bank reports early that its owner did not pay. */
export function warnOfFraud(world: World, emit: Emit, intent: StripeObject): void {
  const warning = world.add("radar.early_fraud_warning", "issfr", {
    ...{
      actionable: true,
      charge: intent.latest_charge,
      payment_intent: intent.id,
      fraud_type: "made_with_stolen_card",
    },
  });
  emit("radar.early_fraud_warning.created", warning);
}

/** What is available goes to the bank account. */
export function payOut(world: World, emit: Emit): StripeObject {
  const net = world.list("balance_transaction").reduce((sum, move) => sum + (move.net as number), 0);
  const made = world.add("payout", "po", { amount: net, currency: "usd", status: "paid", automatic: true });
  made.balance_transaction = transaction(world, "payout", -net, 0, made).id;
  emit("payout.paid", made);
  return made;
}

export function openDispute(world: World, emit: Emit, intent: StripeObject): StripeObject {
  const charge = world.find("charge", intent.latest_charge);
  if (!charge) throw new Error("There is no charge to dispute.");
  charge.disputed = true;
  const { amount, currency } = charge;
  const dispute = world.add("dispute", "dp", {
    ...{
      amount,
      currency,
      charge: charge.id,
      payment_intent: intent.id,
      status: "needs_response",
      reason: "fraudulent",
    },
    ...{ metadata: {}, is_charge_refundable: false, balance_transactions: [] },
  });
  emit("charge.dispute.created", dispute);
  dispute.balance_transactions = [transaction(world, "adjustment", -(amount as number), DISPUTE_FEE, dispute)];
  emit("charge.dispute.funds_withdrawn", dispute);
  return dispute;
}

export function closeDispute(world: World, emit: Emit, dispute: StripeObject, status: "won" | "lost"): void {
  dispute.status = status;
  if (status === "won") {
    const moves = dispute.balance_transactions as StripeObject[];
    dispute.balance_transactions = [...moves, transaction(world, "adjustment", dispute.amount as number, 0, dispute)];
    emit("charge.dispute.funds_reinstated", dispute);
  }
  emit("charge.dispute.closed", dispute);
}

function beginSaving(
  world: World,
  emit: Emit,
  session: StripeObject,
  method: Method,
  number: string,
): "paid" | "authenticate" | "failed" {
  Object.assign(session, { course: method, last4: number.slice(-4) });
  if (!session.card || method === "declined" || method === "insufficient_funds") return "failed";
  if (method === "needs_authentication" || method === "always_asks") return "authenticate";
  return save(world, emit, session);
}

function save(world: World, emit: Emit, session: StripeObject): "paid" {
  const { customer, card: fingerprint, last4, course } = session;
  const card = { brand: "visa", last4, fingerprint };
  const method = world.add("payment_method", "pm", { type: "card", customer, card, course, origin: originOf(session) });
  const fields = { status: "succeeded", usage: "off_session", customer, payment_method: method.id };
  const setup = world.add("setup_intent", "seti", fields);
  Object.assign(session, { status: "complete", payment_status: "no_payment_required", setup_intent: setup.id });
  session.url = null;
  emit("setup_intent.succeeded", setup);
  emit("checkout.session.completed", session);
  return "paid";
}

/** A payment of a saved card is confirmed: by the hub alone, or with its owner there, who then sees the bank's page. */
export function confirmSaved(
  world: World,
  emit: Emit,
  intent: StripeObject,
  { method, returnUrl }: { method: StripeObject; returnUrl: string | null },
): void {
  intent.payment_method = method.id;
  if (method.course === "saved_declines") {
    decline(emit, savedPayer(method, intent), intent, "declined");
  } else if (method.course !== "always_asks") {
    succeed(world, emit, savedPayer(method, intent), intent);
  } else if (returnUrl === null) {
    decline(emit, savedPayer(method, intent), intent, "authentication_required");
  } else {
    const redirect = { url: `${new URL(returnUrl).origin}/__stripe/bank/${intent.id}`, return_url: returnUrl };
    Object.assign(intent, {
      status: "requires_action",
      next_action: { type: "redirect_to_url", redirect_to_url: redirect },
    });
    emit("payment_intent.requires_action", intent);
  }
}

/** The owner of a saved card answers the bank's question. */
export function answerBank(world: World, emit: Emit, intent: StripeObject, agrees: boolean): void {
  const payer = savedPayer(world.find("payment_method", intent.payment_method) as StripeObject, intent);
  intent.next_action = null;
  if (agrees) succeed(world, emit, payer, intent);
  else decline(emit, payer, intent, "payment_intent_authentication_failure");
}

/** Throws Error with Stripe's sentence where the payment is over. */
export function cancel(emit: Emit, intent: StripeObject): void {
  if (!["requires_payment_method", "requires_action"].includes(String(intent.status))) {
    throw new Error(`You cannot cancel this PaymentIntent because it has a status of ${String(intent.status)}.`);
  }
  Object.assign(intent, { status: "canceled", next_action: null });
  emit("payment_intent.canceled", intent);
}

export function createIntent(world: World, emit: Emit, fields: Fields): StripeObject {
  const intent = world.add("payment_intent", "pi", {
    ...{ amount_received: 0, amount_capturable: 0, status: "requires_payment_method", capture_method: "automatic" },
    ...{ latest_charge: null, last_payment_error: null, next_action: null, ...fields },
  });
  emit("payment_intent.created", intent);
  return intent;
}

function intentOf(world: World, emit: Emit, session: StripeObject): StripeObject {
  const known = world.find("payment_intent", session.payment_intent);
  if (known) return known;
  const { amount_total: amount, currency, customer, payment_intent_data: data } = session;
  const { metadata = {}, description = null } = (data ?? {}) as Fields;
  const intent = createIntent(world, emit, { amount, currency, customer, metadata, description });
  session.payment_intent = intent.id;
  return intent;
}

function payerOf(session: StripeObject): Payer {
  const receiptUrl = `${originOf(session)}/__stripe/receipt/${session.id}`;
  return { fingerprint: session.card, course: session.refund_course ?? null, receiptUrl };
}

function savedPayer({ card, course, origin }: StripeObject, intent: StripeObject): Payer {
  const receiptUrl = `${String(origin)}/__stripe/receipt/${intent.id}`;
  return { fingerprint: (card as Fields).fingerprint, course, receiptUrl };
}

function complete(world: World, emit: Emit, session: StripeObject, intent: StripeObject): void {
  Object.assign(session, { status: "complete", payment_status: "paid", url: null });
  succeed(world, emit, payerOf(session), intent);
}

function succeed(world: World, emit: Emit, payer: Payer, intent: StripeObject): void {
  const { amount, currency, customer, metadata } = intent;
  const charge = world.add("charge", "ch", {
    ...{ amount, amount_captured: amount, amount_refunded: 0, currency, customer, metadata, payment_intent: intent.id },
    ...{
      paid: true,
      captured: true,
      refunded: false,
      disputed: false,
      status: "succeeded",
      receipt_url: payer.receiptUrl,
      refund_course: payer.course,
      payment_method_details: payer.fingerprint
        ? { type: "card", card: { fingerprint: payer.fingerprint } }
        : { type: "sepa_debit" },
    },
  });
  const fee = Math.round(((amount as number) * FEE_PER_MILLE) / 1_000) + FEE_FIXED;
  charge.balance_transaction = transaction(world, "charge", amount as number, fee, charge).id;
  Object.assign(intent, {
    ...{ status: "succeeded", amount_received: amount, latest_charge: charge.id, last_payment_error: null },
  });
  emit("charge.succeeded", charge);
  emit("payment_intent.succeeded", intent);
}

function decline(emit: Emit, { fingerprint }: Payer, intent: StripeObject, code: string): "failed" {
  const isCard = code === "declined" || code === "insufficient_funds";
  intent.status = "requires_payment_method";
  intent.last_payment_error = {
    type: "card_error",
    code: isCard ? "card_declined" : code,
    message: "Your payment was declined.",
    payment_method: { object: "payment_method", card: fingerprint ? { fingerprint } : null },
    ...(isCard && { decline_code: code === "declined" ? "generic_decline" : code }),
  };
  emit("payment_intent.payment_failed", intent);
  return "failed";
}

function transaction(world: World, type: string, amount: number, fee: number, source: StripeObject): StripeObject {
  const { currency } = source;
  return world.add("balance_transaction", "txn", {
    ...{ type, amount, fee, net: amount - fee, currency, source: source.id, status: "available" },
  });
}

function markRefunded(charge: StripeObject, change: number): void {
  charge.amount_refunded = (charge.amount_refunded as number) + change;
  charge.refunded = charge.amount_refunded === charge.amount;
}

function originOf(session: StripeObject): string {
  return new URL(String(session.success_url)).origin;
}
