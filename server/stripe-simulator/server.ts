import http, { type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type ApiAnswer, createApi, parseForm } from "./api";
import { bankPage, overPage, payPage, receiptPage, SECURITY_HEADERS } from "./pages";
import {
  answerBank,
  authenticate,
  closeDispute,
  expire,
  failRefund,
  METHODS,
  openDispute,
  pay,
  payOut,
  refund,
  settleDelayed,
  settleRefund,
  warnOfFraud,
} from "./payments";
import { createWebhooks, type DeliveryOptions, sign } from "./webhooks";
import { type StripeObject, World } from "./world";

export type SimulatorOptions = {
  /** 0: any free one. */
  port: number;
  secretKey: string;
  webhookSecret: string;
  /** Left out, nothing is delivered. */
  webhookUrl?: string;
  /** Where payments are kept over restarts. */
  file?: string;
  /** How long a bank takes to report on a delayed payment; null: until told. */
  delayMs?: number | null;
  production: boolean;
};

export type Simulator = {
  url: string;
  /** What a test steers from behind; nothing of it is reachable from outside. */
  control: {
    deliveries: DeliveryOptions;
    flush(): Promise<void>;
    signed(body: string, timestamp?: number): string;
    sessions(): StripeObject[];
    /** Of a customer. */
    intents(customer: string): StripeObject[];
    events(): StripeObject[];
    /** Of the newest session, unless another one is named; what comes after payment also takes a PaymentIntent. */
    pay(number: string, session?: string): "paid" | "authenticate" | "failed";
    confirm(agrees: boolean, session?: string): void;
    settleDelayed(session?: string): void;
    expire(session?: string): void;
    refund(amount?: number, session?: string): StripeObject;
    refunds(session?: string): StripeObject[];
    settleRefund(made: StripeObject): void;
    failRefund(made: StripeObject): void;
    dispute(session?: string): StripeObject;
    warn(session?: string): void;
    payOut(): StripeObject;
    /** In cents. */
    balance(): number;
    closeDispute(dispute: StripeObject, status: "won" | "lost"): void;
  };
  close(): Promise<void>;
};

const MAX_BODY = 100_000;
const REFUSALS: Record<string, string> = {
  generic_decline: "Your card was declined.",
  insufficient_funds: "Your card has insufficient funds.",
  authentication_failed: "Your bank did not confirm the payment.",
};

