import { type CardSaving, SAVE_CARD_TASK, saveCard, sweepCardPages } from "@/lib/billing/auto-topup";
import {
  type PaymentRef,
  PURCHASE_TASK,
  RECONCILE_TASK,
  REFUND_TASK,
  reconcilePayment,
  sweepPayments,
} from "@/lib/billing/reconcile";
import { sendRefund, sweepRefunds } from "@/lib/billing/refunds";
import { createPayments } from "@/lib/billing/stripe";
import { mirrorTransactions } from "@/lib/billing/stripe-mirror";
import { egressFetch } from "@/lib/egress";
import type { Env } from "@/lib/env";
import type { Job } from "@/lib/jobs";
import { reportPurchase } from "@/server/jobs/billing-mails";

/** What the worker does about Stripe; nothing where it is not configured. */
export function paymentJobs(settings: Env): readonly Job[] {
  const { stripeSecretKey: secretKey, stripeApiBase: apiBase, publicUrl, port } = settings;
  if (!secretKey) return [];
  const payments = createPayments({ secretKey, apiBase, fetch: egressFetch("operator") });
  const origin = publicUrl ?? `http://localhost:${port}`;
  return [
    {
      name: RECONCILE_TASK,
      // safe because only lib/billing adds these
      run: (payload, { sql, log }) => reconcilePayment({ sql, log, payments }, payload as PaymentRef),
    },
    {
      name: REFUND_TASK,
      run: (payload, { sql, log }) => sendRefund({ sql, log, payments }, (payload as { refund: string }).refund),
    },
    {
      name: PURCHASE_TASK,
      run: (payload, { sql }) => reportPurchase(sql, origin, (payload as { topup: string }).topup),
    },
    {
      name: SAVE_CARD_TASK,
      run: (payload, { sql }) => saveCard({ sql, payments }, payload as CardSaving),
    },
    {
      name: "sweep_card_pages",
      schedule: "* * * * *",
      maxAttempts: 1,
      run: (_payload, { sql }) => sweepCardPages(sql),
    },
    {
      name: "sweep_open_payments",
      schedule: "* * * * *",
      maxAttempts: 1,
      run: (_payload, { sql, log }) => sweepPayments({ sql, log, payments }, { all: false }),
    },
    { name: "sweep_refunds", schedule: "* * * * *", maxAttempts: 1, run: (_payload, { sql }) => sweepRefunds(sql) },
    {
      name: "mirror_stripe",
      schedule: "27 * * * *",
      maxAttempts: 3,
      run: (_payload, { sql }) => mirrorTransactions({ sql, payments }),
    },
    {
      name: "sweep_payments",
      schedule: "17 * * * *",
      maxAttempts: 1,
      run: (_payload, { sql, log }) => sweepPayments({ sql, log, payments }, { all: true }),
    },
  ];
}
