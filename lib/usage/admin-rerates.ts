import { db } from "@/lib/db";
import { formatUsd } from "@/lib/money";
import { requireStaffPermission, type StaffScope } from "@/lib/orgs/scope";
import type { RateDifference } from "@/lib/usage/rerate";
import type { RerateRow } from "@/lib/usage/schema";

const SHOWN = 30;

/** What re-rating stored calls has found, newest run first. Throws forbidden. */
export async function listRerates(scope: StaffScope): Promise<RerateRow[]> {
  requireStaffPermission(scope, "ledger.read");
  const runs = await db().rerateRun.findMany({ orderBy: { id: "desc" }, take: SHOWN });
  return runs.map(({ at, since, until, shareBp, checked, differing, differences }) => ({
    at: at.toISOString(),
    since: since.toISOString(),
    until: until.toISOString(),
    sharePercent: shareBp / 100,
    checked,
    differing,
    // safe because only the job writes the column
    differences: (differences as RateDifference[]).map(({ id, orgId, why, chargedNano, expectedNano }) => ({
      requestId: id,
      orgId,
      why,
      chargedUsd: chargedNano === null ? null : formatUsd(BigInt(chargedNano)),
      expectedUsd: expectedNano === null ? null : formatUsd(BigInt(expectedNano)),
    })),
  }));
}
