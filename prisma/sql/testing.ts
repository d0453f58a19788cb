import type pg from "pg";
import { newId } from "@/lib/ids";
import type { Sql } from "@/lib/pg";

/** An organisation with one app, one key and a wallet, for tests of the money functions. Amounts are nano-USD. */
export type TestOrg = { org: string; app: string; key: string };

export async function createOrg(
  sql: Sql,
  { credit = 0, floor = 0 }: { credit?: number; floor?: number | null } = {},
): Promise<TestOrg> {
  const org = newId("org");
  const app = newId("app");
  await sql.query("INSERT INTO org (id, slug, name) VALUES ($1, $1, $1)", [org]);
  await sql.query("INSERT INTO app (id, org_id, name) VALUES ($1, $2, 'app')", [app, org]);
  const key = await createKey(sql, { org, app });
  await sql.query("SELECT create_wallet($1, $2)", [org, floor]);
  if (credit > 0) await grant(sql, org, { amount: credit });
  return { org, app, key };
}

export async function createKey(sql: Sql, { org, app }: { org: string; app: string }): Promise<string> {
  const key = newId("key");
  await sql.query(
    "INSERT INTO api_key (id, org_id, app_id, name, prefix, last4, hash, created_by) VALUES ($1, $2, $3, 'key', 'aigne_sk_', 'abcd', $1, 'test')",
    [key, org, app],
  );
  return key;
}

type Grant = {
  amount: number;
  source?: "paid" | "comp" | "promo";
  id?: string;
  expiresInMs?: number;
  restricted?: boolean;
};

export async function grant(
  sql: Sql,
  org: string,
  { amount, source = "comp", id = newId("lot"), expiresInMs, restricted = false }: Grant,
) {
  const result = await sql.query<{ applied: boolean; posted: string; held: string }>(
    "SELECT * FROM grant_credit($1, $2, $3, $4, 'test', 'test', clock_timestamp() + $5 * interval '1 millisecond', $6)",
    [org, amount, source, id, expiresInMs ?? null, restricted],
  );
  return result.rows[0] as { applied: boolean; posted: string; held: string };
}

export type Hold = {
  id?: string;
  amount?: number;
  min_amount?: number;
  input_hash?: string;
  tokens_estimate?: number;
  restricted_ok?: boolean;
  price_version?: number | null;
  key?: string;
  member?: string | null;
  model?: string;
};

export type Answer = {
  ord: number;
  granted: boolean;
  amount: string | null;
  refused_by: string | null;
  scope: string | null;
  limit_value: string | null;
  used_value: string | null;
  reset_at: Date | null;
  retry_after_ms: number | null;
  available: string | null;
  skipped: boolean;
  period: string | null;
};

export function holdItem({ org, app, key }: TestOrg, hold: Hold = {}) {
  const amount = hold.amount ?? 1_000;
  return {
    org,
    app,
    key,
    id: newId("req"),
    member: null,
    model: "test/model",
    ctx: { endpoint: "chat.completions", dialect: "openai-chat", stream: true, client: "a-program" },
    input_hash: "hash",
    min_amount: amount,
    unit_rate: 1,
    price_version: 1,
    tokens_estimate: 10,
    restricted_ok: true,
    ...hold,
    amount,
  };
}

export type Place = { node?: string; epoch?: number; ttl?: string };

export async function authorize(
  sql: Sql,
  items: readonly ReturnType<typeof holdItem>[],
  { node = "node", epoch = 1, ttl = "120 s" }: Place = {},
) {
  return (
    await sql.query<Answer>("SELECT * FROM authorize_batch($1, $2, $3, $4)", [JSON.stringify(items), node, epoch, ttl])
  ).rows;
}

export function settleItem(item: { org: string; id: string }, settle: Record<string, unknown> = {}) {
  return {
    org: item.org,
    id: item.id,
    outcome: "ok",
    http_status: 200,
    price: 1_000,
    cost: 700,
    waste: 0,
    usage: { input: 100, output: 20 },
    usage_source: "reported",
    provider: "sandbox",
    upstream_model: "chat",
    credential: null,
    route: "relay",
    upstream_id: `up_${item.id}`,
    finish_reason: "stop",
    latency_ms: 120,
    first_token_ms: 20,
    client_retry: 0,
    attempts: [
      {
        offer: "off_1",
        provider: "sandbox",
        upstream_model: "chat",
        outcome: "ok",
        http_status: 200,
        usage: { input: 100, output: 20 },
        cost: 700,
        cost_version: 2,
        first_token_ms: 20,
        latency_ms: 120,
      },
    ],
    ...settle,
  };
}

export type Settled = { ord: number; id: string; applied: boolean; prior_state: string | null; skipped: boolean };

export async function settle(
  sql: Sql,
  items: readonly ReturnType<typeof settleItem>[],
  { node = "node", epoch = 1 }: Place = {},
) {
  return (await sql.query<Settled>("SELECT * FROM settle_batch($1, $2, $3)", [JSON.stringify(items), node, epoch]))
    .rows;
}

export async function checkpoint(sql: Sql, items: Record<string, unknown>[], { node = "node", epoch = 1 }: Place = {}) {
  return (
    await sql.query<{
      ord: number;
      state: string;
      amount: string;
      refused_by: string | null;
      available: string | null;
      skipped: boolean;
    }>("SELECT * FROM checkpoint_batch($1, $2, $3)", [JSON.stringify(items), node, epoch])
  ).rows;
}

/** Holds and settles one call at `price`; returns the request id. */
export async function spend(
  sql: Sql,
  org: TestOrg,
  price: number,
  { amount = price, ...hold }: Hold = {},
): Promise<string> {
  const item = holdItem(org, { amount, ...hold });
  const [answer] = await authorize(sql, [item]);
  if (!answer?.granted) throw new Error(`refused: ${answer?.refused_by}`);
  await settle(sql, [settleItem(item, { price })]);
  return item.id;
}

export type WalletRow = {
  posted: number;
  held: number;
  restricted: number;
  status: string;
  freeze_reason: string | null;
};

export async function wallet(sql: Sql, org: string): Promise<WalletRow> {
  const { rows } = await sql.query(
    "SELECT posted, held, restricted, status, freeze_reason FROM wallet WHERE org_id = $1",
    [org],
  );
  const row = rows[0];
  return { ...row, posted: Number(row.posted), held: Number(row.held), restricted: Number(row.restricted) };
}

/** Runs `work` on `connections` connections at once. */
export async function inParallel<T>(
  pool: pg.Pool,
  connections: number,
  work: (client: pg.PoolClient, index: number) => Promise<T>,
): Promise<T[]> {
  const clients = await Promise.all(Array.from({ length: connections }, () => pool.connect()));
  try {
    return await Promise.all(clients.map(work));
  } finally {
    for (const client of clients) client.release();
  }
}
