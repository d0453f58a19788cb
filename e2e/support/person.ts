import { readFileSync } from "node:fs";
import { join } from "node:path";
import { hashPassword } from "@/lib/auth/password";
import { newId } from "@/lib/ids";
import { createPool } from "@/lib/pg";

export const PASSWORD = "correct horse battery staple";

type Hub = { dataDir: string };
export type Person = { userId: string; email: string; slugs: string[] };

/** Runs statements as the database's owner. */
export async function withSql<Result>(
  { dataDir }: Hub,
  use: (query: (text: string, ...values: unknown[]) => Promise<Record<string, unknown>[]>) => Promise<Result>,
): Promise<Result> {
  const pool = createPool(readFileSync(join(dataDir, "postgres.url"), "utf8").trim(), {
    max: 1,
    applicationName: "test",
  });
  try {
    return await use(async (text, ...values) => (await pool.query<Record<string, unknown>>(text, values)).rows);
  } finally {
    await pool.end();
  }
}

/** Somebody who signed up a while ago, with a password and as many organisations of their own. */
export async function makePerson(hub: Hub, { name = "Ana", orgs = 1 } = {}): Promise<Person> {
  const userId = newId("usr");
  const email = `${userId}@example.com`;
  const passwordHash = await hashPassword(PASSWORD);
  return withSql(hub, async (query) => {
    const user = 'INSERT INTO "user" (id, email, name, password_hash, email_verified) VALUES ($1, $2, $3, $4, now())';
    await query(user, userId, email, name, passwordHash);
    const slugs: string[] = [];
    for (let n = 0; n < orgs; n++) {
      const orgId = newId("org");
      const slug = `acme-${orgId.slice(-8)}`;
      await query("INSERT INTO org (id, slug, name) VALUES ($1, $2, $3)", orgId, slug, `Acme ${n + 1}`);
      await query("SELECT create_wallet($1, 0)", orgId);
      await query(
        "INSERT INTO member (id, org_id, user_id, role) VALUES ($1, $2, $3, 'owner')",
        newId("mem"),
        orgId,
        userId,
      );
      slugs.push(slug);
    }
    return { userId, email, slugs };
  });
}
