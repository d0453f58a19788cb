import { createHmac } from "node:crypto";
import { join } from "node:path";
import { type Env, environment } from "@/lib/env";
import { keptPort } from "./instance";

export type Simulation = {
  /** What web, worker and gateway are told. */
  variables: Record<string, string>;
  /** What the process itself is told. */
  options: object;
};

/** Settings for the simulation of Stripe, which takes its place where nothing real is configured. In production there is none:
 *  whoever sells there needs Stripe. */
export async function simulateStripe(settings: Env, pepper: string): Promise<Simulation | undefined> {
  const { production, dataDir } = settings;
  const { STRIPE_API_BASE } = environment();
  if (production || settings.stripeSecretKey || STRIPE_API_BASE) return undefined;
  const port = settings.stripeSimulatorPort ?? (await keptPort(dataDir, "stripe-simulator"));
  // the same at every start, so that events which wait for their next try still fit
  const derive = (use: string) => createHmac("sha256", pepper).update(`stripe-simulator ${use}`).digest("hex");
  const secretKey = `sk_test_${derive("key").slice(0, 32)}`;
  const webhookSecret = `whsec_${derive("webhook")}`;
  return {
    variables: {
      STRIPE_SECRET_KEY: secretKey,
      STRIPE_WEBHOOK_SECRET: webhookSecret,
      STRIPE_API_BASE: `http://127.0.0.1:${port}`,
      HUB_STRIPE_SIMULATOR_PORT: String(port),
    },
    options: {
      ...{ port, secretKey, webhookSecret, production },
      webhookUrl: `http://127.0.0.1:${settings.port}/api/webhooks/stripe`,
      file: join(dataDir, "stripe-simulator.json"),
    },
  };
}
