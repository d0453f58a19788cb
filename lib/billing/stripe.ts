import Stripe from "stripe";
import type { Locale } from "@/lib/locale";

/** What the product asks of Stripe; the only file that loads its SDK. Amounts are in the currency's smallest unit. */
export type Payments = {
  readonly livemode: boolean;
  /** Idempotent by organisation. */
  createCustomer(customer: { orgId: string; name: string; email: string }): Promise<string>;
  /** Opens a hosted Checkout page; idempotent by `topupId`. */
  createCheckout(checkout: Checkout): Promise<{ session: string; url: string }>;
  /** Gives money back; idempotent by `refundId` for 24 hours, which also marks Stripe's refund. Throws RefundRefused where
   *  Stripe has refused for good; every other failure leaves open whether it was made. */
  createRefund(refund: { refundId: string; intent: string; amountMinor: bigint }): Promise<void>;
  /** Ends a payment page that nobody has paid on; one that is over stays as it is. */
  expireCheckout(session: string): Promise<void>;
  /** Opens a hosted page that saves a card for charges without its owner, and charges nothing; idempotent by organisation
   *  and `form`. */
  createCardPage(page: CardPage): Promise<{ session: string; url: string }>;
  readCardPage(session: string): Promise<{ isOver: boolean; card: SavedCard | null }>;
  /** Charges a saved card while its owner is away; idempotent by `topupId` for 24 hours. Answers the payment whether or not
   *  the bank agreed. Throws ChargeRefused where Stripe made none and never will. */
  chargeSavedCard(charge: SavedCardCharge): Promise<string>;
  /** A payment of this customer that was made for the row, if there is one. */
  findIntent(of: { topupId: string; customer: string; sinceSeconds: number }): Promise<string | null>;
  /** Has the owner of a saved card, who is here now, confirm a payment that the bank wants confirmed. Answers the bank's page;
   *  null where there is nothing to confirm any more. */
  confirmPayment(of: { intent: string; method: string; returnUrl: string }): Promise<string | null>;
  /** Ends a payment that is not made; one that is over stays as it is. */
  cancelPayment(intent: string): Promise<void>;
  /** Everything that decides what a payment is worth now. Reads only. `isAutomatic`: of a saved card, without a page. */
  readPayment(of: { session: string | null; intent: string | null; isAutomatic?: boolean }): Promise<PaymentLevel>;
  /** The row id that was given to createCheckout; null for a payment that is not ours. */
  findTopup(intent: string): Promise<string | null>;
  /** Payments made since, newest first. */
  listPayments(sinceSeconds: number): AsyncIterable<{ intent: string; topupId: string | null }>;
  /** What moved on the account since, newest first. */
  listTransactions(sinceSeconds: number): AsyncIterable<StripeTransaction>;
  /** Verifies signature (300 s tolerance) and mode, with any of the secrets. Throws on everything else. */
  verifyEvent(body: Buffer, signature: string, secrets: readonly string[]): Promise<PaymentEvent>;
};

export type Checkout = {
  topupId: string;
  orgId: string;
  customer: string;
  currency: string;
  amountMinor: bigint;
  description: string;
  locale: Locale;
  successUrl: string;
  cancelUrl: string;
};

export type CardPage = Pick<Checkout, "orgId" | "customer" | "locale" | "successUrl" | "cancelUrl"> & { form: string };
/** `name` is brand and last four digits. */
export type SavedCard = { method: string; name: string; fingerprint: string | null };
export type SavedCardCharge = Pick<Checkout, "topupId" | "customer" | "currency" | "amountMinor" | "description"> & {
  method: string;
};

/** The argument of the SQL function apply_payment, but for `topup` and `version`. */
export type PaymentLevel = {
  intent: string | null;
  status: string;
  customer: string | null;
  currency: string | null;
  livemode: boolean;
  subtotal: number | null;
  captured: number;
  closed: boolean;
  failure: string | null;
  receipt_url: string | null;
  refunds: { id: string; row: string | null; amount: number; status: string | null }[];
  disputes: { id: string; amount: number; status: string; withdrawn: boolean }[];
  /** Fingerprint of the card tried last. */
  card: string | null;
  /** A bank has said early that it is fraud. */
  warned: boolean;
};

/** The argument of the SQL function post_stripe_transaction. */
export type StripeTransaction = {
  id: string;
  type: string;
  source: string | null;
  intent: string | null;
  amount: number;
  fee: number;
  currency: string;
  created: number;
};

export type PaymentEvent = {
  id: string;
  type: string;
  livemode: boolean;
  objectId: string | null;
  topupId: string | null;
  intent: string | null;
};

