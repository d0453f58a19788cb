import { AppError } from "@/lib/errors";
import { hashKey, isWellFormedKey, keyKind } from "@/lib/keys/secret";
import type { Sql } from "@/lib/pg";

/** Lets a live instance-wide management key through. Throws invalid_api_key. */
export async function requireManagementKey(
  deps: { sql: Sql; peppers: readonly string[] },
  authorization: string | undefined,
): Promise<void> {
  const key = /^bearer\s+(\S+)$/i.exec(authorization?.trim() ?? "")?.[1] ?? "";
  if (keyKind(key) === "mk" && isWellFormedKey(key)) {
    const { rows } = await deps.sql.query<{ live: boolean }>(
      `select true as live from management_key where hash = any($1::text[]) and org_id is null and status = 'active'
        and (expires_at is null or expires_at > clock_timestamp())`,
      [deps.peppers.map((pepper) => hashKey(pepper, key))],
    );
    if (rows.length > 0) return;
  }
  throw new AppError(
    "invalid_api_key",
    "This needs a management key of the instance: `Authorization: Bearer aigne_mk_…`.",
  );
}
