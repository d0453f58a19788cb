import { checkLedger } from "@/lib/billing/ledger-check";
import type { Job } from "@/lib/jobs";

const check = (name: string, schedule: string, night: boolean): Job => ({
  name,
  schedule,
  maxAttempts: 1,
  run: async (_payload, { sql, log }) => {
    const found = await checkLedger(sql, { night });
    if (found && found.violations > 0) log.error({ count: found.violations }, "the ledger has violations");
  },
});

/** Runs the invariants over what is new, again and again, and every night over the whole day. */
export const ledgerCheckJobs: readonly Job[] = [
  check("check_ledger", "* * * * *", false),
  check("check_ledger_day", "17 3 * * *", true),
];
