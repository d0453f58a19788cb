"use server";

import { action } from "@/lib/auth/action";
import {
  checkCardPage,
  checkTopup,
  confirmAutoTopup,
  createTopup,
  refundTopup,
  setAutoTopup,
  setBalanceAlert,
  stopAutoTopup,
} from "@/lib/billing/mutations";
import { findAutoTopup, getTopup } from "@/lib/billing/queries";
import {
  addCreditsInput,
  autoTopupInput,
  autoTopupRef,
  balanceAlertInput,
  refundInput,
  topupRef,
} from "@/lib/billing/schema";
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

export const updateAutoTopup = action(
  autoTopupInput,
  async (scope, input) =>
    setAutoTopup(scope, input, { payments: requirePayments(), place: await checkoutPlace(scope.org.slug) }),
  { revalidate: "/[org]/billing" },
);

export const turnOffAutoTopup = action(autoTopupRef, (scope) => stopAutoTopup(scope), {
  revalidate: "/[org]/billing",
});

export const confirmPausedTopup = action(autoTopupRef, async (scope) =>
  confirmAutoTopup(scope, { payments: requirePayments(), place: await checkoutPlace(scope.org.slug) }),
);

/** How automatic top-ups stand; also has the worker look whether a card was saved. */
export const watchAutoTopup = action(autoTopupRef, async (scope) => {
  await checkCardPage(scope);
  return findAutoTopup(scope);
});
