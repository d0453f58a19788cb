import { AppError } from "@/lib/errors";

/** Two writers met: one of them won, and the other may look and decide anew. */
const CONFLICTS = new Set(["P2002", "P2003", "P2025", "P2034"]);
/** The database cannot be reached, ended the connection, or had no transaction to spare in time. */
const OUTAGES = new Set([
  "P1001",
  "P1002",
  "P1008",
  "P1017",
  "P2024",
  "P2028",
  "ECONNREFUSED",
  "ECONNRESET",
  "ETIMEDOUT",
  "ENOENT",
]);

/** Anything thrown -> what the caller of the admin API is told. Nobody is charged here, so the gateway's sentence for its
 *  own faults would puzzle. */
export function asAdminError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  const code = String((thrown as { code?: unknown } | null)?.code ?? "");
  if (CONFLICTS.has(code))
    return new AppError("conflict", "Somebody changed the same thing at the same time. Look again.", { cause: thrown });
  const isOutage =
    OUTAGES.has(code) ||
    /Can't reach database server|Connection terminated|connect ECONN|timeout exceeded when trying to connect/.test(
      String((thrown as Error | null)?.message),
    );
  if (isOutage) {
    return new AppError("unavailable", "The database does not answer. Nothing was changed; try again.", {
      retryAfterMs: 1000,
      cause: thrown,
    });
  }
  return new AppError("internal_error", "The hub had an internal error.", { cause: thrown });
}
