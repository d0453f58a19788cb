import { createHash, randomBytes } from "node:crypto";
import { newId } from "@/lib/ids";
import { keyDisplay } from "@/lib/keys/secret";
import type { OrgRole } from "@/lib/orgs/permissions";
import type { Sql } from "@/lib/pg";

export const ROLES: readonly OrgRole[] = ["owner", "admin", "developer", "billing", "viewer"];

export type Person = { userId: string; memberId: string; sessionId: string; sid: string; email: string };

/** An organisation that has one of everything. Every name in it holds `mark`, which nobody else's page may show. */
export type Tenant = {
  mark: string;
  orgId: string;
  slug: string;
  people: Record<OrgRole, Person>;
  appId: string;
  keyId: string;
  invitationId: string;
  topupId: string;
  /** A settled call of the key. */
  requestId: string;
  /** A refused call of the key. */
  refusalId: string;
};

/** Written as the database's owner: what a year of use would have left behind. The usage row is not in the ledger. */
export async function makeTenant(sql: Sql, { floor = 0 }: { floor?: number | null } = {}): Promise<Tenant> {
  const mark = `mark${randomBytes(6).toString("hex")}`;
  const [orgId, appId, keyId] = [newId("org"), newId("app"), newId("key")];
  const [invitationId, requestId, refusalId] = [newId("inv"), newId("req"), newId("req")];
  const topupId = `top_${randomBytes(13).toString("hex")}`;
  const insert = (text: string, ...values: unknown[]) => sql.query(text, values);
  await insert("INSERT INTO org (id, slug, name) VALUES ($1, $2, $3)", orgId, `org-${mark}`, `Org ${mark}`);
  await insert("SELECT create_wallet($1, $2)", orgId, floor);
  await insert(
    "SELECT grant_credit($1, 5000000000, 'comp', $2, 'test', $3, NULL, false)",
    orgId,
    newId("credit"),
    `Credit ${mark}`,
  );
  await insert("INSERT INTO app (id, org_id, name) VALUES ($1, $2, $3)", appId, orgId, `App ${mark}`);
  const people = await makePeople(sql, orgId, mark);
  await insertKey(sql, { keyId, orgId, appId, createdBy: people.owner.userId, name: `Key ${mark}` });
  await insert(
    `INSERT INTO invitation (id, org_id, email, role, token_hash, invited_by, expires_at)
     VALUES ($1, $2, $3, 'viewer', $4, $5, clock_timestamp() + interval '1 day')`,
    invitationId,
    orgId,
    `invited-${mark}@example.com`,
    randomBytes(32).toString("hex"),
    people.owner.userId,
  );
  await insert(
    `INSERT INTO topup (id, org_id, actor_id, credit_nano, currency, amount_minor, livemode, stripe_customer)
     VALUES ($1, $2, $3, 25000000000, 'usd', 2500, false, $4)`,
    topupId,
    orgId,
    people.owner.userId,
    `cus_${mark}`,
  );
  await insert(
    `INSERT INTO usage_event (id, at, org_id, started_at, app_id, key_id, member_id, model_id, endpoint, dialect, stream,
       outcome, http_status, input_tokens, output_tokens, usage_source, price_nano, node)
     VALUES ($1, clock_timestamp(), $2, clock_timestamp(), $3, $4, $5, $6, 'chat', 'openai-chat', true, 'ok', 200, 7, 11,
       'reported', 1500, 'test')`,
    requestId,
    orgId,
    appId,
    keyId,
    people.owner.memberId,
    `model/${mark}`,
  );
  await insert(
    `INSERT INTO refusal (id, org_id, key_id, app_id, model_id, endpoint, dialect, stream, http_status, rule)
     VALUES ($1, $2, $3, $4, $5, 'chat', 'openai-chat', true, 402, 'insufficient_credits')`,
    refusalId,
    orgId,
    keyId,
    appId,
    `model/${mark}`,
  );
  return { mark, orgId, slug: `org-${mark}`, people, appId, keyId, invitationId, topupId, requestId, refusalId };
}

