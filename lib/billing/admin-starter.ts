import { starterGrantedToday } from "@/lib/billing/starter-credit";
import { db } from "@/lib/db";
import { formatUsd, parseUsd } from "@/lib/money";
import { requireStaffPermission, type StaffScope } from "@/lib/orgs/scope";
import { getSettings } from "@/lib/settings/queries";

export type StarterBudget = { grantedUsd: string; budgetUsd: string; isReached: boolean };

/** How much of today's budget for starter credit is used. Reached: the next newcomer gets none. */
export async function readStarterBudget(scope: StaffScope): Promise<StarterBudget> {
  requireStaffPermission(scope, "settings.read");
  const [granted, { starterDailyUsd, starterCreditUsd }] = await Promise.all([
    starterGrantedToday(db()),
    getSettings(),
  ]);
  return {
    grantedUsd: formatUsd(granted),
    budgetUsd: starterDailyUsd,
    isReached: granted + parseUsd(starterCreditUsd) > parseUsd(starterDailyUsd),
  };
}
