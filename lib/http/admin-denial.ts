import { recordAudit } from "@/lib/audit/mutations";
import { db } from "@/lib/db";
import type { StaffScope } from "@/lib/orgs/scope";

/** A refused attempt is part of the audit log. */
export async function recordDenial(scope: StaffScope, attempted: string): Promise<void> {
  await recordAudit(db(), scope, { action: "admin.denied", target: attempted, outcome: "denied" });
}
