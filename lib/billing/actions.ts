"use server";

import { action } from "@/lib/auth/action";
import { checkTopup, createTopup, refundTopup, setBalanceAlert } from "@/lib/billing/mutations";
import { getTopup } from "@/lib/billing/queries";
import { addCreditsInput, balanceAlertInput, refundInput, topupRef } from "@/lib/billing/schema";
import { checkoutPlace, requirePayments } from "@/lib/http/payments";

export const addCredits = action(addCreditsInput, async (scope, input) =>
  createTopup(scope, input, { payments: requirePayments(), place: await checkoutPlace(scope.org.slug) }),
);

/** What became of a purchase; also has the worker look again. */
export const watchTopup = action(topupRef, async (scope, { id }) => {
  await checkTopup(scope, id);
  return getTopup(scope, id);
});

export const refundPurchase = action(refundInput, refundTopup, { revalidate: "/[org]/billing" });

export const updateBalanceAlert = action(balanceAlertInput, setBalanceAlert, { revalidate: "/[org]/billing" });
