import { randomBytes } from "node:crypto";
import { recordAudit } from "@/lib/audit/mutations";
import { challengeOf, encryptForClient } from "@/lib/connect/client-secret";
import type { AllowInput, DenyInput } from "@/lib/connect/schema";
import { hashed, idOf } from "@/lib/connect/session-id";
import { db } from "@/lib/db";
import { AppError } from "@/lib/errors";
import { insertKey, requireKeys } from "@/lib/keys/mutations";
import type { Scope } from "@/lib/orgs/scope";

/** How long the person may take. */
const PENDING_MS = 10 * 60_000;
/** How long the key may be fetched once it is made: the program asks every 1.5 s, and once more before it ends the session. */
const DELIVERY_MS = 60_000;
const ID_BYTES = 32;

/** A program asks for access. Whoever has the id is the program or the browser it opened. */
export async function openConnectSession(): Promise<{ id: string }> {
  const id = randomBytes(ID_BYTES).toString("base64url");
  await db().connectSession.create({ data: { idHash: hashed(id), expiresAt: new Date(Date.now() + PENDING_MS) } });
  return { id };
}

export type ConnectAnswer = { accessKeyId: string; accessKeySecret: string; challenge: string };

/** Null while the person has not decided. Throws not_found for what is unknown, over or ended, forbidden where it was denied. */
export async function readConnectSession(id: string): Promise<ConnectAnswer | null> {
  const row = await db().connectSession.findFirst({ where: { idHash: hashed(id), expiresAt: { gt: new Date() } } });
  if (!row) throw new AppError("not_found", "This session is unknown, has expired or was ended. Connect again.");
  if (row.state === "denied") throw new AppError("forbidden", "The request was denied in the browser.");
  if (!row.keyId || !row.secret) return null;
  return { accessKeyId: row.keyId, accessKeySecret: row.secret, challenge: challengeOf(id) };
}

/** The program has its key. Idempotent. */
export async function endConnectSession(id: string): Promise<void> {
  await db().connectSession.deleteMany({ where: { idHash: hashed(id) } });
}

/** Makes an ordinary key of the organisation and hands it to the waiting program, once. Throws forbidden, or not_found where the
 *  session is over or decided. */
export async function allowConnect(scope: Scope, { token, key }: AllowInput): Promise<{ name: string }> {
  requireKeys(scope);
  const id = idOf(token) ?? "";
  return db().$transaction(async (tx) => {
    // locked, so that of two clicks one makes a key
    const [open] = await tx.$queryRaw<{ ok: boolean }[]>`
      SELECT true AS ok FROM connect_session
      WHERE id_hash = ${hashed(id)} AND state = 'pending' AND expires_at > clock_timestamp() FOR UPDATE`;
    if (!open) throw over();
    const created = await insertKey(tx, scope, scope.orgId, key);
    await tx.connectSession.update({
      where: { idHash: hashed(id) },
      data: {
        state: "allowed",
        keyId: created.id,
        secret: encryptForClient(created.key, created.id, challengeOf(id)),
        expiresAt: new Date(Date.now() + DELIVERY_MS),
      },
    });
    return { name: created.name };
  });
}

/** The program learns it with its next look. Throws not_found where the session is over or decided. */
export async function denyConnect(scope: Scope, { token }: DenyInput): Promise<{ denied: true }> {
  const id = idOf(token) ?? "";
  return db().$transaction(async (tx) => {
    const { count } = await tx.connectSession.updateMany({
      where: { idHash: hashed(id), state: "pending", expiresAt: { gt: new Date() } },
      data: { state: "denied" },
    });
    if (count === 0) throw over();
    await recordAudit(tx, scope, { action: "connect.deny", target: "connect_session", orgId: scope.orgId });
    return { denied: true };
  });
}

function over(): AppError {
  return new AppError("not_found", "This request has expired or was decided already. Start it again in your program.");
}
