import { randomBytes } from "node:crypto";
import type { Capabilities, OfferTimeouts } from "@/lib/catalog/capabilities";
import { sealingOrigin } from "@/lib/catalog/provider-kinds";
import { newId } from "@/lib/ids";
import { generateKey, hashKey, keyDisplay } from "@/lib/keys/secret";
import { parseUsd } from "@/lib/money";
import type { Sql } from "@/lib/pg";
import { fingerprint, sealSecret } from "@/lib/secrets";

/** Rows that tests and the bench need, written straight into the database as its owner: what the admin API would have written. */

export type HubSecrets = { keyPepper: string; secretsPublicKey: string };

/** USD per million units, or per unit for `perRequest`, as decimal text. */
export type PriceText = {
  input?: string;
  output?: string;
  cacheRead?: string;
  cacheWrite?: string;
  cacheWrite1h?: string;
  reasoning?: string;
  audioOutput?: string;
  /** By the call. */
  perToolCall?: Record<string, string>;
  serviceTiers?: Record<string, PriceText>;
  perRequest?: string;
  perImage?: string;
  perSecond?: string;
  perMillionCharacters?: string;
};

export type ProviderRow = { id: string; slug: string; credentialIds: string[] };

/** A provider at `baseUrl` with one sealed credential per given API key (several keys: several credentials of equal weight). */
export async function makeProvider(
  sql: Sql,
  secrets: HubSecrets,
  {
    kind,
    baseUrl,
    apiKeys = ["sk-simulated"],
    secrets: credentials = apiKeys.map((apiKey) => ({ apiKey })),
    slug = `p-${suffix()}`,
  }: {
    kind: string;
    baseUrl: string | null;
    apiKeys?: string[];
    /** For credentials that are more than a key. */
    secrets?: Record<string, string>[];
    slug?: string;
  },
): Promise<ProviderRow> {
  const id = newId("prov");
  await sql.query("insert into provider (id, slug, kind, display_name, base_url) values ($1, $2, $3, $2, $4)", [
    id,
    slug,
    kind,
    baseUrl,
  ]);
  const origin = sealingOrigin({ kind, baseUrl, region: null });
  const credentialIds: string[] = [];
  for (const secret of credentials) {
    const row = newId("cred");
    const sealed = await sealSecret(secrets.secretsPublicKey, JSON.stringify(secret), {
      table: "credential",
      row,
      org: "platform",
      column: "sealed",
      origin,
    });
    await sql.query(
      "insert into credential (id, provider_id, name, sealed, sealed_origin, last4, fingerprint) values ($1, $2, $3, $4, $5, $6, $7)",
      [
        row,
        id,
        `key-${credentialIds.length + 1}`,
        sealed,
        origin,
        (secret.apiKey ?? secret.accessKeyId ?? "").slice(-4),
        fingerprint(secrets.keyPepper, JSON.stringify(secret)),
      ],
    );
    credentialIds.push(row);
  }
  return { id, slug, credentialIds };
}

export type OfferText = {
  provider: ProviderRow;
  upstreamModel: string;
  priority?: number;
  weight?: number;
  cost?: PriceText;
  capabilities?: Capabilities;
  contextWindow?: number;
  timeouts?: OfferTimeouts;
};
export type ModelText = {
  id?: string;
  type?: string;
  offers: OfferText[];
  price?: PriceText | null;
  contextWindow?: number;
  maxOutputTokens?: number;
  aliases?: string[];
  fallbacks?: Record<string, string[]>;
  capabilities?: Capabilities;
};

