import { createHash } from "node:crypto";
import type { IdempotencyClaim } from "@/lib/billing/wallet";
import { AppError } from "@/lib/errors";
import type { GatewayRequest } from "@/lib/gateway/exchange";
import type { Sql } from "@/lib/pg";

const MAX_KEY_CHARACTERS = 255;
/** A longer answer is not kept for those who ask again. */
const MAX_KEPT_BYTES = 1024 * 1024;

/** What a finished call leaves for a retry with the same key. */
export type StoredAnswer = { requestId: string; status: number; body: string };

/** The client's Idempotency-Key with what it is bound to: path and body. Null where it sent none. Throws invalid_request. */
export function idempotencyOf({ headers, path }: GatewayRequest, body: Buffer): IdempotencyClaim | null {
  const key = headers["idempotency-key"];
  if (key === undefined) return null;
  if (key === "" || key.length > MAX_KEY_CHARACTERS)
    throw new AppError("invalid_request", `Idempotency-Key must have 1 to ${MAX_KEY_CHARACTERS} characters.`);
  return { key, path, hash: createHash("sha256").update(body).digest("hex") };
}

/** How a settlement says what its retries get: an answer to repeat, or that there is none, or (`failed`) that nothing ran. */
export function outcomeFor(claim: IdempotencyClaim, body: string | null, isCharged: boolean) {
  const { key, path } = claim;
  if (body !== null && Buffer.byteLength(body) <= MAX_KEPT_BYTES)
    return { key, path, state: "done" as const, response: { status: 200, body } };
  return { key, path, state: isCharged || body !== null ? ("unreplayable" as const) : ("failed" as const) };
}

/** The answer that a call with this key left; null where it is gone meanwhile. */
export async function readStoredAnswer(
  sql: Sql,
  { orgId, keyId, path, key }: { orgId: string; keyId: string; path: string; key: string },
): Promise<StoredAnswer | null> {
  const { rows } = await sql.query<{ request_id: string; response: { status: number; body: string } | null }>(
    "select request_id, response from read_idempotency($1, $2, $3, $4)",
    [orgId, keyId, path, key],
  );
  const [row] = rows;
  return row?.response ? { requestId: row.request_id, ...row.response } : null;
}
