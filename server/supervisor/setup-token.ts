import { createHash, randomBytes } from "node:crypto";
import pg from "pg";

const LIFE_DAYS = 30;

/** A one-time token for /setup while the hub has no owner, so that no stranger can claim it: shown here once, kept as a
 *  hash. Undefined once there is an owner. */
export async function offerSetup(databaseUrl: string): Promise<string | undefined> {
  const client = new pg.Client({ connectionString: databaseUrl, application_name: "hub-start" });
  await client.connect();
  try {
    const { rowCount } = await client.query("SELECT FROM staff WHERE role = 'owner' LIMIT 1");
    if (rowCount) return undefined;
    const token = randomBytes(24).toString("base64url");
    await client.query(
      "INSERT INTO verification_token (identifier, token, expires) VALUES ('setup', $1, clock_timestamp() + make_interval(days => $2))",
      [createHash("sha256").update(token).digest("hex"), LIFE_DAYS],
    );
    return token;
  } finally {
    await client.end();
  }
}
