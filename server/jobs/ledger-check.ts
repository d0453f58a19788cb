import { checkLedger } from "@/lib/billing/ledger-check";
import type { Job } from "@/lib/jobs";

/** Runs the invariants again and again; on a large ledger as rarely as it takes to stay below 5 % of the time. */
export const ledgerCheckJob: Job = {
  name: "check_ledger",
  schedule: "* * * * *",
  maxAttempts: 1,
  run: async (_payload, { sql, log }) => {
    const check = await checkLedger(sql);
    if (check && check.violations > 0) log.error({ count: check.violations }, "the ledger has violations");
  },
};