/** Stripe will never make this refund; `code` says why. */
export class RefundRefused extends Error {
  constructor(
    readonly code: string,
    cause: unknown,
  ) {
    super(`Stripe refused the refund: ${code}`, { cause });
  }
}

/** Stripe will never make this payment; `code` says why. */
export class ChargeRefused extends Error {
  constructor(
    readonly code: string,
    cause: unknown,
  ) {
    super(`Stripe refused the charge: ${code}`, { cause });
  }
}

const TOPUP = "topup_id";
const REFUND = "refund_id";
const SIGNATURE_TOLERANCE_SECONDS = 300;
const AUTHENTICATE = "authentication_required";
const CANCELLABLE: readonly string[] = ["requires_payment_method", "requires_confirmation", "requires_action"];
/** Stripe's names of our languages. */
const LOCALES = { en: "en", zh: "zh", "zh-TW": "zh-TW", ja: "ja" } as const satisfies Record<Locale, string>;

/** `apiBase` points the official client somewhere else, such as at the simulator; `fetch` comes from lib/egress.ts. */
export function createPayments(options: { secretKey: string; apiBase?: string; fetch: typeof fetch }): Payments {
  const { secretKey } = options;
  const livemode = isLiveKey(secretKey);
  const stripe = new Stripe(secretKey, {
    telemetry: false,
    maxNetworkRetries: 2,
    timeout: 20_000,
    httpClient: Stripe.createFetchHttpClient(options.fetch),
    ...(options.apiBase && baseOf(options.apiBase)),
  });
  return {
    livemode,
    createCustomer: async ({ orgId, name, email }) => {
      const customer = await stripe.customers.create(
        { name, email, metadata: { org_id: orgId } },
        { idempotencyKey: `customer:${orgId}` },
      );
      return customer.id;
    },
    createCheckout: async (checkout) => {
      const session = await stripe.checkout.sessions.create(sessionParams(checkout), {
        idempotencyKey: checkout.topupId,
      });
      if (!session.url) throw new Error("Stripe opened no page for this session.");
      return { session: session.id, url: session.url };
    },
    createRefund: (refund) => createRefund(stripe, refund),
    expireCheckout: async (session) => {
      const { status } = await stripe.checkout.sessions.retrieve(session);
      if (status === "open") await stripe.checkout.sessions.expire(session);
    },
    createCardPage: async (page) => {
      const { customer, orgId, locale, successUrl, cancelUrl, form } = page;
      const session = await stripe.checkout.sessions.create(
        {
          ...{ mode: "setup", payment_method_types: ["card"], customer, client_reference_id: orgId },
          ...{ locale: LOCALES[locale], success_url: successUrl, cancel_url: cancelUrl },
        },
        { idempotencyKey: `card:${orgId}:${form}` },
      );
      if (!session.url) throw new Error("Stripe opened no page for this session.");
      return { session: session.id, url: session.url };
    },
    readCardPage: (session) => readCardPage(stripe, session),
    chargeSavedCard: (charge) => chargeSavedCard(stripe, charge),
    findIntent: async ({ topupId, customer, sinceSeconds }) => {
      const query = { customer, created: { gte: sinceSeconds }, limit: 100 };
      for await (const { id, metadata } of stripe.paymentIntents.list(query))
        if (metadata[TOPUP] === topupId) return id;
      return null;
    },
    confirmPayment: async ({ intent: id, method, returnUrl }) => {
      let intent = await stripe.paymentIntents.retrieve(id);
      if (intent.status === "requires_payment_method" || intent.status === "requires_confirmation") {
        intent = await stripe.paymentIntents.confirm(id, { payment_method: method, return_url: returnUrl });
      }
      return intent.next_action?.redirect_to_url?.url ?? null;
    },
    cancelPayment: async (id) => {
      const { status } = await stripe.paymentIntents.retrieve(id);
      if (CANCELLABLE.includes(status)) await stripe.paymentIntents.cancel(id);
    },
    readPayment: (of) => readPayment(stripe, livemode, of),
    findTopup: async (intent) => (await stripe.paymentIntents.retrieve(intent)).metadata[TOPUP] ?? null,
    async *listPayments(sinceSeconds) {
      for await (const intent of stripe.paymentIntents.list({ created: { gte: sinceSeconds }, limit: 100 })) {
        yield { intent: intent.id, topupId: intent.metadata[TOPUP] ?? null };
      }
    },
    async *listTransactions(sinceSeconds) {
      const query = { created: { gte: sinceSeconds }, limit: 100, expand: ["data.source"] };
      for await (const { id, type, source, amount, fee, currency, created } of stripe.balanceTransactions.list(query)) {
        yield { id, type, amount, fee, currency, created, source: idOf(source), intent: intentOf(source) };
      }
    },
    verifyEvent: async (body, signature, secrets) => {
      const event = await verify(stripe, body, signature, secrets);
      if (event.livemode !== livemode) throw new Error("The event is of the other mode (live or test).");
      return toEvent(event);
    },
  };
}

