import { db } from "@/lib/db";
import { env } from "@/lib/env";
import { AppError } from "@/lib/errors";
import { hashKey, isWellFormedKey, keyKind } from "@/lib/keys/secret";
import { MANAGEMENT_KEY_PERMISSIONS, type PlatformPermission } from "@/lib/orgs/permissions";

export type ManagementCaller = { keyId: string; permissions: ReadonlySet<PlatformPermission> };

/** The instance-wide management key behind a secret. Reads the database on every call: a revocation binds at once.
 *  Throws invalid_api_key, saying why. */
export async function authenticateManagementKey(secret: string | null): Promise<ManagementCaller> {
  if (!secret) throw refused("Send a management key: Authorization: Bearer aigne_mk_…");
  const kind = keyKind(secret);
  if (kind !== null && kind !== "mk")
    throw refused("This is not a management key. The admin API needs one that begins with aigne_mk_.");
  if (!isWellFormedKey(secret)) throw refused("This is not a management key.");
  const { keyPepper, keyPepperPrevious } = env();
  const hashes = [keyPepper, keyPepperPrevious].flatMap((pepper) => (pepper ? [hashKey(pepper, secret)] : []));
  const row = await db().managementKey.findFirst({ where: { hash: { in: hashes } } });
  if (!row) throw refused("This management key does not exist.");
  if (row.status !== "active") throw refused("This management key is revoked.");
  if (row.expiresAt && row.expiresAt.getTime() <= Date.now()) throw refused("This management key has expired.");
  if (row.orgId)
    throw new AppError(
      "forbidden",
      "This management key belongs to one organisation; the admin API needs an instance-wide one.",
    );
  return {
    keyId: row.id,
    permissions: new Set(MANAGEMENT_KEY_PERMISSIONS.filter((name) => row.scopes.includes(name))),
  };
}

function refused(message: string): AppError {
  return new AppError("invalid_api_key", message);
}
