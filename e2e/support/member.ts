import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { BrowserContext } from "@playwright/test";
import { encode } from "next-auth/jwt";
import type { HubUnderTest } from "@/e2e/support/setup";
import { newId } from "@/lib/ids";
import type { OrgRole } from "@/lib/orgs/permissions";
import { createPool } from "@/lib/pg";

export type SignedInMember = { orgId: string; slug: string; memberId: string };

/** A new organisation with a member whose session the browser holds: for journeys that begin behind the door. */
export async function signInMember(
  context: BrowserContext,
  hub: Pick<HubUnderTest, "url" | "dataDir">,
  { role = "owner", creditUsd = 5 }: { role?: OrgRole; creditUsd?: number } = {},
): Promise<SignedInMember> {
  const [orgId, userId, memberId] = [newId("org"), newId("usr"), newId("mem")];
  const slug = `acme-${orgId.slice(-8)}`;
  const sid = randomBytes(32).toString("base64url");
  const sql = createPool(readFileSync(join(hub.dataDir, "postgres.url"), "utf8").trim(), {
    max: 1,
    applicationName: "test",
  });
  const insert = (text: string, ...values: unknown[]) => sql.query(text, values);
  await insert("INSERT INTO org (id, slug, name) VALUES ($1, $2, 'Acme')", orgId, slug);
  await insert("SELECT create_wallet($1, 0)", orgId);
  if (creditUsd > 0) {
    const grant = "SELECT grant_credit($1, $2, 'comp', $3, 'test', 'test', NULL, false)";
    await insert(grant, orgId, String(creditUsd * 1_000_000_000), newId("cr"));
  }
  const user = 'INSERT INTO "user" (id, email, name, email_verified) VALUES ($1, $2, $3, clock_timestamp())';
  await insert(user, userId, `${userId}@example.com`, "Ada");
  await insert("INSERT INTO member (id, org_id, user_id, role) VALUES ($1, $2, $3, $4)", memberId, orgId, userId, role);
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
  return { orgId, slug, memberId };
}
