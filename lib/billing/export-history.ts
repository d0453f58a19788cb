import { getHistory } from "@/lib/billing/queries";
import { toCsv } from "@/lib/csv";
import type { Scope } from "@/lib/orgs/scope";

/** What changed the balance in the last 90 days as CSV, newest first, amounts exact. Throws forbidden. */
export async function exportHistory(scope: Scope): Promise<Response> {
  const { entries } = await getHistory(scope);
  const rows = entries.map(({ at, kind, amountUsd, balanceUsd, topupId, receiptUrl }) => [
    ...[at, kind, amountUsd, balanceUsd, topupId ?? "", receiptUrl ?? ""],
  ]);
  const head = ["at", "kind", "amount_usd", "balance_after_usd", "purchase", "receipt"];
  return new Response(toCsv([head, ...rows]), {
    headers: {
      "content-type": "text/csv; charset=utf-8",
      "content-disposition": 'attachment; filename="billing-history.csv"',
      "cache-control": "no-store",
    },
  });
}
