import { hashed, idOf } from "@/lib/connect/session-id";
import { db } from "@/lib/db";

/** Whether a person can still decide about it. */
export async function isConnectPending(token: string): Promise<boolean> {
  const id = idOf(token);
  if (!id) return false;
  const where = { idHash: hashed(id), state: "pending", expiresAt: { gt: new Date() } };
  return (await db().connectSession.count({ where })) > 0;
}
