import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from "node:crypto";
import { db } from "@/lib/db";
import { AppError } from "@/lib/errors";
import type { RequestOrigin } from "@/lib/orgs/scope";
import type { Prisma } from "@/prisma/generated/client";

export type Answer = { status: number; body: unknown };
/** `secret` is the caller's management key: it seals the stored answer, which may hold a key that is shown once. */
export type IdempotentCall = { keyId: string; secret: string; path: string; key: string; method: string; body: string };

const MAX_KEY_CHARACTERS = 255;

/** Runs a write at most once per management key, path and Idempotency-Key within 24 h, and repeats its answer after that.
 *  `run` is given what keeps the answer in the write's own transaction (`change` of lib/db.ts), so that no crash comes between
 *  the two. A failure is not kept: it changed nothing, so it may be tried again. A caller that vanished blocks its key for a
 *  minute. Throws idempotency_mismatch for another body, idempotency_in_flight while the first call runs. */
export async function once(
  call: IdempotentCall,
  run: (remember: NonNullable<RequestOrigin["remember"]>) => Promise<unknown>,
  answerOf: (result: unknown) => Answer,
): Promise<Answer & { replayed: boolean }> {
  if (!call.key || call.key.length > MAX_KEY_CHARACTERS) {
    throw new AppError("invalid_request", "Idempotency-Key must have 1 to 255 characters.", {
      param: "Idempotency-Key",
    });
  }
  const bodyHash = createHash("sha256").update(`${call.method}\n${call.body}`).digest("hex");
  const claimedAt = await claim(call, bodyHash);
  if (!claimedAt) return replay(call, bodyHash);
  let isKept = false;
  const keep = async (tx: Pick<Prisma.TransactionClient, "adminIdempotency">, { status, body }: Answer) => {
    const { count } = await tx.adminIdempotency.updateMany({
      where: { ...identityOf(call), createdAt: claimedAt, status: null },
      data: { status, response: seal(call, body) },
    });
    // slower than a minute, and somebody else runs it by now: ours must not happen too
    if (count === 0) throw inFlight();
    isKept = true;
  };
  try {
    const answer = answerOf(await run((tx, result) => keep(tx, answerOf(result))));
    if (!isKept) await keep(db(), answer);
    return { ...answer, replayed: false };
  } catch (error) {
    await db().adminIdempotency.deleteMany({ where: { ...identityOf(call), createdAt: claimedAt, status: null } });
    throw error;
  }
}

async function replay(call: IdempotentCall, bodyHash: string): Promise<Answer & { replayed: true }> {
  const stored = await db().adminIdempotency.findUnique({ where: { keyId_path_key: identityOf(call) } });
  if (stored && stored.bodyHash !== bodyHash) {
    throw new AppError("idempotency_mismatch", "This Idempotency-Key was used with another method or body.", {
      param: "Idempotency-Key",
    });
  }
  if (!stored || stored.status === null) throw inFlight();
  return { status: stored.status, body: unseal(call, stored.response), replayed: true };
}

function inFlight(): AppError {
  return new AppError("idempotency_in_flight", "The first call with this Idempotency-Key is still running.", {
    retryAfterMs: 1000,
  });
}

function identityOf({ keyId, path, key }: IdempotentCall) {
  return { keyId, path, key };
}

/** One statement decides who runs: of two callers at once exactly one gets the time of its claim, the other null. */
async function claim({ keyId, path, key }: IdempotentCall, bodyHash: string): Promise<Date | null> {
  const rows = await db().$queryRaw<{ created_at: Date }[]>`
    INSERT INTO admin_idempotency AS stored (key_id, path, key, body_hash)
    VALUES (${keyId}, ${path}, ${key}, ${bodyHash})
    ON CONFLICT (key_id, path, key) DO UPDATE
      SET body_hash = excluded.body_hash, status = NULL, response = NULL, created_at = clock_timestamp()
      WHERE stored.created_at < clock_timestamp() - interval '24 hours'
        OR (stored.status IS NULL AND stored.body_hash = excluded.body_hash
            AND stored.created_at < clock_timestamp() - interval '1 minute')
    RETURNING created_at`;
  return rows[0]?.created_at ?? null;
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
