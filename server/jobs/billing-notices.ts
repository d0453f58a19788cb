import { findLowBalances, LOW_BALANCE_TASK, type LowBalance } from "@/lib/billing/low-balance";
import { ENTRY_TASK, EXPIRY_TASK, type Expiry, findEntries, findExpiring } from "@/lib/billing/notices";
import type { Env } from "@/lib/env";
import type { Job } from "@/lib/jobs";
import { reportEntry, reportExpiry, reportLowBalance } from "@/server/jobs/billing-mails";

const everyMinute = { schedule: "* * * * *", maxAttempts: 1 };

/** What people hear of their credit, whether it is sold here or only given. */
export function billingNoticeJobs({ publicUrl, port }: Pick<Env, "publicUrl" | "port">): readonly Job[] {
  const origin = publicUrl ?? `http://localhost:${port}`;
  return [
    { name: "find_low_balances", ...everyMinute, run: (_payload, { sql }) => findLowBalances(sql) },
    { name: "find_ledger_entries", ...everyMinute, run: (_payload, { sql }) => findEntries(sql) },
    {
      name: "find_expiring_credit",
      schedule: "*/10 * * * *",
      maxAttempts: 1,
      run: (_payload, { sql }) => findExpiring(sql),
    },
    {
      name: LOW_BALANCE_TASK,
      // safe because only lib/billing adds these
      run: (payload, { sql }) => reportLowBalance(sql, origin, payload as LowBalance),
    },
    { name: ENTRY_TASK, run: (payload, { sql }) => reportEntry(sql, origin, (payload as { journal: string }).journal) },
    { name: EXPIRY_TASK, run: (payload, { sql }) => reportExpiry(sql, origin, payload as Expiry) },
    {
      name: "prune_notices",
      schedule: "33 4 * * *",
      run: async (_payload, { sql }) => {
        // far longer than any occasion is looked for
        await sql.query("DELETE FROM notice WHERE at < clock_timestamp() - interval '400 days'");
      },
    },
  ];
}
