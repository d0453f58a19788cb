import { createHmac } from "node:crypto";
import type { StripeObject, World } from "./world";

/** How deliveries misbehave, which Stripe's documentation promises they may. */
export type DeliveryOptions = {
  /** Each event is sent this often. 0: never. */
  copies: number;
  /** Deliveries wait and leave in random order when flushed. */
  reorder: boolean;
};

export type Webhooks = {
  options: DeliveryOptions;
  emit(type: string, object: StripeObject): void;
  /** Sends what waits and resolves when everything sent so far has been answered. */
  flush(): Promise<void>;
  stop(): void;
};

const RETRY_AFTER_MS = [500, 2_000, 8_000, 30_000, 120_000];

/** Signed as Stripe signs: HMAC-SHA256 over `{timestamp}.{body}`. */
export function sign(body: string, secret: string, timestamp = Math.floor(Date.now() / 1000)): string {
  const signature = createHmac("sha256", secret).update(`${timestamp}.${body}`).digest("hex");
  return `t=${timestamp},v1=${signature}`;
}

export function createWebhooks(world: World, target: { url: string | undefined; secret: string }): Webhooks {
  const waiting: string[] = [];
  const underway = new Set<Promise<void>>();
  const timers = new Set<NodeJS.Timeout>();

  const deliver = (body: string, tries: number) => {
    if (!target.url) return;
    const headers = {
      "content-type": "application/json; charset=utf-8",
      "stripe-signature": sign(body, target.secret),
    };
    const delivery = fetch(target.url, { method: "POST", headers, body, signal: AbortSignal.timeout(10_000) })
      .then((response) => response.ok)
      .catch(() => false)
      .then((isDone) => {
        const delayMs = RETRY_AFTER_MS[tries];
        if (isDone || delayMs === undefined) return;
        const timer = setTimeout(() => {
          timers.delete(timer);
          deliver(body, tries + 1);
        }, delayMs).unref();
        timers.add(timer);
      })
      .finally(() => underway.delete(delivery));
    underway.add(delivery);
  };

  const webhooks: Webhooks = {
    options: { copies: 1, reorder: false },
    emit(type, object) {
      const data = { object: structuredClone(object) };
      const event = world.add("event", "evt", { type, data, api_version: "2026-10-28.endive", pending_webhooks: 1 });
      // a delivery says what was true when it was made, not when it arrives
      const body = JSON.stringify(event);
      for (let copy = 0; copy < webhooks.options.copies; copy++) {
        if (webhooks.options.reorder) waiting.push(body);
        else deliver(body, 0);
      }
    },
    async flush() {
      for (const body of waiting.splice(0).sort(() => Math.random() - 0.5)) deliver(body, 0);
      while (underway.size > 0) await Promise.all(underway);
    },
    stop() {
      for (const timer of timers) clearTimeout(timer);
    },
  };
  return webhooks;
}
