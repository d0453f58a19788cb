"use server";

import { z } from "zod";
import { action } from "@/lib/auth/action";
import { grantCredit } from "@/lib/billing/admin-credits";
import { creditInput } from "@/lib/billing/schema";

/** `formId` is made once per opened form: pressing twice, or sending again after a lost answer, books once. */
export const grantCreditAction = action(
  z.strictObject({ orgId: z.string(), formId: z.uuid(), credit: creditInput }),
  ({ request, ...scope }, { orgId, formId, credit }) =>
    grantCredit({ ...scope, ...(request && { request: { ...request, idempotencyKey: formId } }) }, orgId, credit),
  { scope: "staff", revalidate: ["/admin/customers", "/admin/customers/[id]"] },
);