/** Starts the simulation on loopback. Throws in production and with a live key: there, money is real. */
export async function startStripeSimulator(options: SimulatorOptions): Promise<Simulator> {
  if (options.production || !options.secretKey.startsWith("sk_test_")) {
    throw new Error("The simulation of Stripe refuses production: set STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET.");
  }
  const { delayMs = 8_000 } = options;
  const world = new World(options.file);
  const webhooks = createWebhooks(world, { url: options.webhookUrl, secret: options.webhookSecret });
  const { emit } = webhooks;
  const api = createApi(world, emit, options.secretKey);
  const changed = <T>(result: T): T => {
    world.save();
    return result;
  };
  const delayed = (session: StripeObject) => {
    if (delayMs === null || !session.delayed) return;
    setTimeout(() => changed(settleDelayed(world, emit, session)), delayMs).unref();
  };
  for (const session of world.list("checkout.session")) delayed(session);
  const refundLater = (answered: unknown) => {
    const made = world.find("refund", (answered as StripeObject).id);
    if (made && delayMs !== null) setTimeout(() => changed(settleRefund(world, emit, made)), delayMs).unref();
  };

  const payWith = (session: StripeObject, number: string) => {
    const plain = number.replace(/\s/g, "").toUpperCase();
    const result = changed(pay(world, emit, session, METHODS[plain] ?? "declined", plain));
    delayed(session);
    return result;
  };

  const server = http.createServer((incoming, outgoing) => {
    void respond(incoming, outgoing).catch(() => {
      if (!outgoing.headersSent) outgoing.writeHead(500);
      outgoing.end();
    });
  });

  async function respond(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(incoming.url ?? "/", "http://simulator");
    const body = await readBody(incoming);
    const method = incoming.method ?? "GET";
    const asked = /^\/__stripe\/bank\/(\w+)$/.exec(pathname);
    if (asked) return showBank(outgoing, { method, id: String(asked[1]), body });
    const hosted = /^\/__stripe\/(pay|receipt)\/(\w+)(\/bank)?$/.exec(pathname);
    if (hosted)
      return show(outgoing, {
        method,
        page: String(hosted[1]),
        id: String(hosted[2]),
        isBank: Boolean(hosted[3]),
        body,
      });
    const { authorization, "idempotency-key": key } = incoming.headers;
    const idempotencyKey = Array.isArray(key) ? key[0] : key;
    const answer = api({ method, path: pathname, query: searchParams, body, authorization, idempotencyKey });
    if (method !== "GET") world.save();
    if (method === "POST" && pathname === "/v1/refunds" && answer.status === 200) refundLater(answer.body);
    sendJson(outgoing, answer);
  }

  type Visit = { method: string; page: string; id: string; isBank: boolean; body: string };
  function show(outgoing: ServerResponse, { method, page, id, isBank, body }: Visit): void {
    const session = world.find("checkout.session", id);
    const bought = session ?? world.find("payment_intent", id);
    if (page === "receipt")
      return sendPage(outgoing, bought ? 200 : 404, bought ? receiptPage(bought) : overPage(session));
    if (session?.status !== "open") return sendPage(outgoing, 410, overPage(session));
    const form = parseForm(new URLSearchParams(body));
    if (method !== "POST") return sendPage(outgoing, 200, isBank ? bankPage(session) : payPage(session, null));
    const result = isBank
      ? changed(authenticate(world, emit, session, form.answer === "yes"))
      : payWith(session, String(form.number ?? ""));
    if (result === "paid") return redirect(outgoing, String(session.success_url));
    if (result === "authenticate") return redirect(outgoing, `/__stripe/pay/${id}/bank`);
    const intent = world.find("payment_intent", session.payment_intent);
    const error = (intent?.last_payment_error ?? {}) as { code?: string; decline_code?: string };
    const sentence = REFUSALS[error.decline_code ?? error.code ?? ""] ?? "The payment failed.";
    sendPage(outgoing, 402, payPage(session, sentence));
  }

  /** The bank's page for a payment of a saved card. */
  function showBank(outgoing: ServerResponse, { method, id, body }: Pick<Visit, "method" | "id" | "body">): void {
    const intent = world.find("payment_intent", id);
    const action = intent?.next_action as { redirect_to_url: { return_url: string } } | null | undefined;
    if (!intent || !action) return sendPage(outgoing, 410, overPage(undefined));
    if (method !== "POST") return sendPage(outgoing, 200, bankPage(intent));
    changed(answerBank(world, emit, intent, parseForm(new URLSearchParams(body)).answer === "yes"));
    redirect(outgoing, action.redirect_to_url.return_url);
  }

  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;

  const sessionOf = (id?: string): StripeObject => {
    const session = id ? world.find("checkout.session", id) : world.list("checkout.session")[0];
    if (!session) throw new Error("There is no such session.");
    return session;
  };
  const intentOf = (id?: string) =>
    world.find("payment_intent", id?.startsWith("pi_") ? id : sessionOf(id).payment_intent) as StripeObject;
  return {
    url: `http://127.0.0.1:${port}`,
    control: {
      deliveries: webhooks.options,
      flush: () => webhooks.flush(),
      signed: (body, timestamp) => sign(body, options.webhookSecret, timestamp),
      sessions: () => world.list("checkout.session"),
      intents: (customer) => world.list("payment_intent", (intent) => intent.customer === customer),
      events: () => world.list("event"),
      pay: (number, id) => payWith(sessionOf(id), number),
      confirm: (agrees, id) => void changed(authenticate(world, emit, sessionOf(id), agrees)),
      settleDelayed: (id) => changed(settleDelayed(world, emit, sessionOf(id))),
      expire: (id) => changed(expire(emit, sessionOf(id))),
      refund: (amount, id) => changed(refund(world, emit, intentOf(id), amount ?? null, {})),
      refunds: (id) => world.list("refund", ({ payment_intent: intent }) => intent === intentOf(id).id),
      settleRefund: (made) => changed(settleRefund(world, emit, made)),
      failRefund: (made) => changed(failRefund(world, emit, made)),
      payOut: () => changed(payOut(world, emit)),
      balance: () => world.list("balance_transaction").reduce((sum, move) => sum + (move.net as number), 0),
      warn: (id) => changed(warnOfFraud(world, emit, intentOf(id))),
      dispute: (id) => changed(openDispute(world, emit, intentOf(id))),
      closeDispute: (dispute, status) => changed(closeDispute(world, emit, dispute, status)),
    },
    close: async () => {
      webhooks.stop();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function readBody(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY) throw new Error("too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function sendJson(outgoing: ServerResponse, { status, body, replayed }: ApiAnswer): void {
  const headers = { "content-type": "application/json", ...(replayed && { "idempotent-replayed": "true" }) };
  outgoing.writeHead(status, headers).end(JSON.stringify(body));
}

function sendPage(outgoing: ServerResponse, status: number, html: string): void {
  outgoing.writeHead(status, SECURITY_HEADERS).end(html);
}

function redirect(outgoing: ServerResponse, location: string): void {
  outgoing.writeHead(303, { location, "cache-control": "no-store" }).end();
}
