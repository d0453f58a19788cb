"use server";

import { z } from "zod";
import { action } from "@/lib/auth/action";
import { modelPattern } from "@/lib/fields";
import { updateOrg } from "@/lib/orgs/admin-orgs";

const reason = z.string().trim().min(1, "must not be empty").max(500);

export const setSuspendedAction = action(
  z.strictObject({ orgId: z.string(), suspended: z.boolean(), reason }),
  (scope, { orgId, ...patch }) => updateOrg(scope, orgId, patch),
  { scope: "staff", revalidate: ["/admin/customers", "/admin/customers/[id]"] },
);

export const setAllowedModelsAction = action(
  z.strictObject({ orgId: z.string(), allowedModels: z.array(modelPattern).max(1000) }),
  (scope, { orgId, ...patch }) => updateOrg(scope, orgId, patch),
  { scope: "staff", revalidate: ["/admin/customers/[id]"] },
);
