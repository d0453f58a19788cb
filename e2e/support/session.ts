import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { BrowserContext } from "@playwright/test";
import { encode } from "next-auth/jwt";
import type { HubUnderTest } from "@/e2e/support/setup";
import { newId } from "@/lib/ids";
import { createPool } from "@/lib/pg";

export type Cookies = Parameters<BrowserContext["addCookies"]>[0];
/** A browser's context, or whatever else keeps cookies. */
export type CookieJar = Pick<BrowserContext, "addCookies">;
type Hub = Pick<HubUnderTest, "url" | "dataDir">;
type Insert = (text: string, ...values: unknown[]) => Promise<unknown>;

/** A new person whose session the browser holds. `prepare` inserts, as the database's owner, what belongs to them. */
export async function signInPerson(
  context: CookieJar,
  hub: Hub,
  { name, prepare }: { name: string; prepare: (insert: Insert, userId: string) => Promise<unknown> },
): Promise<{ userId: string }> {
  const userId = newId("usr");
  const sid = randomBytes(32).toString("base64url");
  const url = readFileSync(join(hub.dataDir, "postgres.url"), "utf8").trim();
  const sql = createPool(url, { max: 1, applicationName: "test" });
  const insert: Insert = (text, ...values) => sql.query(text, values);
  const user = 'INSERT INTO "user" (id, email, name, email_verified) VALUES ($1, $2, $3, clock_timestamp())';
  await insert(user, userId, `${userId}@example.com`, name);
  await prepare(insert, userId);
  await insert(
    `INSERT INTO auth_session (id, sid_hash, user_id, level, expires_at)
     VALUES ($1, $2, $3, 'full', clock_timestamp() + interval '1 hour')`,
    newId("ses"),
    createHash("sha256").update(sid).digest("hex"),
    userId,
  );
  await sql.end();
  await context.addCookies([await sessionCookie(hub, sid)]);
  return { userId };
}

/** The cookie of a session's secret, as the hub seals it. */
export async function sessionCookie({ url, dataDir }: Hub, sid: string) {
  const name = "hub-session";
  const secret = readFileSync(join(dataDir, "secrets/AUTH_SECRET"), "utf8").trim();
  const value = await encode({ token: { sid }, secret, salt: name });
  return { name, value, url, httpOnly: true, sameSite: "Lax" } as const;
}
