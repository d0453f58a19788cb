import type { ViolationRow } from "@/lib/billing/schema";
import { db } from "@/lib/db";
import { requireStaffPermission, type StaffScope } from "@/lib/orgs/scope";

const MAX_VIOLATIONS = 1000;

/** The invariants that do not hold, over all organisations; empty means that the books balance. */
export async function listViolations(scope: StaffScope): Promise<ViolationRow[]> {
  requireStaffPermission(scope, "ledger.read");
  return db().$queryRaw<ViolationRow[]>`
    SELECT rule::text AS rule, org_id AS "orgId", ref::text AS ref, detail::text AS detail FROM violations LIMIT ${MAX_VIOLATIONS}`;
}
