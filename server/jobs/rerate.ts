import type { Job } from "@/lib/jobs";
import { rerate } from "@/lib/usage/rerate";

/** One in a hundred calls of the last day is priced again from what is stored. */
const SHARE_BP = 100;
const DAY_MS = 24 * 60 * 60 * 1000;
/** All are counted; this many are kept to look at. */
const MAX_KEPT = 100;

/** Nightly. What it finds is logged as an error and kept for the operator's ledger page. */
export const rerateJob: Job = {
  name: "rerate_calls",
  schedule: "29 3 * * *",
  maxAttempts: 3,
  run: async (payload, { sql, log }) => {
    const shareBp = shareOf(payload);
    const { rows } = await sql.query<{ now: Date }>("SELECT hub_now() AS now");
    const until = rows[0]?.now ?? new Date();
    const since = new Date(until.getTime() - DAY_MS);
    const { checked, differences } = await rerate(sql, { since, until, shareBp });
    await sql.query(
      "INSERT INTO rerate_run (since, until, share_bp, checked, differing, differences) VALUES ($1, $2, $3, $4, $5, $6)",
      [since, until, shareBp, checked, differences.length, JSON.stringify(differences.slice(0, MAX_KEPT))],
    );
    if (differences.length > 0)
      log.error(
        { count: differences.length, requestId: differences[0]?.id },
        "stored calls do not cost what was charged",
      );
    else log.info({ count: checked }, "stored calls priced again, all as charged");
  },
};

/** Somebody who adds the job by hand may ask for more than the sample. */
function shareOf(payload: unknown): number {
  const share = (payload as { shareBp?: unknown } | null)?.shareBp;
  return typeof share === "number" && Number.isInteger(share) && share > 0 && share <= 10_000 ? share : SHARE_BP;
}