async function makePeople(sql: Sql, orgId: string, mark: string): Promise<Tenant["people"]> {
  const people: [OrgRole, Person][] = [];
  for (const role of ROLES) people.push([role, await makePerson(sql, { orgId, role, mark })]);
  // safe because there is one for each of ROLES
  return Object.fromEntries(people) as Tenant["people"];
}

/** A verified person with a session, and a membership where `orgId` is given. */
export async function makePerson(
  sql: Sql,
  {
    orgId,
    role = "viewer",
    mark = "",
    verified = true,
  }: { orgId?: string; role?: OrgRole; mark?: string; verified?: boolean } = {},
): Promise<Person> {
  const [userId, memberId, sessionId] = [newId("usr"), newId("mem"), newId("ses")];
  const email = `${role}-${userId}-${mark}@example.com`;
  const sid = randomBytes(32).toString("base64url");
  await sql.query('INSERT INTO "user" (id, email, name, email_verified) VALUES ($1, $2, $3, $4)', [
    userId,
    email,
    `${role} ${mark}`,
    verified ? new Date() : null,
  ]);
  if (orgId)
    await sql.query("INSERT INTO member (id, org_id, user_id, role) VALUES ($1, $2, $3, $4)", [
      memberId,
      orgId,
      userId,
      role,
    ]);
  await sql.query(
    // seen ahead of time: otherwise each minute of use would change the row
    `INSERT INTO auth_session (id, sid_hash, user_id, level, last_seen_at, expires_at)
     VALUES ($1, $2, $3, 'full', clock_timestamp() + interval '1 hour', clock_timestamp() + interval '1 day')`,
    [sessionId, createHash("sha256").update(sid).digest("hex"), userId],
  );
  return { userId, memberId, sessionId, sid, email };
}

/** An app key nobody can present: its hash is of nothing. */
export async function insertKey(
  sql: Sql,
  {
    keyId = newId("key"),
    orgId,
    appId,
    createdBy,
    name = "key",
  }: { keyId?: string; orgId: string; appId: string; createdBy: string; name?: string },
): Promise<string> {
  const { prefix, last4 } = keyDisplay("aigne_sk_00000000");
  await sql.query(
    `INSERT INTO api_key (id, org_id, app_id, name, prefix, last4, hash, created_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [keyId, orgId, appId, name, prefix, last4, randomBytes(32).toString("hex"), createdBy],
  );
  return keyId;
}

/** What no refused request may change: the rows of every table and the jobs that wait, or only the rows of one
 *  organisation, where a hub runs beside. Guesses are counted, so the counters of limits are left out, and so
 *  is when a session was last seen. */
export async function fingerprint(
  sql: Sql,
  orgId?: string,
  without: readonly string[] = [],
): Promise<Record<string, string>> {
  const { rows: tables } = await sql.query<{ name: string; column: string | null }>(
    `SELECT format('%I.%I', t.schemaname, t.tablename) AS name, c.column_name AS column FROM pg_tables t
     LEFT JOIN information_schema.columns c ON c.table_schema = t.schemaname AND c.table_name = t.tablename
       AND c.column_name = CASE t.tablename WHEN 'org' THEN 'id' ELSE 'org_id' END
     WHERE t.schemaname = 'public' AND t.tablename <> 'rate_limit'
       OR (t.schemaname, t.tablename) = ('graphile_worker', '_private_jobs')`,
  );
  const found: [string, string][] = [];
  for (const { name, column } of tables) {
    if ((orgId && !column) || without.includes(name)) continue;
    const { rows } = await sql.query<{ print: string }>(
      `SELECT count(*) || ' ' || coalesce(md5(string_agg(line, E'\\n' ORDER BY line)), '') AS print
       FROM (SELECT (to_jsonb(t) - 'last_seen_at')::text AS line FROM ${name} t
             WHERE ${orgId ? `t.${column} = $1` : "$1::text IS NULL"}) lines`,
      [orgId ?? null],
    );
    found.push([name, rows[0]?.print ?? ""]);
  }
  return Object.fromEntries(found);
}
