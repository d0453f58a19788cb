import { receivePaymentEvent } from "@/lib/billing/mutations";
import type { PaymentEvent } from "@/lib/billing/stripe";
import { env } from "@/lib/env";
import { findPayments } from "@/lib/http/payments";
import { logger } from "@/lib/log";

const MAX_BYTES = 1_000_000;

/** Makes the handler of Stripe's webhooks: the signature over the raw bytes is the caller's only proof. What is not signed
 *  writes nothing and gets a 400. */
export function stripeWebhook(): (request: Request) => Promise<Response> {
  return async (request) => {
    const payments = findPayments();
    if (!payments) return reply(404, "Stripe is not configured here.");
    const body = await readRaw(request);
    if (!body) return reply(413, "The body is larger than 1 MB.");
    let event: PaymentEvent;
    try {
      const signature = request.headers.get("stripe-signature") ?? "";
      event = await payments.verifyEvent(body, signature, env().stripeWebhookSecrets);
    } catch {
      logger("stripe").warn({ bytes: body.length }, "a webhook was refused: its signature does not fit");
      return reply(400, "The signature does not fit.");
    }
    await receivePaymentEvent(event);
    return reply(200, "received");
  };
}

async function readRaw(request: Request): Promise<Buffer | undefined> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MAX_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function reply(status: number, message: string): Response {
  return Response.json({ message }, { status, headers: { "cache-control": "no-store" } });
}
