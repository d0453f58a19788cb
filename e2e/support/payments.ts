import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { Logger, runOnce } from "graphile-worker";
import type { Pool } from "pg";
import { vi } from "vitest";
import { type TestDatabase, testDatabase } from "@/e2e/support/database";
import { type Env, parseEnv } from "@/lib/env";
import { logger } from "@/lib/log";
import { parseUsd } from "@/lib/money";
import type { Mail } from "@/lib/notifications/render";
import { ORG_ROLES } from "@/lib/orgs/permissions";
import { mintScope, type Scope } from "@/lib/orgs/scope";
import { createPool } from "@/lib/pg";
import { createOrg, type TestOrg, wallet } from "@/prisma/sql/testing";
import { billingNoticeJobs } from "@/server/jobs/billing-notices";
import { paymentJobs } from "@/server/jobs/payments";
import { type Simulator, startStripeSimulator } from "@/server/stripe-simulator/server";

// Purchases over HTTP on both sides, for tests: the product's own code and roles against the simulation.

export const SECRETS = { secretKey: "sk_test_simulation1", webhookSecret: "whsec_0123456789abcdef0123" };
export const DOLLAR = 1_000_000_000;
export const SUCCESS = "4242 4242 4242 4242";

export type Buyer = TestOrg & { scope: Scope };
export type PaymentWorld = {
  database: TestDatabase;
  stripe: Simulator;
  worker: Pool;
  settings: Env;
  /** What was mailed. */
  mails: Mail[];
  /** The route of Stripe's webhooks. */
  handler(request: Request): Promise<Response>;
  buyer(): Promise<Buyer>;
  buy(scope: Scope, usd: string, form?: string): Promise<{ id: string; url: string; session: string; form: string }>;
  /** Bought and credited. */
  bought(scope: Scope, usd: string, card?: string): Promise<{ id: string; session: string }>;
  /** Everything that has been sent is received, and everything that has been received is done. */
  settle(): Promise<void>;
  /** Runs a scheduled job now. */
  runJob(name: string): Promise<void>;
  /** Looks at every payment without any webhook. */
  sweep(): Promise<void>;
  /** In dollars. */
  balance(org: string): Promise<number>;
  close(): Promise<void>;
};

export async function startPayments(): Promise<PaymentWorld> {
  const database = await testDatabase();
  const worker = createPool(database.roleUrl("worker"), { max: 6, applicationName: "test-worker" });
  worker.on("connect", (connection) => connection.on("error", () => {}));
  let handler: PaymentWorld["handler"] | undefined;
  const web = createServer(async (incoming, outgoing) => {
    const body = Readable.toWeb(incoming) as ReadableStream;
    const headers = incoming.headers as Record<string, string>;
    const init = { method: "POST", headers, body, duplex: "half" } as RequestInit;
    const response = await handler?.(new Request("http://hub/api/webhooks/stripe", init));
    outgoing.writeHead(response?.status ?? 503).end(await response?.text());
  });
  await new Promise<void>((resolve) => web.listen(0, "127.0.0.1", resolve));
  const webhookUrl = `http://127.0.0.1:${(web.address() as AddressInfo).port}/api/webhooks/stripe`;
  const stripe = await startStripeSimulator({ ...SECRETS, port: 0, delayMs: null, production: false, webhookUrl });
  const variables = {
    STRIPE_SECRET_KEY: SECRETS.secretKey,
    STRIPE_WEBHOOK_SECRET: SECRETS.webhookSecret,
    STRIPE_API_BASE: stripe.url,
    HUB_DATABASE_URL_WEB: database.roleUrl("web"),
  };
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
  const settings = parseEnv({ ...variables, HUB_PRODUCTION: "false" });
  const route = await import("@/app/api/webhooks/stripe/route");
  handler = route.POST;

  const mails: Mail[] = [];
  const jobs = [...paymentJobs(settings), ...billingNoticeJobs(settings)];
  const tools = { sql: worker, log: logger("test"), signal: new AbortController().signal };
  const world: PaymentWorld = {
    ...{ database, stripe, worker, settings, mails, handler: route.POST },
    buyer: async () => {
      const made = await createOrg(database.pool);
      const user = `usr_${made.org}`;
      await database.pool.query(`INSERT INTO "user" (id, email, email_verified) VALUES ($1, $2, clock_timestamp())`, [
        user,
        `${made.org}@example.com`,
      ]);
      const permissions = new Set(ORG_ROLES.owner);
      return { ...made, scope: mintScope({ orgId: made.org, actor: { type: "user", id: user }, permissions }) };
    },
    buy: async (scope, usd, form = randomUUID()) => {
      const { createTopup } = await import("@/lib/billing/mutations");
      const { createPayments } = await import("@/lib/billing/stripe");
      const payments = createPayments({ secretKey: SECRETS.secretKey, apiBase: stripe.url, fetch });
      const place = { origin: "http://localhost:3000", slug: "acme", locale: "en" } as const;
      const made = await createTopup(scope, { amountUsd: parseUsd(usd), form }, { payments, place });
      const session = new URL(made.url).pathname.split("/").at(-1) as string;
      return { ...made, session, form };
    },
    bought: async (scope, usd, card = SUCCESS) => {
      const { id, session } = await world.buy(scope, usd);
      stripe.control.pay(card, session);
      await world.settle();
      return { id, session };
    },
    settle: async () => {
      await stripe.control.flush();
      const taskList = Object.fromEntries(jobs.map((job) => [job.name, (payload: unknown) => job.run(payload, tools)]));
      const send_mail = async (payload: unknown) => void mails.push(payload as Mail);
      const silent = new Logger(() => () => {});
      const pool = { pgPool: worker, logger: silent, noHandleSignals: true };
      await runOnce({ ...pool, taskList: { ...taskList, send_mail } });
    },
    runJob: async (name) => {
      const job = jobs.find((one) => one.name === name);
      if (!job) throw new Error(`There is no job ${name}.`);
      await job.run({}, tools);
      await world.settle();
    },
    sweep: () => world.runJob("sweep_payments"),
    balance: async (org) => (await wallet(database.pool, org)).posted / DOLLAR,
    close: async () => {
      await stripe.close();
      web.close();
      const { db } = await import("@/lib/db");
      await db().$disconnect();
      await worker.end();
      await database.drop();
    },
  };
  return world;
}
