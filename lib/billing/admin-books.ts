import { listViolations } from "@/lib/billing/admin-ledger";
import type { ViolationRow } from "@/lib/billing/schema";
import { db } from "@/lib/db";
import { requireStaffPermission, type StaffScope } from "@/lib/orgs/scope";

export type Books = {
  violations: number;
  checkedAt: string;
  /** The first of them. */
  rows: ViolationRow[];
};

const MAX_ROWS = 100;

/** The last check of the invariants; the worker makes one about every minute. Where there is none yet, one is made. */
export async function readBooks(scope: StaffScope): Promise<Books> {
  requireStaffPermission(scope, "ledger.read");
  const last = await db().ledgerCheck.findFirst({ orderBy: { id: "desc" } });
  if (!last) return checkBooks(scope);
  // safe because only checks are written there
  return { violations: last.violations, checkedAt: last.at.toISOString(), rows: last.rows as ViolationRow[] };
}

/** Checks the whole ledger now and keeps the result for everybody. */
export async function checkBooks(scope: StaffScope): Promise<Books> {
  const startedAt = performance.now();
  const found = await listViolations(scope);
  const rows = found.slice(0, MAX_ROWS);
  const { at } = await db().ledgerCheck.create({
    data: { durationMs: Math.ceil(performance.now() - startedAt), violations: found.length, rows },
  });
  return { violations: found.length, checkedAt: at.toISOString(), rows };
}
