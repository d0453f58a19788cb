import { expire, refund } from "./payments";
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
      const error = { type: "invalid_request_error", message: thrown.message, ...thrown.fields };
      return { status: thrown.status, body: { error } };
    }
  };
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
  const made = { request, status: 200, body: structuredClone(run()) };
  world.answers.set(idempotencyKey, made);
  return made;
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
  if (kind === "refund" && !id) return createRefund(world, emit, params);
  throw new Refusal(404, `This simulation has no ${method} ${path}.`);
}

function createCustomer(world: World, emit: Emit, { name = null, email = null, metadata = {} }: Fields): StripeObject {
  const customer = world.add("customer", "cus", { name, email, metadata });
  emit("customer.created", customer);
  return customer;
}

function createSession(world: World, params: Fields): StripeObject {
  const { customer, success_url, cancel_url, line_items: items, mode } = params;
  if (mode !== "payment") throw new Refusal(400, "This simulation knows mode payment only.", { param: "mode" });
  if (!success_url) throw new Refusal(400, "Missing required param: success_url.", { param: "success_url" });
  if (customer) demand(world, "customer", customer);
  const lines = Object.values((items ?? {}) as Fields) as { quantity?: string; price_data: Fields }[];
  if (lines.length === 0) throw new Refusal(400, "You must pass line_items.", { param: "line_items" });
  const amount = lines.reduce((sum, line) => sum + Number(line.quantity ?? 1) * Number(line.price_data.unit_amount), 0);
  if (!(amount >= 50)) throw new Refusal(400, "The Checkout Session's total amount must convert to at least 50 cents.");
  const session = world.add("checkout.session", "cs_test", {
    ...{ mode, customer: customer ?? null, success_url, cancel_url: cancel_url ?? null, locale: params.locale ?? null },
    ...{ currency: lines[0]?.price_data.currency, amount_subtotal: amount, amount_total: amount },
    ...{ client_reference_id: params.client_reference_id ?? null, metadata: params.metadata ?? {} },
    ...{
      status: "open",
      payment_status: "unpaid",
      payment_intent: null,
      payment_intent_data: params.payment_intent_data,
    },
    ...{ description: (lines[0]?.price_data.product_data as Fields | undefined)?.name ?? "" },
    expires_at: Math.floor(Date.now() / 1000) + 86_400,
  });
  session.url = `${new URL(String(success_url)).origin}/__stripe/pay/${session.id}`;
  return session;
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