export function isLiveKey(secretKey: string): boolean {
  return /^[rs]k_live_/.test(secretKey);
}

function baseOf(apiBase: string) {
  const { protocol, hostname, port } = new URL(apiBase);
  const scheme = protocol === "http:" ? "http" : "https";
  return { host: hostname, port: port || (scheme === "http" ? "80" : "443"), protocol: scheme } as const;
}

function sessionParams(checkout: Checkout): Stripe.Checkout.SessionCreateParams {
  const { topupId, amountMinor, currency, description } = checkout;
  const metadata = { [TOPUP]: topupId };
  return {
    mode: "payment",
    customer: checkout.customer,
    customer_update: { name: "auto", address: "auto" },
    client_reference_id: checkout.orgId,
    line_items: [
      // safe because an amount is at most 25,000 dollars
      { quantity: 1, price_data: { currency, unit_amount: Number(amountMinor), product_data: { name: description } } },
    ],
    metadata,
    payment_intent_data: { metadata, description },
    invoice_creation: { enabled: true },
    billing_address_collection: "auto",
    tax_id_collection: { enabled: true },
    locale: LOCALES[checkout.locale],
    success_url: checkout.successUrl,
    cancel_url: checkout.cancelUrl,
  };
}

async function createRefund(
  stripe: Stripe,
  { refundId, intent, amountMinor }: { refundId: string; intent: string; amountMinor: bigint },
): Promise<void> {
  try {
    await stripe.refunds.create(
      // safe because an amount is at most 25,000 dollars
      { payment_intent: intent, amount: Number(amountMinor), metadata: { [REFUND]: refundId } },
      { idempotencyKey: refundId },
    );
  } catch (error) {
    throw isFinal(error) ? new RefundRefused(error.code ?? "refused", error) : error;
  }
}

function isFinal(error: unknown): error is InstanceType<typeof Stripe.errors.StripeInvalidRequestError> {
  return error instanceof Stripe.errors.StripeInvalidRequestError && [400, 402, 404].includes(error.statusCode ?? 0);
}

async function chargeSavedCard(stripe: Stripe, charge: SavedCardCharge): Promise<string> {
  const { topupId, customer, method, currency, amountMinor, description } = charge;
  try {
    const intent = await stripe.paymentIntents.create(
      {
        // safe because an amount is at most 25,000 dollars
        ...{ amount: Number(amountMinor), currency, customer, description, metadata: { [TOPUP]: topupId } },
        ...{ payment_method: method, payment_method_types: ["card"], off_session: true, confirm: true },
      },
      { idempotencyKey: topupId },
    );
    return intent.id;
  } catch (error) {
    // a bank that declines, or wants its customer, is an error that carries the payment
    if (error instanceof Stripe.errors.StripeError && error.payment_intent) return error.payment_intent.id;
    throw isFinal(error) ? new ChargeRefused(error.code ?? "refused", error) : error;
  }
}

async function readCardPage(stripe: Stripe, id: string): Promise<{ isOver: boolean; card: SavedCard | null }> {
  const session = await stripe.checkout.sessions.retrieve(id, { expand: ["setup_intent.payment_method"] });
  const { setup_intent: setup, status } = session;
  const method = setup && typeof setup === "object" && setup.status === "succeeded" ? setup.payment_method : null;
  if (!method || typeof method !== "object" || !method.card) return { isOver: status !== "open", card: null };
  const { brand, last4, fingerprint } = method.card;
  return {
    isOver: true,
    card: { method: method.id, name: `${brand} ${last4}`, fingerprint: fingerprint ?? null },
  };
}