/** A model (of chat, unless said otherwise) with its offers, costs and price. `price: null` leaves it unpriced. Returns the model's id. */
export async function makeModel(
  sql: Sql,
  {
    id = `test/m-${suffix()}`,
    type = "chat",
    offers,
    price = { input: "1", output: "4" },
    contextWindow = 128_000,
    maxOutputTokens = 4_096,
    aliases = [],
    fallbacks = {},
    capabilities,
  }: ModelText,
): Promise<string> {
  await sql.query(
    "insert into model (id, type, context_window, max_output_tokens, capabilities) values ($1, $2, $3, $4, $5)",
    [id, type, contextWindow, maxOutputTokens, json(capabilities)],
  );
  if (price) await insertPrice(sql, "model", id, price);
  for (const alias of aliases)
    await sql.query("insert into model_alias (alias, model_id, fallbacks) values ($1, $2, $3)", [
      ...[alias, id, fallbacks[alias] ?? []],
    ]);
  for (const { provider, upstreamModel, priority = 0, weight = 100, cost = OFFER_COST, ...own } of offers) {
    const offerId = newId("offer");
    await sql.query(
      `insert into offer (id, model_id, provider_id, upstream_model, priority, weight, capabilities, context_window, timeouts)
      values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      [
        ...[offerId, id, provider.id, upstreamModel, priority, weight],
        ...[json(own.capabilities), own.contextWindow ?? null, json(own.timeouts)],
      ],
    );
    await insertPrice(sql, "offer", offerId, cost);
  }
  return id;
}

const OFFER_COST: PriceText = { input: "0.5", output: "2" };

function json(value: object | undefined): string | null {
  return value ? JSON.stringify(value) : null;
}

export type OrgRow = { id: string; appId: string };

/** An organisation with a wallet, `creditUsd` of paid credit and one app. `floor: null` never blocks (enterprise). */
export async function makeOrg(
  sql: Sql,
  { creditUsd = "100", floor = 0 }: { creditUsd?: string; floor?: number | null } = {},
): Promise<OrgRow> {
  const id = newId("org");
  const appId = newId("app");
  await sql.query("insert into org (id, slug, name) values ($1, $2, $2)", [id, `org-${suffix()}`]);
  await sql.query("insert into app (id, org_id, name) values ($1, $2, 'test')", [appId, id]);
  await sql.query("select create_wallet($1, $2)", [id, floor]);
  if (parseUsd(creditUsd) > 0n)
    await sql.query("select grant_credit($1, $2, 'paid', $3, 'test', 'test credit', null, false)", [
      id,
      parseUsd(creditUsd).toString(),
      newId("credit"),
    ]);
  return { id, appId };
}

export type KeyRow = { id: string; key: string };
export type KeyOptions = { status?: string; expiresAt?: Date | null; allowedModels?: string[]; allowedIps?: string[] };

/** An app key of the organisation's app; only its hash is stored. */
export async function makeKey(
  sql: Sql,
  secrets: HubSecrets,
  org: OrgRow,
  { status = "active", expiresAt = null, allowedModels = [], allowedIps = [] }: KeyOptions = {},
): Promise<KeyRow> {
  const id = newId("key");
  const key = generateKey("sk");
  const { prefix, last4 } = keyDisplay(key);
  await sql.query(
    `insert into api_key (id, org_id, app_id, name, prefix, last4, hash, status, expires_at, allowed_models, allowed_ips, created_by)
     values ($1, $2, $3, $1, $4, $5, $6, $7, $8, $9, $10, 'test')`,
    [
      id,
      org.id,
      org.appId,
      prefix,
      last4,
      hashKey(secrets.keyPepper, key),
      status,
      expiresAt,
      allowedModels,
      allowedIps,
    ],
  );
  return { id, key };
}

async function insertPrice(sql: Sql, subject: "model" | "offer", subjectId: string, price: PriceText): Promise<void> {
  await sql.query(
    "insert into price_version (subject, subject_id, rates, content_hash, source, created_by) values ($1, $2, $3, $4, 'api', 'test')",
    [subject, subjectId, JSON.stringify(ratesOf(price)), randomBytes(16).toString("hex")],
  );
}

/** Nano-USD per million units, as the database keeps them. */
/** Stored per million units; a second has a thousand of them. */
const UNITS: Record<string, bigint> = {
  perRequest: 1_000_000n,

  perImage: 1_000_000n,
  perSecond: 1_000n,
};

function ratesOf({ perToolCall, serviceTiers, ...price }: PriceText): Record<string, unknown> {
  const rates = Object.entries(price).map(([name, usd]) => [name, (parseUsd(usd) * (UNITS[name] ?? 1n)).toString()]);
  const calls = Object.entries(perToolCall ?? {}).map(([name, usd]) => [name, (parseUsd(usd) * 1_000_000n).toString()]);
  const tiers = Object.entries(serviceTiers ?? {}).map(([name, own]) => [name, ratesOf(own)]);
  return {
    ...Object.fromEntries(rates),
    ...(perToolCall && { perToolCall: Object.fromEntries(calls) }),
    ...(serviceTiers && { serviceTiers: Object.fromEntries(tiers) }),
  };
}

function suffix(): string {
  return randomBytes(5).toString("hex");
}
