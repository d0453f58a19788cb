import type pg from "pg";
import { makeKey, makeOrg } from "@/e2e/support/fixtures";

/** What all runs share: committed once, before the first. */
export type Ground = {
  client: pg.Client;
  pepper: string;
  tenants: { org: string; keyId: string; key: string }[];
  models: string[];
};

/** Commits what all runs start from. */
export async function prepareGround(pool: pg.Pool, client: pg.Client): Promise<Ground> {
  const pepper = "simulated-pepper-0123456789abcdef";
  const sqlNow = "SELECT coalesce(nullif(current_setting('hub.now', true), '')::timestamptz, clock_timestamp())";
  await pool.query(`CREATE OR REPLACE FUNCTION hub_now() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$ ${sqlNow} $$`);
  const tenants: Ground["tenants"] = [];
  for (let n = 0; n < 2; n++) {
    const org = await makeOrg(pool, { creditUsd: "0" });
    const { id, key } = await makeKey(pool, { keyPepper: pepper, secretsPublicKey: "" }, org);
    tenants.push({ org: org.id, keyId: id, key });
  }
  tenants.sort((a, b) => a.org.localeCompare(b.org));
  // fixed ids: routes are chosen by their hashes
  const price = (subject: string, id: string, output: string) =>
    pool.query(
      "insert into price_version (subject, subject_id, rates, content_hash, source, created_by) values ($1, $2, $3, $4, 'api', 'test')",
      [subject, id, JSON.stringify({ input: "1000000000", output }), `ground-${id}`],
    );
  await pool.query(
    "insert into provider (id, slug, kind, display_name, base_url) values ('prov_sim', 'sim', 'openai', 'sim', 'http://sim.test/v1')",
  );
  await pool.query(
    "insert into credential (id, provider_id, name, sealed, sealed_origin, last4, fingerprint) values ('cred_sim', 'prov_sim', 'one', 'sealed', 'http://sim.test', 'abcd', 'sim')",
  );
  const models = ["sim/one", "sim/two"];
  for (const [index, model] of models.entries()) {
    await pool.query(
      "insert into model (id, type, context_window, max_output_tokens) values ($1, 'chat', 32000, 4096)",
      [model],
    );
    await price("model", model, "4000000000");
    for (let priority = 0; priority < 2; priority++) {
      const offer = `offer_${index}${priority}`;
      await pool.query(
        "insert into offer (id, model_id, provider_id, upstream_model, priority, weight) values ($1, $2, 'prov_sim', $3, $4, 100)",
        [offer, model, `m${index}${priority}`, priority],
      );
      await price("offer", offer, "2000000000");
    }
  }
  await pool.query("SELECT set_limits($1, 'key', $2, $3)", [
    tenants[0]?.org,
    tenants[0]?.keyId,
    JSON.stringify({ total: "60000000", maxConcurrency: 6 }),
  ]);
  return { client, pepper, tenants, models };
}
