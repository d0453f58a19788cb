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
  /** Everything that decides what a payment is worth now. Reads only. */
  readPayment(of: { session: string | null; intent: string | null }): Promise<PaymentLevel>;
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

const TOPUP = "topup_id";
const REFUND = "refund_id";
const SIGNATURE_TOLERANCE_SECONDS = 300;
/** Stripe's names of our languages. */
const LOCALES = { en: "en", zh: "zh", "zh-TW": "zh-TW", ja: "ja" } as const satisfies Record<Locale, string>;

/** `apiBase` points the official client somewhere else, such as at the simulator; `fetch` comes from lib/egress.ts. */
export function createPayments(options: { secretKey: string; apiBase?: string; fetch: typeof fetch }): Payments {
  const { secretKey } = options;
  const livemode = /^[rs]k_live_/.test(secretKey);
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
    const isFinal =
      error instanceof Stripe.errors.StripeInvalidRequestError && [400, 402, 404].includes(error.statusCode ?? 0);
    throw isFinal ? new RefundRefused(error.code ?? "refused", error) : error;
  }
}

async function readPayment(
  stripe: Stripe,
  livemode: boolean,
  of: { session: string | null; intent: string | null },
): Promise<PaymentLevel> {
  const session = of.session
    ? await stripe.checkout.sessions.retrieve(of.session)
    : (await stripe.checkout.sessions.list({ payment_intent: of.intent ?? "", limit: 1 })).data[0];
  const intentId = of.intent ?? idOf(session?.payment_intent);
  if (!intentId) return unpaid(session, livemode);

  const [intent, refunds, disputes, warnings] = await Promise.all([
    stripe.paymentIntents.retrieve(intentId, { expand: ["latest_charge"] }),
    stripe.refunds.list({ payment_intent: intentId, limit: 100 }).autoPagingToArray({ limit: 1_000 }),
    stripe.disputes.list({ payment_intent: intentId, limit: 100 }).autoPagingToArray({ limit: 1_000 }),
    stripe.radar.earlyFraudWarnings.list({ payment_intent: intentId, limit: 1 }),
  ]);
  const { latest_charge: charge, last_payment_error: error } = intent;
  const isOver = session?.status === "expired" || session?.status === "complete";
  return {
    intent: intent.id,
    status: intent.status,
    customer: idOf(intent.customer),
    currency: intent.currency,
    livemode: intent.livemode,
    subtotal: session?.amount_subtotal ?? null,
    captured: intent.amount_received,
    closed: isOver && intent.status === "requires_payment_method",
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
