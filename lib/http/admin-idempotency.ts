import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from "node:crypto";
import { db } from "@/lib/db";
import { AppError } from "@/lib/errors";

export type Answer = { status: number; body: unknown };
/** `secret` is the caller's management key: it seals the stored answer, which may hold a key that is shown once. */
export type IdempotentCall = { keyId: string; secret: string; path: string; key: string; method: string; body: string };

const MAX_KEY_CHARACTERS = 255;

/** Runs a write at most once per management key, path and Idempotency-Key within 24 h, and repeats its answer after that.
 *  A failure is not kept: it changed nothing, so it may be tried again. A caller that vanished blocks its key for a minute.
 *  Throws idempotency_mismatch for another body, idempotency_in_flight while the first call runs. */
export async function once(call: IdempotentCall, run: () => Promise<Answer>): Promise<Answer & { replayed: boolean }> {
  if (!call.key || call.key.length > MAX_KEY_CHARACTERS) {
    throw new AppError("invalid_request", "Idempotency-Key must have 1 to 255 characters.", {
      param: "Idempotency-Key",
    });
  }
  const bodyHash = createHash("sha256").update(`${call.method}\n${call.body}`).digest("hex");
  const where = { keyId_path_key: { keyId: call.keyId, path: call.path, key: call.key } };
  if (!(await claim(call, bodyHash))) {
    const stored = await db().adminIdempotency.findUnique({ where });
    if (stored && stored.bodyHash !== bodyHash) {
      throw new AppError("idempotency_mismatch", "This Idempotency-Key was used with another method or body.", {
        param: "Idempotency-Key",
      });
    }
    if (!stored || stored.status === null) {
      throw new AppError("idempotency_in_flight", "The first call with this Idempotency-Key is still running.", {
        retryAfterMs: 1000,
      });
    }
    return { status: stored.status, body: unseal(call, stored.response), replayed: true };
  }
  try {
    const answer = await run();
    await db().adminIdempotency.update({ where, data: { status: answer.status, response: seal(call, answer.body) } });
    return { ...answer, replayed: false };
  } catch (error) {
    await db().adminIdempotency.deleteMany({
      where: { keyId: call.keyId, path: call.path, key: call.key, status: null },
    });
    throw error;
  }
}

/** One statement decides who runs: of two callers at once exactly one gets a row back. */
async function claim({ keyId, path, key }: IdempotentCall, bodyHash: string): Promise<boolean> {
  const rows = await db().$queryRaw<unknown[]>`
    INSERT INTO admin_idempotency AS stored (key_id, path, key, body_hash)
    VALUES (${keyId}, ${path}, ${key}, ${bodyHash})
    ON CONFLICT (key_id, path, key) DO UPDATE
      SET body_hash = excluded.body_hash, status = NULL, response = NULL, created_at = clock_timestamp()
      WHERE stored.created_at < clock_timestamp() - interval '24 hours'
        OR (stored.status IS NULL AND stored.body_hash = excluded.body_hash
            AND stored.created_at < clock_timestamp() - interval '1 minute')
    RETURNING 1`;
  return rows.length > 0;
}

function seal(call: IdempotentCall, body: unknown): { sealed: string } {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", sealingKey(call), nonce);
  const text = Buffer.concat([cipher.update(JSON.stringify(body)), cipher.final()]);
  return { sealed: Buffer.concat([nonce, cipher.getAuthTag(), text]).toString("base64url") };
}

function unseal(call: IdempotentCall, stored: unknown): unknown {
  const bytes = Buffer.from((stored as { sealed: string }).sealed, "base64url");
  const decipher = createDecipheriv("aes-256-gcm", sealingKey(call), bytes.subarray(0, 12));
  decipher.setAuthTag(bytes.subarray(12, 28));
  return JSON.parse(Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString("utf8"));
}

function sealingKey({ secret, path, key }: IdempotentCall): Buffer {
  return Buffer.from(hkdfSync("sha256", secret, key, `admin_idempotency|${path}`, 32));
}
