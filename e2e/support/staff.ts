import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { BrowserContext } from "@playwright/test";
import { encode } from "next-auth/jwt";
import type { HubUnderTest } from "@/e2e/support/setup";
import { newId } from "@/lib/ids";
import type { StaffRole } from "@/lib/orgs/permissions";
import { createPool } from "@/lib/pg";

/** A person of the operator whose session the browser holds; `role: null` is a customer without any organisation. */
export async function signInStaff(
  context: BrowserContext,
  hub: Pick<HubUnderTest, "url" | "dataDir">,
  role: StaffRole | null = "admin",
): Promise<{ userId: string }> {
  const userId = newId("usr");
  const sid = randomBytes(32).toString("base64url");
  const url = readFileSync(join(hub.dataDir, "postgres.url"), "utf8").trim();
  const sql = createPool(url, { max: 1, applicationName: "test" });
  const insert = (text: string, ...values: unknown[]) => sql.query(text, values);
  const user = 'INSERT INTO "user" (id, email, name, email_verified) VALUES ($1, $2, $3, clock_timestamp())';
  await insert(user, userId, `${userId}@example.com`, "Operator");
  if (role) await insert("INSERT INTO staff (user_id, role) VALUES ($1, $2)", userId, role);
  await insert(
    `INSERT INTO auth_session (id, sid_hash, user_id, level, expires_at)
     VALUES ($1, $2, $3, 'full', clock_timestamp() + interval '1 hour')`,
    newId("ses"),
    createHash("sha256").update(sid).digest("hex"),
    userId,
  );
  await sql.end();
  const name = "hub-session";
  const secret = readFileSync(join(hub.dataDir, "secrets/AUTH_SECRET"), "utf8").trim();
  const value = await encode({ token: { sid }, secret, salt: name });
  await context.addCookies([{ name, value, url: hub.url, httpOnly: true, sameSite: "Lax" }]);
  return { userId };
}
