import { createHash } from "node:crypto";
import type { Payments } from "@/lib/billing/stripe";
import type { Locale } from "@/lib/locale";
import { formatUsd, type Nano } from "@/lib/money";

const NANO_PER_CENT = 10_000_000n;

/** Where to send the browser for and after payment; `origin` is the hub's own address. */
export type CheckoutPlace = { origin: string; slug: string; locale: Locale };
export type Buying = { payments: Payments; place: CheckoutPlace };

/** The price of dollar credit in cents: the same figure. Fees and tax, where there are any, come on top at Stripe. */
export function centsOf(creditNano: Nano): bigint {
  if (creditNano % NANO_PER_CENT !== 0n) throw new RangeError("credit is sold in whole cents");
  return creditNano / NANO_PER_CENT;
}

/** The same form sent twice is one purchase. */
export function topupId(orgId: string, form: string): string {
  return `top_${createHash("sha256").update(`${orgId}\n${form}`).digest("hex").slice(0, 26)}`;
}

/** What stands on Stripe's page and receipt. */
export function creditDescription(creditNano: Nano): string {
  return `${formatUsd(creditNano)} USD API credit`;
}

export function returnUrls({ origin, slug }: CheckoutPlace, id: string): { successUrl: string; cancelUrl: string } {
  const base = `${origin}/${slug}/billing`;
  return { successUrl: `${base}/return/${id}`, cancelUrl: `${base}?cancelled=${id}` };
}

/** For Stripe's page that saves a card. */
export function cardPageUrls({ origin, slug }: CheckoutPlace): { successUrl: string; cancelUrl: string } {
  const base = `${origin}/${slug}/billing`;
  return { successUrl: `${base}#auto`, cancelUrl: `${base}#auto` };
}
