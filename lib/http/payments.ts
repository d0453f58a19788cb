import { headers } from "next/headers";
import { getLocale } from "next-intl/server";
import { createPayments, type Payments } from "@/lib/billing/stripe";
import type { CheckoutPlace } from "@/lib/billing/topups";
import { egressFetch } from "@/lib/egress";
import { env } from "@/lib/env";
import { AppError } from "@/lib/errors";
import { DEFAULT_LOCALE, isLocale } from "@/lib/locale";
import { publicOrigin } from "@/lib/origin";

let payments: Payments | undefined;

/** Stripe as this process is configured for it; undefined where nothing is sold. */
export function findPayments(): Payments | undefined {
  const { stripeSecretKey: secretKey, stripeApiBase: apiBase } = env();
  if (secretKey) payments ??= createPayments({ secretKey, apiBase, fetch: egressFetch("operator") });
  return payments;
}

/** Throws unavailable. */
export function requirePayments(): Payments {
  const found = findPayments();
  if (found) return found;
  throw new AppError("unavailable", "This hub is not set up to sell credit: its operator has not configured Stripe.", {
    retry: false,
  });
}

/** Where Stripe sends this browser back to. */
export async function checkoutPlace(slug: string): Promise<CheckoutPlace> {
  const locale = await getLocale();
  return {
    origin: publicOrigin(await headers(), env().publicUrl),
    slug,
    locale: isLocale(locale) ? locale : DEFAULT_LOCALE,
  };
}
