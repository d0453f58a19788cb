"use server";

import { action } from "@/lib/auth/action";
import { recordProviderBill } from "@/lib/usage/admin-provider-bills";
import { providerBillInput } from "@/lib/usage/schema";

export const recordProviderBillAction = action(providerBillInput, recordProviderBill, {
  scope: "staff",
  revalidate: "/admin/ledger",
});
