import { cancel, confirmSaved, createIntent, expire, refund } from "./payments";
import type { Emit, Fields, Kind, StripeObject, World } from "./world";

// The part of Stripe's REST API that a hub needs, as it looks on the wire.

export type ApiRequest = {
  method: string;
  path: string;
  query: URLSearchParams;
  body: string;
  authorization: string | undefined;
  idempotencyKey: string | undefined;
};
export type ApiAnswer = { status: number; body: unknown; replayed?: boolean };

class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly fields: Fields = {},
  ) {
    super(message);
  }
}

const COLLECTIONS: Record<string, Kind> = {
  customers: "customer",
  "checkout/sessions": "checkout.session",
  payment_intents: "payment_intent",
  payment_methods: "payment_method",
  setup_intents: "setup_intent",
  charges: "charge",
  refunds: "refund",
  disputes: "dispute",
  balance_transactions: "balance_transaction",
  "radar/early_fraud_warnings": "radar.early_fraud_warning",
  events: "event",
};

export function createApi(world: World, emit: Emit, secretKey: string): (request: ApiRequest) => ApiAnswer {
  return (request) => {
    try {
      if (request.authorization !== `Bearer ${secretKey}`) throw new Refusal(401, "Invalid API Key provided.");
      return once(world, request, () => answer(world, emit, request));
    } catch (thrown) {
      if (!(thrown instanceof Refusal)) throw thrown;
      return refusalOf(thrown);
    }
  };
}

function refusalOf({ status, message, fields }: Refusal): ApiAnswer {
  return { status, body: { error: { type: "invalid_request_error", message, ...fields } } };
}

/** The same key answers the same, and refuses another request. */
function once(world: World, { method, path, body, idempotencyKey }: ApiRequest, run: () => unknown): ApiAnswer {
  if (method !== "POST" || !idempotencyKey) return { status: 200, body: run() };
  const request = `${path}\n${body}`;
  const known = world.answers.get(idempotencyKey);
  if (known && known.request !== request) {
    const message = "Keys for idempotent requests can only be used with the same parameters they were first used with.";
    throw new Refusal(400, message, { type: "idempotency_error" });
  }
  if (known) return { status: known.status, body: known.body, replayed: true };
  const made = { request, ...structuredClone(attempt(run)) };
  world.answers.set(idempotencyKey, made);
  return made;
}

/** What a bank has refused is an answer like any other, and remembered as one. */
function attempt(run: () => unknown): ApiAnswer {
  try {
    return { status: 200, body: run() };
  } catch (thrown) {
    if (thrown instanceof Refusal && thrown.status === 402) return refusalOf(thrown);
    throw thrown;
  }
}

function answer(world: World, emit: Emit, { method, path, query, body }: ApiRequest): unknown {
  const [, collection = "", id, verb] =
    /^\/v1\/(checkout\/sessions|radar\/early_fraud_warnings|[a-z_]+)(?:\/([\w]+))?(?:\/([a-z_]+))?$/.exec(path) ?? [];
  const kind = COLLECTIONS[collection];
  if (!kind) throw new Refusal(404, `Unrecognized request URL (${method}: ${path}).`);
  const params = parseForm(new URLSearchParams(body));
  if (method === "GET") return id ? expand(world, demand(world, kind, id), query) : list(world, kind, path, query);
  if (method !== "POST") throw new Refusal(405, "This simulation reads and creates only.");
  if (kind === "customer" && !id) return createCustomer(world, emit, params);
  if (kind === "checkout.session" && !id) return createSession(world, params);
  if (kind === "checkout.session" && id && verb === "expire") {
    const session = demand(world, kind, id);
    expire(emit, session);
    return session;
  }
  if (kind === "payment_intent") return changeIntent(world, emit, id, verb, params);
  if (kind === "refund" && !id) return createRefund(world, emit, params);
  throw new Refusal(404, `This simulation has no ${method} ${path}.`);
}

function createCustomer(world: World, emit: Emit, { name = null, email = null, metadata = {} }: Fields): StripeObject {
  const customer = world.add("customer", "cus", { name, email, metadata });
  emit("customer.created", customer);
  return customer;
}

function createSession(world: World, params: Fields): StripeObject {
  const { customer, success_url, line_items: items, mode } = params;
  if (mode !== "payment" && mode !== "setup") {
    throw new Refusal(400, "This simulation knows the modes payment and setup.", { param: "mode" });
  }
  if (!success_url) throw new Refusal(400, "Missing required param: success_url.", { param: "success_url" });
  if (customer) demand(world, "customer", customer);
  const lines = Object.values((items ?? {}) as Fields) as { quantity?: string; price_data: Fields }[];
  if (mode === "setup") return openSession(world, params, { description: "Save a card", setup_intent: null });
  if (lines.length === 0) throw new Refusal(400, "You must pass line_items.", { param: "line_items" });
  const amount = lines.reduce((sum, line) => sum + Number(line.quantity ?? 1) * Number(line.price_data.unit_amount), 0);
  if (!(amount >= 50)) throw new Refusal(400, "The Checkout Session's total amount must convert to at least 50 cents.");
  return openSession(world, params, {
    ...{ currency: lines[0]?.price_data.currency, amount_subtotal: amount, amount_total: amount },
    ...{ payment_status: "unpaid", payment_intent: null, payment_intent_data: params.payment_intent_data },
    ...{ description: (lines[0]?.price_data.product_data as Fields | undefined)?.name ?? "" },
  });
}

