import { listViolations } from "@/lib/billing/admin-ledger";
import { requireStaffPermission, type StaffScope } from "@/lib/orgs/scope";

export type Books = { violations: number; checkedAt: string };

/** The check reads the whole ledger, and the badge is on every page: one answer serves this process for that long. */
const FRESH_MS = 60_000;
let last: { at: number; books: Promise<Books> } | undefined;

/** The number of broken invariants, at most a minute old. Throws when it cannot be known: nobody is shown a guess. */
export async function checkBooks(scope: StaffScope, now = Date.now()): Promise<Books> {
  requireStaffPermission(scope, "ledger.read");
  if (!last || now - last.at >= FRESH_MS) {
    const books = listViolations(scope).then(({ length }) => ({
      violations: length,
      checkedAt: new Date(now).toISOString(),
    }));
    const entry = { at: now, books };
    last = entry;
    books.catch(() => {
      if (last === entry) last = undefined;
    });
  }
  return last.books;
}
