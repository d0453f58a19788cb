import { AUTO_TOPUP_TASK, findAutoTopupNews } from "@/lib/billing/auto-topup";
import { findLowBalances, LOW_BALANCE_TASK, type LowBalance } from "@/lib/billing/low-balance";
import { ENTRY_TASK, EXPIRY_TASK, type Expiry, findEntries, findExpiring } from "@/lib/billing/notices";
import type { Env } from "@/lib/env";
import type { Job } from "@/lib/jobs";
import { PAUSED_KEY_TASK, type PausedKey, pauseUnusualKeys } from "@/lib/usage/unusual-spend";
import {
  reportAutoTopup,
  reportEntry,
  reportExpiry,
  reportLowBalance,
  reportPausedKey,
} from "@/server/jobs/billing-mails";

const everyMinute = { schedule: "* * * * *", maxAttempts: 1 };

/** What people hear of their credit, whether it is sold here or only given. */
export function billingNoticeJobs({ publicUrl, port }: Pick<Env, "publicUrl" | "port">): readonly Job[] {
  const origin = publicUrl ?? `http://localhost:${port}`;
  return [
    { name: "find_low_balances", ...everyMinute, run: (_payload, { sql }) => findLowBalances(sql) },
    {
      name: "pause_unusual_keys",
      ...everyMinute,
      run: async (_payload, { sql, log }) => {
        const count = await pauseUnusualKeys(sql);
        if (count > 0) log.warn({ count }, "keys with unusual spend were paused");
      },
    },
    { name: "find_ledger_entries", ...everyMinute, run: (_payload, { sql }) => findEntries(sql) },
    { name: "find_auto_topup_news", ...everyMinute, run: (_payload, { sql }) => findAutoTopupNews(sql) },
    {
      name: AUTO_TOPUP_TASK,
      run: (payload, { sql }) => reportAutoTopup(sql, origin, (payload as { event: string }).event),
    },
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
    { name: PAUSED_KEY_TASK, run: (payload, { sql }) => reportPausedKey(sql, origin, payload as PausedKey) },
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
