import { ChargeRefused, neverMade, type PaymentLevel, type Payments } from "@/lib/billing/stripe";
import { creditDescription } from "@/lib/billing/topups";
import { toNano } from "@/lib/money";

/** A top-up of a saved card, as the database has it. `may_charge`: young enough for Stripe to know its key, and still wanted. */
export type AutomaticTopup = {
  id: string;
  org_id: string;
  state: string;
  livemode: boolean;
  stripe_customer: string;
  payment_method: string | null;
  currency: string;
  amount_minor: string;
  credit_nano: string;
  created: string;
  may_charge: boolean;
};

/** The payment of an automatic top-up that has none yet: made now, or, where it may not be made any more, the one that was made
 *  before its answer was lost. The level of a payment that never was, where there is none; null where that is known already. */
export async function chargeAutomatically(
  payments: Payments,
  topup: AutomaticTopup,
): Promise<string | PaymentLevel | null> {
  const { id, state, payment_method: method, stripe_customer: customer, livemode } = topup;
  if (state !== "created" || !method) return null;
  if (!topup.may_charge) {
    const found = await payments.findIntent({ topupId: id, customer, sinceSeconds: Number(topup.created) - 60 });
    return found ?? neverMade(livemode, "stopped");
  }
  try {
    return await payments.chargeSavedCard({
      ...{ topupId: id, customer, method, currency: topup.currency, amountMinor: BigInt(topup.amount_minor) },
      description: creditDescription(toNano(topup.credit_nano)),
    });
  } catch (error) {
    if (error instanceof ChargeRefused) return neverMade(livemode, error.code);
    throw error;
  }
}