function openSession(world: World, params: Fields, fields: Fields): StripeObject {
  const { mode, customer, success_url, cancel_url } = params;
  const session = world.add("checkout.session", "cs_test", {
    ...{ mode, customer: customer ?? null, success_url, cancel_url: cancel_url ?? null, locale: params.locale ?? null },
    ...{ client_reference_id: params.client_reference_id ?? null, metadata: params.metadata ?? {}, status: "open" },
    ...{ ...fields, expires_at: Math.floor(Date.now() / 1000) + 86_400 },
  });
  session.url = `${new URL(String(success_url)).origin}/__stripe/pay/${session.id}`;
  return session;
}

/** Payments without a page: of a saved card, confirmed at once. */
function changeIntent(
  world: World,
  emit: Emit,
  id: string | undefined,
  verb: string | undefined,
  params: Fields,
): StripeObject {
  if (id && verb === "cancel") {
    const intent = demand(world, "payment_intent", id);
    try {
      cancel(emit, intent);
    } catch (error) {
      throw new Refusal(400, (error as Error).message, { code: "payment_intent_unexpected_state" });
    }
    return intent;
  }
  const method = demand(world, "payment_method", params.payment_method);
  if (id && verb === "confirm") {
    const intent = demand(world, "payment_intent", id);
    if (intent.status !== "requires_payment_method") {
      throw new Refusal(400, "This PaymentIntent cannot be confirmed.", { code: "payment_intent_unexpected_state" });
    }
    confirmSaved(world, emit, intent, { method, returnUrl: String(params.return_url) });
    return answered(intent);
  }
  if (id || params.confirm !== "true" || params.off_session !== "true" || method.customer !== params.customer) {
    throw new Refusal(400, "This simulation makes payments of a customer's saved card, off session, at once.");
  }
  const { currency, customer, description = null, metadata = {} } = params;
  const intent = createIntent(world, emit, {
    amount: Number(params.amount),
    currency,
    customer,
    description,
    metadata,
  });
  confirmSaved(world, emit, intent, { method, returnUrl: null });
  return answered(intent);
}

function answered(intent: StripeObject): StripeObject {
  const error = intent.last_payment_error as Fields | null;
  if (intent.status !== "requires_payment_method" || !error) return intent;
  throw new Refusal(402, String(error.message), { ...error, payment_intent: intent });
}

function createRefund(world: World, emit: Emit, { payment_intent, amount, metadata }: Fields): StripeObject {
  const intent = demand(world, "payment_intent", payment_intent);
  try {
    return refund(world, emit, intent, amount === undefined ? null : Number(amount), (metadata ?? {}) as Fields);
  } catch (error) {
    throw new Refusal(400, (error as Error).message, { code: "charge_already_refunded" });
  }
}

function demand(world: World, kind: Kind, id: unknown): StripeObject {
  const object = world.find(kind, id);
  if (object) return object;
  throw new Refusal(404, `No such ${kind}: '${String(id)}'`, { code: "resource_missing", param: "id" });
}

/** Pages by `starting_after`; filters by the fields that Stripe's lists filter by. */
function list(world: World, kind: Kind, url: string, query: URLSearchParams): unknown {
  const since = Number(query.get("created[gte]") ?? 0);
  const found = world.list(
    kind,
    (object) =>
      object.created >= since &&
      ["payment_intent", "customer", "charge"].every((name) => !query.has(name) || object[name] === query.get(name)),
  );
  const after = query.get("starting_after");
  const start = after ? found.findIndex(({ id }) => id === after) + 1 : 0;
  const limit = Number(query.get("limit") ?? 10);
  const data = found.slice(start, start + limit).map((object) => expand(world, object, query));
  return { object: "list", url, has_more: start + limit < found.length, data };
}

function expand(world: World, object: StripeObject, query: URLSearchParams): StripeObject {
  if (object.object === "balance_transaction" && [...query.values()].includes("data.source")) {
    const kinds = ["charge", "refund", "dispute", "payout"] as const;
    return { ...object, source: kinds.map((kind) => world.find(kind, object.source)).find(Boolean) ?? object.source };
  }
  const wanted = [...query].filter(([name]) => name.startsWith("expand")).map(([, value]) => value);
  if (wanted.includes("setup_intent.payment_method") && object.setup_intent) {
    const setup = demand(world, "setup_intent", object.setup_intent);
    return {
      ...object,
      setup_intent: { ...setup, payment_method: world.find("payment_method", setup.payment_method) },
    };
  }
  if (!wanted.some((name) => name.endsWith("latest_charge")) || !object.latest_charge) return object;
  return { ...object, latest_charge: world.find("charge", object.latest_charge) };
}

/** `a[b][0]=c` -> {a: {b: {0: "c"}}}. */
export function parseForm(form: URLSearchParams): Fields {
  const root: Fields = Object.create(null);
  for (const [name, value] of form) {
    const path = name.split(/\]\[|\[|\]/).filter(Boolean);
    let place = root;
    for (const part of path.slice(0, -1)) {
      place[part] ??= Object.create(null);
      place = place[part] as Fields;
    }
    place[String(path.at(-1))] = value;
  }
  return root;
}
