"use server";

import { z } from "zod";
import { action } from "@/lib/auth/action";
import { checkBooks } from "@/lib/billing/admin-books";
import { freezeWallet, grantCredit } from "@/lib/billing/admin-credits";
import { decideRefund, requestRefund } from "@/lib/billing/admin-refunds";
import { adminRefundInput, creditInput, decideRefundInput, walletPatch } from "@/lib/billing/schema";

/** `formId` is made once per opened form: pressing twice, or sending again after a lost answer, books once. */
export const grantCreditAction = action(
  z.strictObject({ orgId: z.string(), formId: z.uuid(), credit: creditInput }),
  ({ request, ...scope }, { orgId, formId, credit }) =>
    grantCredit({ ...scope, ...(request && { request: { ...request, idempotencyKey: formId } }) }, orgId, credit),
  { scope: "staff", revalidate: ["/admin/customers", "/admin/customers/[id]"] },
);

export const freezeWalletAction = action(
  walletPatch.extend({ orgId: z.string() }),
  (scope, { orgId, ...patch }) => freezeWallet(scope, orgId, patch),
  { scope: "staff", revalidate: ["/admin/customers", "/admin/customers/[id]"] },
);

export const requestRefundAction = action(adminRefundInput, requestRefund, {
  scope: "staff",
  revalidate: "/admin/customers/[id]",
});

export const decideRefundAction = action(decideRefundInput, decideRefund, {
  scope: "staff",
  revalidate: "/admin/customers/[id]",
});

export const checkBooksAction = action(
  z.undefined(),
  (scope) => checkBooks(scope).then(({ violations }) => ({ violations })),
  {
    scope: "staff",
    revalidate: "/admin/ledger",
  },
);
