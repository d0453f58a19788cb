import type pg from "pg";
import { makeKey, makeOrg } from "@/e2e/support/fixtures";

export type Budgets = { cap?: bigint; total?: bigint };

/** What all runs share: committed once, before the first. */
export type Ground = {
  client: pg.Client;
  pepper: string;
  /** budgets: of the key, in nano-USD. starter: begins with starter credit alone. */
  tenants: { org: string; keyId: string; key: string; budgets: Budgets; starter: boolean }[];
  models: string[];
};

/** Commits what all runs start from. */
export async function prepareGround(pool: pg.Pool, client: pg.Client): Promise<Ground> {
  const pepper = "simulated-pepper-0123456789abcdef";
  const sqlNow = "SELECT coalesce(nullif(current_setting('hub.now', true), '')::timestamptz, clock_timestamp())";
  await pool.query(`CREATE OR REPLACE FUNCTION hub_now() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$ ${sqlNow} $$`);
  const tenants: Ground["tenants"] = [];
  const kinds = [
    // the cap is spent before the credit is
    { budgets: { cap: 30_000_000n, total: 60_000_000n }, starter: false },
    { budgets: {}, starter: false },
    { budgets: { cap: 50_000_000n }, starter: true },
  ];
  for (const kind of kinds) {
    const org = await makeOrg(pool, { creditUsd: "0" });
    const { id, key } = await makeKey(pool, { keyPepper: pepper, secretsPublicKey: "" }, org);
    tenants.push({ org: org.id, keyId: id, key, ...kind });
  }
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
  for (const { org, keyId, budgets, starter } of tenants) {
    const limits = { ...budgets, ...(!starter && budgets.total && { maxConcurrency: 6 }) };
    await pool.query("SELECT set_limits($1, 'key', $2, $3)", [
      ...[org, keyId, JSON.stringify(limits, (_, value) => (typeof value === "bigint" ? String(value) : value))],
    ]);
  }
  return { client, pepper, tenants, models };
}