async function readPayment(
  stripe: Stripe,
  livemode: boolean,
  of: { session: string | null; intent: string | null; isAutomatic?: boolean },
): Promise<PaymentLevel> {
  const session = of.isAutomatic ? undefined : await findSession(stripe, of);
  const intentId = of.intent ?? idOf(session?.payment_intent);
  if (!intentId) return unpaid(session, livemode);

  const [intent, refunds, disputes, warnings] = await Promise.all([
    stripe.paymentIntents.retrieve(intentId, { expand: ["latest_charge"] }),
    stripe.refunds.list({ payment_intent: intentId, limit: 100 }).autoPagingToArray({ limit: 1_000 }),
    stripe.disputes.list({ payment_intent: intentId, limit: 100 }).autoPagingToArray({ limit: 1_000 }),
    stripe.radar.earlyFraudWarnings.list({ payment_intent: intentId, limit: 1 }),
  ]);
  const { latest_charge: charge, last_payment_error: error } = intent;
  // without its owner a charge is tried once; only one that the bank wants confirmed can still be paid
  const wantsOwner = error?.code === AUTHENTICATE || error?.decline_code === AUTHENTICATE;
  const isAsked = of.isAutomatic && intent.status === "requires_payment_method" && wantsOwner;
  const isOver = of.isAutomatic || session?.status === "expired" || session?.status === "complete";
  return {
    intent: intent.id,
    status: isAsked ? "requires_action" : intent.status,
    customer: idOf(intent.customer),
    currency: intent.currency,
    livemode: intent.livemode,
    subtotal: (of.isAutomatic ? intent.amount : session?.amount_subtotal) ?? null,
    captured: intent.amount_received,
    closed: isOver && !isAsked && intent.status === "requires_payment_method",
    failure: error?.decline_code ?? error?.code ?? null,
    receipt_url: charge && typeof charge === "object" ? charge.receipt_url : null,
    refunds: refunds.map(({ id, amount, status, metadata }) => ({
      id,
      amount,
      status,
      row: metadata?.[REFUND] ?? null,
    })),
    disputes: disputes.map(({ id, amount, status, balance_transactions: moves }) => ({
      ...{ id, amount, status },
      withdrawn: moves.reduce((sum, move) => sum + move.amount, 0) < 0,
    })),
    card: chargedCard(charge) ?? error?.payment_method?.card?.fingerprint ?? null,
    warned: warnings.data.length > 0,
  };
}

async function findSession(stripe: Stripe, of: { session: string | null; intent: string | null }) {
  if (of.session) return stripe.checkout.sessions.retrieve(of.session);
  return (await stripe.checkout.sessions.list({ payment_intent: of.intent ?? "", limit: 1 })).data[0];
}

/** The level of a payment that was never made and will not be. */
export function neverMade(livemode: boolean, failure: string): PaymentLevel {
  return { ...unpaid(undefined, livemode), status: "canceled", failure };
}

function unpaid(session: Stripe.Checkout.Session | undefined, livemode: boolean): PaymentLevel {
  return {
    ...{ intent: null, status: "requires_payment_method", customer: idOf(session?.customer), currency: null },
    ...{ livemode: session?.livemode ?? livemode, subtotal: session?.amount_subtotal ?? null, captured: 0 },
    ...{ closed: session?.status === "expired", failure: null, receipt_url: null, refunds: [], disputes: [] },
    ...{ card: null, warned: false },
  };
}

function chargedCard(charge: Stripe.PaymentIntent["latest_charge"]): string | null | undefined {
  return charge && typeof charge === "object" ? charge.payment_method_details?.card?.fingerprint : undefined;
}

async function verify(
  stripe: Stripe,
  body: Buffer,
  signature: string,
  secrets: readonly string[],
): Promise<Stripe.Event> {
  let refusal: unknown = new Error("There is no webhook secret.");
  for (const secret of secrets) {
    try {
      return await stripe.webhooks.constructEventAsync(body, signature, secret, SIGNATURE_TOLERANCE_SECONDS);
    } catch (error) {
      refusal = error;
    }
  }
  throw refusal;
}

/** Which payment an event is about. Its other contents are not believed: what is true is fetched. */
function toEvent(event: Stripe.Event): PaymentEvent {
  // safe because only fields that are looked for are read
  const object = event.data.object as {
    id?: string;
    object?: string;
    metadata?: Record<string, string> | null;
    payment_intent?: string | { id: string } | null;
  };
  return {
    ...{ id: event.id, type: event.type, livemode: event.livemode, objectId: object.id ?? null },
    topupId: object.metadata?.[TOPUP] ?? null,
    intent: object.object === "payment_intent" ? (object.id ?? null) : idOf(object.payment_intent),
  };
}

/** The payment that a charge, refund or dispute belongs to; a payout has none. */
function intentOf(source: Stripe.BalanceTransaction["source"]): string | null {
  return source && typeof source === "object" && "payment_intent" in source ? idOf(source.payment_intent) : null;
}

function idOf(reference: string | { id: string } | null | undefined): string | null {
  return typeof reference === "string" ? reference : (reference?.id ?? null);
}
